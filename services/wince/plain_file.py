"""Reads a small file that somebody named: never waits for a pipe or a device, never takes more than its cap."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST = 1 << 20
"""Bytes of a settings file, a token file, a PEM file."""


def read(path: Path | str, most: int = MOST) -> bytes:
    """The whole of a regular file. Raises OSError, also where it is no regular file (a folder, a pipe, a device) or larger than `most`
    bytes: `strerror` says so in words for a person."""
    with opened(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"
        raise OSError(errno.EFBIG, f"is larger than {size}")
    return content


def opened(path: Path | str) -> BinaryIO:
    """A regular file of whatever size, to be read. Raises OSError as `read`."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        regular(file.fileno())
    except OSError:
        file.close()
        raise
    return file


def regular(handle: int) -> None:
    """Raises OSError where an open file is no regular file."""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, "is no regular file")


def open_to_others(handle: int) -> bool:
    """Whether an open file that holds a secret can be read, or written, by others than who may.

    Everybody never may. A group may read only what another user owns: so an orchestrator mounts a secret for a process that isn't root
    (0440, root and the pod's group), and so an administrator gives a file to a service. Of its own file the owner can say 0600.
    """
    found = os.fstat(handle)
    beyond = 0o077 if found.st_uid == os.geteuid() else 0o037
    return bool(found.st_mode & beyond)
