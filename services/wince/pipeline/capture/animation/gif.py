"""Animated GIF (GIF89a): its blocks are read here, its pictures are decoded by Pillow one by one and composed by `canvas.py`."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from wince.pipeline.capture.animation.canvas import Dispose, Patch, composed
from wince.pipeline.capture.animation.film import Data, check_count, check_size, damaged, length_us, mapped
from wince.pipeline.capture.media import MediaLimits

_HEAD = struct.Struct("<6sHHBBB")
_PLACE = struct.Struct("<HHHHB")
_DISPOSE = {2: Dispose.CLEAR, 3: Dispose.BEFORE}
"""By the disposal method; 0 (none named), 1 and what is reserved keep the picture."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Where one picture lies in the file, and how it is shown."""

    x: int
    y: int
    width: int
    height: int
    flags: int
    palette: slice
    data: slice
    transparent: int | None
    dispose: Dispose
    length_us: int


class Gif:
    """A GIF's pictures (port `film.Film`). One with a single picture is a still: `len(blocks)`."""

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        """Read the structure. Raises MediaError where it is damaged at its start, too large, or has too many pictures."""
        self._path = path
        self.blocks: list[_Block] = []
        self.whole = False
        self._read(limits)
        self.duration_us = sum(block.length_us for block in self.blocks)

    def pictures(self) -> Iterator[tuple[int, Image.Image]]:
        """See Film.pictures."""
        with mapped(self._path) as data:
            yield from composed(self._size, (self._patch(data, block) for block in self.blocks))

    def _read(self, limits: MediaLimits) -> None:
        with mapped(self._path) as data:
            if len(data) < _HEAD.size:
                raise damaged(self._path)
            _, width, height, flags, _, _ = _HEAD.unpack_from(data, 0)
            at = _HEAD.size
            table = slice(at, at + (3 << (flags & 7) + 1 if flags & 0x80 else 0))
            with suppress(IndexError, struct.error):  # cut off: what was found before is there
                self._blocks(data, table.stop, table, limits)
        if not self.blocks:
            raise damaged(self._path)
        first = self.blocks[0]
        self._size: tuple[int, int] = (width, height) if width and height else (first.x + first.width, first.y + first.height)
        if len(self.blocks) > 1:
            for width, height in (self._size, *((block.width, block.height) for block in self.blocks)):
                check_size(self._path, width, height, limits)

    def _blocks(self, data: Data, at: int, table: slice, limits: MediaLimits) -> None:
        transparent, dispose, delay_ms = None, Dispose.KEEP, 0
        while (kind := data[at]) != 0x3B:
            if kind == 0x21:
                if data[at + 1] == 0xF9 and data[at + 2] >= 4:
                    flags, hundredths, index = struct.unpack_from("<BHB", data, at + 3)
                    transparent = index if flags & 1 else None
                    dispose, delay_ms = _DISPOSE.get(flags >> 2 & 7, Dispose.KEEP), hundredths * 10
                at = _skipped(data, at + 2)
                continue
            if kind != 0x2C:
                return
            x, y, width, height, flags = _PLACE.unpack_from(data, at + 1)
            at += 1 + _PLACE.size
            own = slice(at, at + (3 << (flags & 7) + 1)) if flags & 0x80 else table
            begin = own.stop if flags & 0x80 else at
            at = _skipped(data, begin + 1)
            self.blocks.append(_Block(x, y, width, height, flags & 0x40, own, slice(begin, at), transparent, dispose, length_us(delay_ms)))
            check_count(self._path, len(self.blocks), limits)
            transparent, dispose, delay_ms = None, Dispose.KEEP, 0
        self.whole = True

    def _patch(self, data: Data, block: _Block) -> Patch:
        """The block as a GIF of its own, decoded by Pillow."""
        palette = data[block.palette]
        bits = max(0, (len(palette) // 3).bit_length() - 2)
        alone = io.BytesIO()
        alone.write(_HEAD.pack(b"GIF89a", block.width, block.height, 0, 0, 0))
        if block.transparent is not None:
            alone.write(b"\x21\xf9\x04" + struct.pack("<BHB", 1, 0, block.transparent) + b"\0")
        alone.write(b"\x2c" + _PLACE.pack(0, 0, block.width, block.height, block.flags | (0x80 | bits if palette else 0)))
        alone.write(palette + data[block.data] + b"\x3b")
        with Image.open(alone, formats=("GIF",)) as image:
            return Patch(image.convert("RGBA"), block.x, block.y, True, block.dispose, block.length_us)


def _skipped(data: Data, at: int) -> int:
    """Behind the sub-blocks that begin at `at`. Raises IndexError where the file ends before."""
    while length := data[at]:
        at += 1 + length
    return at + 1
