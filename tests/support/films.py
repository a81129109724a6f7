"""Films made of the bundled clips, with a fault in how they are written: pictures to encode, and what Wince grades them as."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.face_models import fetched
from wince.assess.engine import Engine
from wince.assess.result import ClipResult
from wince.protocols.loader import load
from wince.settings import Settings
from wince.testing import clips

Pixels = NDArray[np.uint8]
RATE = 10
"""Pictures a second of the bundled clips."""


def pictures(name: str, begin_s: float = 0.0, end_s: float = 100.0) -> list[Pixels]:
    """RGB pictures (480, 640, 3) of a bundled clip, from `begin_s` to before `end_s`."""
    with av.open(str(clips.clip(name))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return frames[round(begin_s * RATE) : round(end_s * RATE)]


def packets(
    shown: Iterable[Pixels], *, codec: str = "libx264", options: dict[str, str] | None = None, aspect: Fraction | None = None
) -> list[av.Packet]:
    """One picture after the other, of one size, stamped 0, 1, 2 in units of a tenth of a second."""
    encoder, out = None, list[av.Packet]()
    for number, pixels in enumerate(shown):
        if encoder is None:
            encoder = av.CodecContext.create(codec, "w")
            encoder.height, encoder.width = pixels.shape[:2]
            encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, RATE), Fraction(RATE)
            encoder.options = {"crf": "18", "preset": "veryfast", "bf": "0", "g": "10"} | (options or {})
            if aspect is not None:
                encoder.sample_aspect_ratio = aspect
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = number, encoder.time_base
        out += encoder.encode(frame)
    assert encoder is not None
    return [*out, *encoder.encode(None)]


def mux(
    path: Path,
    written: Iterable[tuple[av.Packet, int]],
    size: tuple[int, int] = (640, 480),
    codec: str = "libx264",
    decoded_ms: Callable[[int], int] | None = None,
    **options: str,
) -> Path:
    """Writes packets, each with its presentation time in milliseconds, as one stream. `decoded_ms`: the time of decoding by the packet's
    number, where it is another."""
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
        for number, (packet, at_ms) in enumerate(written):
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts, packet.dts = at_ms, at_ms if decoded_ms is None else decoded_ms(number)
            packet.duration = 1000 // RATE
            out.mux(packet)
    return path


def timed(written: Iterable[av.Packet], at_ms: Callable[[int], int] = lambda number: number * 100) -> Iterator[tuple[av.Packet, int]]:
    """Each packet with the time that the function of its number gives, milliseconds."""
    return ((packet, at_ms(number)) for number, packet in enumerate(written))


def put(canvas: Pixels, pixels: Pixels, x: int, y: int, width: int, height: int) -> Pixels:
    """The canvas with a picture scaled into a rectangle of it."""
    out = canvas.copy()
    out[y : y + height, x : x + width] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return out


def assess(path: Path) -> ClipResult:
    """What `wince assess` makes of a film by the default protocol. Skips the calling test where the face models can't be had."""
    return _engine().assess(path)


@cache
def _engine() -> Engine:
    fetched()
    return Engine(Settings(), load("activity"))
