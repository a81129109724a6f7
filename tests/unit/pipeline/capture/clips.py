"""Clips with a number drawn into every picture, so that a test can read back which picture it was given."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 16


def numbered(number: int, width: int = 320, height: int = 192) -> np.ndarray:
    """RGB picture whose middle band holds 16 black or white cells (most significant bit left); a red square top left."""
    pixels = np.full((height, width, 3), 110, np.uint8)
    pixels[: height // 4, : width // 4] = (220, 20, 20)
    cell = width // BITS
    for bit in range(BITS):
        value = 235 if number >> (BITS - 1 - bit) & 1 else 16
        pixels[height // 3 : 2 * height // 3, bit * cell : (bit + 1) * cell] = value
    return pixels


def number_of(pixels: np.ndarray) -> int:
    """The number that `numbered` drew, from an upright picture of any size."""
    height, width, _ = pixels.shape
    band = pixels[int(height * 0.45) : int(height * 0.55)].mean(axis=(0, 2))
    cells = [band[int((bit + 0.3) * width / BITS) : int((bit + 0.7) * width / BITS)].mean() for bit in range(BITS)]
    return int("".join("1" if value > 125 else "0" for value in cells), 2)


def is_upright(pixels: np.ndarray) -> bool:
    """Is the red square top left?"""
    corner = pixels[: pixels.shape[0] // 8, : pixels.shape[1] // 8].reshape(-1, 3).mean(axis=0)
    return bool(corner[0] > 150 and corner[1] < 90)


def write(
    path: Path,
    times_ms: Iterable[int],
    *,
    codec: str = "libx264",
    container: str | None = None,
    size: tuple[int, int] = (320, 192),
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    audio_s: float = 0,
    rate: int = 25,
    gop: int = 25,
    rotation: int = 0,
    aspect: Fraction | None = None,
) -> Path:
    """Encode picture n at times_ms[n]; returns `path`."""
    tick = Fraction(1, rate) if codec in {"mpeg2video", "mjpeg"} else Fraction(1, 1000)
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        stream = out.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = tick
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        sound = out.add_stream("aac", rate=44100, layout="mono") if audio_s else None
        for number, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
            frame.pts, frame.time_base = round(Fraction(time_ms, 1000) / tick), tick
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            for start in range(0, int(audio_s * 44100), 1024):
                tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                tone.sample_rate, tone.pts, tone.time_base = 44100, start, Fraction(1, 44100)
                out.mux(sound.encode(tone))
            out.mux(sound.encode(None))
    return path


Part = tuple[tuple[int, int], Fraction | None, int]
"""Pictures of one kind: (width, height), aspect of a pixel, how many."""


def spliced(path: Path, parts: list[Part], *, declared: Fraction | None = None, reordered: int = 0) -> Path:
    """An H.264 film, 10 a second, whose parts were encoded each on its own: what differs is said by the pictures alone. Pictures are
    numbered through. `declared`: the container's aspect. `reordered`: pictures that may be predicted from later ones, in a row."""
    number = 0
    with av.open(str(path), "w") as out:
        for size, aspect, many in parts:
            begin, encoder = number, av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height = size
            encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 10), Fraction(10)
            encoder.options, encoder.max_b_frames = {"b-adapt": "0"}, reordered
            if aspect is not None:
                encoder.sample_aspect_ratio = aspect
            packets = []
            for number in range(begin, begin + many):
                frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
                frame.pts, frame.time_base = number, encoder.time_base
                packets += encoder.encode(frame)
            packets += encoder.encode(None)
            if begin == 0:
                stream = out.add_stream("libx264", rate=10)
                stream.width, stream.height = size
                stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
                if declared is not None:
                    stream.codec_context.sample_aspect_ratio = declared
            for packet in packets:
                packet.stream, packet.time_base = stream, Fraction(1, 10)
                out.mux(packet)
            number += 1
    return path


def with_matrix(path: Path, a: float, b: float, c: float, d: float) -> Path:
    """The mp4 with another display matrix (ISO/IEC 14496-12 8.3.2, track header): stored (p, q) is shown at (a p + c q, b p + d q)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: flags, four times and an id, 12 bytes, layer, group, volume
    fixed = [round(value * 65536) for value in (a, b)] + [0] + [round(value * 65536) for value in (c, d)] + [0, 0, 0, 1 << 30]
    data[at : at + 36] = struct.pack(">9i", *fixed)
    path.write_bytes(data)
    return path
