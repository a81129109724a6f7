"""Files that are written whole or not at all; what the operating system says about writing, by name."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wince.errors import ResourceError

_SYSTEM = ("/dev/", "/proc/")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that no reader ever sees half of it. A link's target is written, not the link;
    a device or pipe, and what a name below /dev or /proc stands for (/dev/stdout), is written directly.

    Raises ResourceError (disk full, no permission); what stood there before then still stands.
    """
    try:
        if is_direct(path):
            with path.open("ab" if path.is_file() else "wb") as stream:
                stream.write(content)
            return
        with replacing(path) as part, part.open("xb") as stream:
            stream.write(content)
    except OSError as error:
        raise unwritable(error, path) from None


def is_direct(path: Path) -> bool:
    """Whether a name is a device or pipe, or stands for something below /dev or /proc: written as it is, with no other name beside it."""
    return (path.exists() and not path.is_file()) or os.path.abspath(path).startswith(_SYSTEM)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Another name beside `path` to write a large file under; after the block it is renamed. Where the block raises, it is gone.

    Raises ResourceError (disk full, no permission) in place of OSError; what stood at `path` before then still stands.
    """
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(error, path) from None


def unwritable(error: OSError, path: Path) -> ResourceError:
    """What the operating system says about writing, by name."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        why = f"the disk is full ({error.strerror})"
        return ResourceError(why, field=path, remedy="free space, or name another place, and start again")
    return ResourceError(
        f"can't be written: {error.strerror or type(error).__name__}", field=path, remedy="name a place that you may write"
    )
