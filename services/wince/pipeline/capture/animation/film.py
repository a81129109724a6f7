"""What a file of several pictures is, whatever its format: how long it lasts, and its pictures one after the other."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from PIL import Image

from wince.domain.frame import US
from wince.errors import MediaError
from wince.pipeline.capture.media import MediaLimits, reading

Data = mmap.mmap
"""A file's bytes."""
HASTY_MS = 10.0
"""A picture that asks for so little time, or none, is shown for USUAL_MS: all browsers do that with GIF, WebP and APNG."""
USUAL_MS = 100.0


class Film(Protocol):
    """The pictures of one file. Only numbers are known before they are asked for; one picture is in memory at a time."""

    duration_us: int
    """Length that the file declares, microseconds."""
    whole: bool
    """False: the file was cut off; what is there comes, then nothing."""

    def pictures(self) -> Iterator[tuple[int, Image.Image]]:
        """Each picture as it is seen, with its length in microseconds; a picture is valid until the next one is asked for.

        Raises what Pillow raises (`still.BROKEN`) where the file is damaged.
        """
        ...


def length_us(milliseconds: float) -> int:
    """How long a picture is shown that asks for so many milliseconds.

    >>> length_us(0), length_us(10), length_us(20)
    (100000, 100000, 20000)
    """
    return round((USUAL_MS if milliseconds <= HASTY_MS else milliseconds) * US / 1000)


@contextmanager
def mapped(path: Path) -> Iterator[Data]:
    """The file's bytes, read where they are looked at. Raises MediaError or ResourceError; the file is not empty (`check_file`)."""
    with reading(path), path.open("rb") as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    with data:
        yield data


def check_size(path: Path, width: int, height: int, limits: MediaLimits) -> None:
    """Raises MediaError where a film's pictures are too large; asked before one is decoded."""
    if width * height > limits.max_pixels:
        raise MediaError(
            f"its pictures have {width} x {height} pixels, more than the limit of {limits.max_pixels} in all",
            field=path,
            remedy="export it smaller (1080p is enough), or raise the limit max_pixels",
        )


def check_count(path: Path, count: int, limits: MediaLimits) -> None:
    """Raises MediaError where there are too many pictures; asked while they are counted."""
    if count > limits.max_pictures:
        raise MediaError(
            f"it has more than {limits.max_pictures} pictures",
            field=path,
            remedy="split it, convert it to a video (`ffmpeg -i FILE out.mp4`), or raise the limit max_pictures",
        )


def damaged(path: Path) -> MediaError:
    """The file's own structure can't be followed."""
    return MediaError("the picture is damaged", field=path, remedy="open it in a picture viewer and save it again, or copy it again")
