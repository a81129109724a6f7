"""This machine: Python, protocol, room on the disk, where things lie."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from wince.serve import protocols
from wince.serve.checks.finding import Finding, missing, ok
from wince.settings import Settings

MIN_FREE = 1 << 30
"""Bytes that should be free where state is kept."""


def python(_: Settings) -> Iterator[Finding]:
    """The interpreter's version."""
    version = sys.version.split()[0]
    yield ok("python", version) if (3, 11) <= sys.version_info[:2] < (3, 14) else missing("python", version, "use Python 3.11 to 3.13")


def protocol(settings: Settings) -> Iterator[Finding]:
    """The protocols that are set, with their models."""
    every = protocols.protocol_set(settings).every.values()
    yield ok("protocol", "; ".join(f"{one.name}, rule {one.rule[:12]}" for one in every))


def disk(settings: Settings) -> Iterator[Finding]:
    """Room where state and models are kept, and where that is."""
    for what, folder, field in (("disk", settings.state_dir, "WINCE_STATE_DIR"), ("models' disk", settings.models_dir, "WINCE_MODELS_DIR")):
        there = nearest(folder.expanduser().resolve())
        free = shutil.disk_usage(there).free
        where = f"{folder}" if there == folder.resolve() else f"{folder} (made at the first start)"
        if folder == settings.state_dir and not os.access(there, os.W_OK):  # also of a file system that is mounted read-only
            yield missing(what, f"{field}: {where} can't be written", "name a folder that you may write")
        elif free < MIN_FREE:
            yield missing(what, f"{field}: {free >> 20} MiB free at {where}", "free 1 GiB, or name another folder")
        else:
            yield ok(what, f"{free >> 30} GiB free at {where}")


def nearest(folder: Path) -> Path:
    """The folder, or the nearest around it that is there."""
    while not folder.is_dir():
        folder = folder.parent
    return folder
