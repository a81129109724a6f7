"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from wince.assess.result import ClipResult
from wince.errors import ResourceError
from wince.protocols.rules import ClinicalProtocol

Write = Callable[[Sequence[ClipResult], Path, ClinicalProtocol], list[Path]]
"""Writes a report of results into a folder and gives the files, the one to open first."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that no reader ever sees half of it. A device or pipe is written directly.

    Raises ResourceError (disk full, no permission); what stood there before then still stands.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                stream.write(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(error, path) from None


def write_report(results: Sequence[ClipResult], folder: Path, protocol: ClinicalProtocol, write: Write) -> list[Path]:
    """Let `write` fill a folder beside `folder`, then move every file into place; when it can't be finished nothing is left of it.

    Gives the files in `folder`, the one to open first. Raises ResourceError.
    """
    staging = folder.parent / f".{folder.name}-{os.getpid()}.part"
    try:
        staging.mkdir(parents=True)
        written = write(results, staging, protocol)
        for path in sorted(staging.rglob("*")):
            if path.is_file():
                place = folder / path.relative_to(staging)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
        return [folder / path.relative_to(staging) for path in written]
    except OSError as error:
        raise unwritable(error, folder) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def unwritable(error: OSError, path: Path) -> ResourceError:
    """What the operating system says about writing, by name."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        why = f"the disk is full ({error.strerror})"
        return ResourceError(why, field=str(path), remedy="free space, or name another place, and start again")
    return ResourceError(
        f"can't be written: {error.strerror or type(error).__name__}", field=str(path), remedy="name a place that you may write"
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
