"""Formats whose decoder gives whole pictures: animated WebP, animated AVIF, and the pages of a TIFF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from wince.domain.frame import US
from wince.errors import MediaError
from wince.pipeline.capture.animation.film import Data, check_count, check_size, damaged, length_us, mapped
from wince.pipeline.capture.media import MediaLimits

MAX_BYTES = 512 << 20
"""Largest animated WebP or AVIF: their decoders hold the whole file in memory."""
_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType (TIFF 6.0, tag 254): a smaller copy of another page, a transparency mask."""


class Webp:
    """An animated WebP (port `film.Film`): libwebp composes it. A still has fewer than two `lengths_us`."""

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        """Read the structure (the WebP container specification). Raises MediaError where it is too large or has too many pictures."""
        self._path, self.lengths_us, self.whole = path, list[int](), True
        with mapped(path) as data:
            if data[12:16] != b"VP8X" or len(data) < 30 or not data[20] & 2:
                self.duration_us = 0
                return
            check_size(path, _three(data, 24) + 1, _three(data, 27) + 1, limits)
            self._read(data, limits)
        _check_bytes(path, "WebP")
        self.duration_us = sum(self.lengths_us)

    def pictures(self) -> Iterator[tuple[int, Image.Image]]:
        """See Film.pictures."""
        with Image.open(self._path, formats=("WEBP",)) as image:
            for number, length in enumerate(self.lengths_us):
                image.seek(number)
                image.load()
                yield length, image

    def _read(self, data: Data, limits: MediaLimits) -> None:
        at, end = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
        self.whole = end == 8 + struct.unpack_from("<I", data, 4)[0]
        while at + 8 <= end:
            (length,) = struct.unpack_from("<I", data, at + 4)
            if data[at : at + 4] == b"ANMF" and at + 24 <= end:
                self.lengths_us.append(length_us(_three(data, at + 8 + 12)))
                check_count(self._path, len(self.lengths_us), limits)
            at += 8 + length + length % 2


class Avif:
    """An AVIF (port `film.Film`), by libavif; one with a single picture is a still: `count`."""

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        """Open it. Raises MediaError where it can't be read, is too large, or has too many pictures."""
        _check_bytes(path, "AVIF")
        self._path, self.whole, self.duration_us = path, True, 0
        with self._open() as image:
            self.count: int = getattr(image, "n_frames", 1)
            if self.count > 1:
                check_size(path, *image.size, limits)
                check_count(path, self.count, limits)

    def pictures(self) -> Iterator[tuple[int, Image.Image]]:
        """See Film.pictures."""
        with self._open() as image:
            for number in range(self.count):
                image.seek(number)
                image.load()
                yield length_us(image.info["duration"]), image

    def _open(self) -> Image.Image:
        try:
            return Image.open(self._path, formats=("AVIF",))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise damaged(self._path) from None


class Pages:
    """A TIFF's pages as a film of `rate_hz` pages a second (port `film.Film`); smaller copies and masks of a page are none."""

    def __init__(self, path: Path, rate_hz: float, numbers: tuple[int, ...]) -> None:
        """`numbers`: what `pages` gave."""
        self._path, self._numbers, self.whole = path, numbers, True
        self._ends = [round((number + 1) * US / rate_hz) for number in range(len(numbers))]
        self.duration_us = self._ends[-1]

    def pictures(self) -> Iterator[tuple[int, Image.Image]]:
        """See Film.pictures."""
        with Image.open(self._path, formats=("TIFF",)) as image:
            for begin, end, number in zip([0, *self._ends], self._ends, self._numbers, strict=False):
                image.seek(number)
                yield end - begin, image


def pages(path: Path, limits: MediaLimits) -> tuple[int, ...]:
    """Numbers of a TIFF's pages, from 0 (TIFF 6.0 section 2, and BigTIFF); (0,) where no structure can be followed.

    Raises MediaError where several pages are too large or too many.
    """
    found: list[int] = []
    sizes: list[tuple[int, int]] = []
    with mapped(path) as data:
        for number, (kind, width, height) in enumerate(_directories(data)):
            check_count(path, number + 1, limits)
            if not kind & (_REDUCED | _MASK):
                found.append(number)
                sizes.append((width, height))
    if len(found) > 1:
        for width, height in sizes:
            check_size(path, width, height, limits)
    return tuple(found) or (0,)


def _directories(data: Data) -> Iterator[tuple[int, int, int]]:
    """NewSubfileType, width and height of each directory in the chain."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"\x2b\0", b"\0\x2b")
    offset, count, entry, skip = ("Q", "Q", "HHQ", 20) if big else ("I", "H", "HHI", 12)
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + offset, data, 8 if big else 4)
        while at and at not in seen:
            seen.add(at)
            (entries,) = struct.unpack_from(order + count, data, at)
            at += struct.calcsize("=" + count)
            values = dict.fromkeys((254, 256, 257), 0)
            for place in range(at, at + entries * skip, skip):
                tag, kind, _ = struct.unpack_from(order + entry, data, place)
                if tag in values:
                    value = "H" if kind == 3 else "I"
                    (values[tag],) = struct.unpack_from(order + value, data, place + struct.calcsize("=" + entry))
            yield values[254], values[256], values[257]
            (at,) = struct.unpack_from(order + offset, data, at + entries * skip)
    except struct.error:
        return


def _check_bytes(path: Path, kind: str) -> None:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise MediaError(
            f"the file has {size} bytes, more than the limit of {MAX_BYTES} for {kind}",
            field=path,
            remedy="convert it to a video (`ffmpeg -i FILE out.mp4`)",
        )


def _three(data: Data, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
