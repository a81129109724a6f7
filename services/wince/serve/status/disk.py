"""The disks: how much is free where state and models lie."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from wince.serve.checks.machine import MIN_FREE, nearest
from wince.serve.status.interface import Figures, Look, Row, State

BAD = 200 << 20
"""Bytes free below which PostgreSQL may stop at any moment."""


def disk(look: Look) -> list[Row]:
    """One row for each folder that lies on a disk of its own."""
    places = {"state": look.places.root, "models": look.settings.models_dir.expanduser(), "checkpoints": look.places.checkpoints.parent}
    seen: dict[int, Row] = {}
    for name, folder in places.items():
        there = nearest(folder)
        seen.setdefault(os.stat(there).st_dev, _row(name, folder, shutil.disk_usage(there).free))
    return list(seen.values())


def _row(name: str, folder: Path, free: int) -> Row:
    said = f"{free / (1 << 30):.1f} GiB free at {folder}"
    figures: Figures = {"free_bytes": free, "folder": str(folder)}
    if free >= MIN_FREE:
        return Row("disk", name, State.OK, said, figures=figures)
    state = State.WARNING if free >= BAD else State.BAD
    remedy = "free space there; nothing committed is lost"
    return Row("disk", name, state, said, reason="less than 1 GiB is free", remedy=remedy, figures=figures)
