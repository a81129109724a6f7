"""Standard input as an input: a video or picture that is piped in. Decoders jump about in a file, so it is kept in one while it is
looked at; the file is this account's alone and goes with the call."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from wince.errors import ConfigError, MediaError, ResourceError

NAME = "-"
MAX_BYTES = 4 << 30
"""Most bytes that are taken: an hour of 1080p from a hospital's camera has about 2 GiB."""
_PIECE = 1 << 20


def check_piped(paths: Sequence[str], stream: BinaryIO | None = None) -> None:
    """Raises ConfigError where standard input is named and is a terminal: it would be waited for, for ever."""
    if NAME in paths and (sys.stdin.buffer if stream is None else stream).isatty():
        raise ConfigError("nothing is piped in", field=NAME, remedy="such as: cat clip.mp4 | wince assess -")


@contextmanager
def piped(paths: Sequence[str], stream: BinaryIO | None = None, *, most: int = MAX_BYTES) -> Iterator[Path | None]:
    """The file that holds what is piped in, while the block lasts; None where no path is "-".

    Raises MediaError (too much), ResourceError (the disk is full).
    """
    if NAME not in paths:
        yield None
        return
    source = sys.stdin.buffer if stream is None else stream
    with tempfile.TemporaryDirectory(prefix="wince-") as folder:
        path = Path(folder) / "standard-input"
        _take(source, path, most)
        yield path


def _take(source: BinaryIO, path: Path, most: int) -> None:
    taken = 0
    try:
        with path.open("xb") as out:
            while piece := source.read(_PIECE):
                taken += len(piece)
                if taken > most:
                    raise MediaError(
                        f"more than {most} bytes are piped in", field="standard input", remedy="write it to a file and name that"
                    )
                out.write(piece)
    except OSError as error:
        raise ResourceError(
            f"standard input can't be kept: {error.strerror}", field=path.parent, remedy="free space, or set TMPDIR to another folder"
        ) from None
