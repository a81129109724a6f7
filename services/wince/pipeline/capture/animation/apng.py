"""Animated PNG (PNG third edition, section 11.3.6): its chunks are read here, each picture is decoded by Pillow as a PNG of its own."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from wince.pipeline.capture.animation.canvas import Dispose, Patch, composed
from wince.pipeline.capture.animation.film import Data, check_count, check_size, damaged, length_us, mapped
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.still import eight_bit

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CONTROL = struct.Struct(">IIIIIHHBB")
_SHARED = (b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT")
"""Chunks before the pictures that say how all of them are decoded."""


@dataclass(slots=True)
class _Part:
    """One picture of the animation."""

    control: tuple[int, ...]
    """fcTL: sequence, width, height, x, y, delay as a fraction of a second (2), dispose_op, blend_op."""
    data: list[slice] = field(default_factory=list)
    """Its compressed pixels."""


class Apng:
    """An APNG's pictures (port `film.Film`). A PNG without animation has no `parts`.

    The picture that viewers without animation show (IDAT without a control chunk before it) is no part of the film.
    """

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        """Read the structure. Raises MediaError where it is too large, has too many pictures, or contradicts itself."""
        self._path = path
        self.parts: list[_Part] = []
        self.whole = False
        self._head = b""
        self._size = (0, 0)
        self._shared: list[slice] = []
        with mapped(path) as data:
            self._read(data, limits)
        self.duration_us = sum(_length_us(part) for part in self.parts)

    def pictures(self) -> Iterator[tuple[int, Image.Image]]:
        """See Film.pictures."""
        with mapped(self._path) as data:
            yield from composed(self._size, (self._patch(data, number, part) for number, part in enumerate(self.parts)))

    def _read(self, data: Data, limits: MediaLimits) -> None:
        animated = False
        for kind, body, whole in _chunks(data):
            if kind == b"IHDR":
                self._head = data[body]
            elif kind == b"acTL" and len(self._head) == 13:
                animated = True
                width, height = struct.unpack_from(">II", self._head)
                check_size(self._path, width, height, limits)
                self._size = (width, height)
            elif kind == b"IDAT" and not animated:
                return
            elif kind in _SHARED:
                self._shared.append(whole)
            elif kind == b"fcTL" and animated:
                self._begin(data[body], limits)
            elif kind == b"IDAT" and self.parts:
                self.parts[-1].data.append(body)
            elif kind == b"fdAT" and self.parts:
                self.parts[-1].data.append(slice(body.start + 4, body.stop))
            elif kind == b"IEND":
                self.whole = True
        if self.parts and not self.parts[-1].data:
            self.parts.pop()

    def _begin(self, control: bytes, limits: MediaLimits) -> None:
        if len(control) != _CONTROL.size:
            raise damaged(self._path)
        values = _CONTROL.unpack(control)
        _, width, height, x, y, *_ = values
        if not (0 < width <= self._size[0] - x and 0 < height <= self._size[1] - y):
            raise damaged(self._path)
        self.parts.append(_Part(values))
        check_count(self._path, len(self.parts), limits)

    def _patch(self, data: Data, number: int, part: _Part) -> Patch:
        """The part as a PNG of its own."""
        _, width, height, x, y, _, _, dispose, blend = part.control
        alone = io.BytesIO()
        alone.write(SIGNATURE + _chunk(b"IHDR", struct.pack(">II", width, height) + self._head[8:]))
        for shared in self._shared:
            alone.write(data[shared])
        for piece in part.data:
            alone.write(_chunk(b"IDAT", data[piece]))
        alone.write(_chunk(b"IEND", b""))
        how = Dispose(dispose) if dispose in (0, 1, 2) else Dispose.KEEP
        if number == 0 and how is Dispose.BEFORE:  # as the specification says: there is nothing before
            how = Dispose.CLEAR
        with Image.open(alone, formats=("PNG",)) as image:
            pixels = (eight_bit(image) if image.mode.startswith("I") else image).convert("RGBA")
        return Patch(pixels, x, y, blend == 1, how, _length_us(part))


def _length_us(part: _Part) -> int:
    numerator, denominator = part.control[5:7]
    return length_us(1000 * numerator / (denominator or 100))


def _chunks(data: Data) -> Iterator[tuple[bytes, slice, slice]]:
    """Kind, body and whole of each chunk; ends where the file is cut off."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            return
        yield data[at + 4 : at + 8], slice(at + 8, at + 8 + length), slice(at, at + 12 + length)
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
