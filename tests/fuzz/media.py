"""Videos and pictures: small ones of every kind that is read, spoilt in headers, bytes, length and order.

Allowed: frames that are RGB uint8 of a sane size with times that don't run back, to the end; or a MediaError or ResourceError that names
the file and a remedy. Which picture a damaged byte gives is not asked: that a damaged picture is not scored has tests of its own.
"""

from __future__ import annotations

import io
import os
import random
import tempfile
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.fuzz import told
from wince.domain.frame import Frame
from wince.errors import MediaError, ResourceError
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.media import MediaLimits

NAME = "media"
SUITE = 150
"""A case opens, decodes and often reads a whole file."""
LIMITS = MediaLimits(
    max_bytes=64 << 20, max_pixels=4_000_000, max_still_pixels=4_000_000, max_pictures=200, max_duration_us=600 * 1_000_000
)
VIDEOS = (("mp4", "libx264"), ("mov", "mjpeg"), ("matroska", "libx264"), ("mpegts", "mpeg2video"), ("avi", "mpeg4"), ("webm", "libvpx"))
STILLS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MOST = 300
"""Frames and beats that a case reads at most: the shortest of these clips has 12 pictures."""
SIZES = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01", b"\x80\x00\x00\x00")


@dataclass(frozen=True)
class Case:
    """A file's bytes and name."""

    raw: bytes
    name: str
    rate_hz: float
    rotation: int


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    kinds = [*VIDEOS, *STILLS, "animated GIF", "animated WEBP", "junk"]
    kind = chance.choice(kinds)
    raw = chance.randbytes(chance.choice([1, 8, 64, 4096])) if kind == "junk" else _whole(kind)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        raw = chance.choice([_bytes, _bytes, _size, _cut, _hole, _twice, _order, _zeros, _head, _tail])(raw, chance)
    ending = chance.choice(["mp4", "mkv", "avi", "ts", "jpg", "png", "gif", "webp", "tif", "txt", ""])
    return Case(raw, f"clip.{ending}" if ending else "clip", chance.choice([1.0, 5.0, 10.0, 30.0]), chance.choice([0, 0, 90, 180, 270]))


def check(one: Case) -> None:
    """Raises AssertionError for frames that are none, or an error that names too little."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / one.name
        path.write_bytes(one.raw)
        open_before = len(os.listdir("/proc/self/fd"))
        try:
            source = open_source(path, rate_hz=one.rate_hz, rotation=one.rotation, limits=LIMITS, pages_hz=5.0)
            try:
                _sane(list(islice(source, MOST)))
            finally:
                source.close()
        except (MediaError, ResourceError) as error:
            told(error.message, error.field.partition(str(path))[1], error.remedy)
        assert len(os.listdir("/proc/self/fd")) <= open_before, "left a file open"


def _sane(items: list[object]) -> None:
    last = -1
    for item in items:
        if isinstance(item, Frame):
            assert item.pixels.dtype == np.uint8, item.pixels.dtype
            assert item.pixels.ndim == 3, item.pixels.shape
            assert item.pixels.shape[2] == 3, item.pixels.shape
            assert max(item.pixels.shape) <= LIMITS.working_side, item.pixels.shape
            assert item.time_us > last, f"runs back: {last} -> {item.time_us}"
            last = item.time_us


@cache
def _whole(kind: str | tuple[str, str]) -> bytes:
    made = io.BytesIO()
    rng = np.random.default_rng(7)
    shapes = [np.kron(rng.integers(0, 255, (6, 8, 3), np.uint8), np.ones((16, 16, 1), np.uint8)) for _ in range(12)]
    if isinstance(kind, tuple):
        container, codec = kind
        with av.open(made, "w", format=container) as target:
            stream = target.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for shape in shapes:
                target.mux(stream.encode(av.VideoFrame.from_ndarray(shape, format="rgb24")))
            target.mux(stream.encode())
    elif kind.startswith("animated "):
        first, *others = [Image.fromarray(shape) for shape in shapes]
        first.save(made, kind.removeprefix("animated "), save_all=True, append_images=others, duration=100)
    else:
        Image.fromarray(shapes[0]).save(made, kind)
    return made.getvalue()


def _at(raw: bytes, chance: random.Random) -> int:
    """A place, mostly in the header."""
    return chance.randrange(min(len(raw), chance.choice([64, 512, len(raw)])) + 1) if raw else 0


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    found = bytearray(raw)
    for _ in range(chance.choice([1, 2, 8, 64])):
        if found:
            found[min(_at(raw, chance), len(found) - 1)] = chance.randrange(256)
    return bytes(found)


def _size(raw: bytes, chance: random.Random) -> bytes:
    at = _at(raw, chance)
    put = chance.choice(SIZES)
    return raw[:at] + put + raw[at + 4 :]


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _hole(raw: bytes, chance: random.Random) -> bytes:
    at = _at(raw, chance)
    return raw[:at] + raw[at + chance.randint(1, 2000) :]


def _twice(raw: bytes, chance: random.Random) -> bytes:
    at, long = _at(raw, chance), chance.randint(1, 2000)
    return raw[:at] + raw[at : at + long] * chance.choice([2, 2, 50]) + raw[at + long :]


def _order(raw: bytes, chance: random.Random) -> bytes:
    one, other = sorted((_at(raw, chance), _at(raw, chance)))
    return raw[other:] + raw[one:other] + raw[:one]


def _zeros(raw: bytes, chance: random.Random) -> bytes:
    at, long = _at(raw, chance), chance.randint(1, 5000)
    return raw[:at] + bytes(len(raw[at : at + long])) + raw[at + long :]


def _head(raw: bytes, chance: random.Random) -> bytes:
    return chance.choice([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"\x1aE\xdf\xa3", b"\x00\x00\x00\x18ftypmp42"]) + raw


def _tail(raw: bytes, chance: random.Random) -> bytes:
    return raw + chance.randbytes(chance.choice([1, 100, 100_000]))
