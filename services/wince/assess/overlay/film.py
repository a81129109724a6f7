"""Writes the overlay film: every picture of the input at its own time, its panel beside it; no sound. H.264 in mp4, which browsers play.

The file is written under another name and renamed when it is whole. What it was made from stands in its comment as a hash, so that a call
that is started again leaves it alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from wince.assess.inputs.view import View
from wince.assess.overlay.panel import TALL, WIDE, Panel
from wince.assess.overlay.track import CONTOURS, Track
from wince.assess.result import ClipResult, FrameRow
from wince.domain.frame import US, Beat, Frame
from wince.errors import MediaError, ResourceError
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.media import MediaLimits
from wince.protocols.rules import ClinicalProtocol
from wince.report.write_whole import replacing

ENCODER = "libx264"
MOST_HZ = 100.0
"""Pictures a second that are shown at most."""
SIDE, LEAST = 1280, 480
"""Longer side of the picture at most, shorter side at least, pixels: what is smaller is enlarged, so that letters can be read."""
_TICK = Fraction(1, 90_000)
_LINE, _EDGE, _ALERT = (94, 200, 242), (17, 22, 29), (215, 38, 61)


def check_encoder() -> None:
    """Raises ResourceError where this PyAV can't write H.264."""
    try:
        av.Codec(ENCODER, "w")
    except UnknownCodecError:
        raise ResourceError(
            f"the installed PyAV has no {ENCODER}, so no film can be written",
            field="--overlay",
            remedy="install PyAV from its own wheel: pip install --force-reinstall --only-binary av av",
        ) from None


def made_from(path: Path) -> str:
    """The hash in the comment of a film that `write` finished; empty where there is none."""
    try:
        with av.open(str(path), metadata_errors="ignore") as film:
            return film.metadata.get("comment", "")
    except (av.error.FFmpegError, OSError, ValueError):
        return ""


def write(
    path: Path, target: Path, key: str, result: ClipResult, track: Track, protocol: ClinicalProtocol, view: View,
    progress: Callable[[float], None],
) -> None:  # fmt: skip
    """Write the overlay of the film at `path`, which came to `result`, to `target`. `key`: what `made_from` shall give.

    Raises MediaError (no picture), ResourceError (it can't be written); then `target` is as it was.
    """
    limits = MediaLimits(working_side=SIDE)
    source = open_source(path, result.source, rate_hz=MOST_HZ, rotation=view.rotation, limits=limits, pages_hz=view.rate_hz, held=False)
    drawn = _Overlay(result, track, protocol)
    try:
        with replacing(target) as part:
            try:
                _encode(source, part, key, drawn, result.duration_s, progress)
            except av.error.FFmpegError as error:
                raise OSError(error.errno, error.strerror) from None
    finally:
        source.close()


def _encode(source: Source, part: Path, key: str, drawn: _Overlay, duration_s: float, progress: Callable[[float], None]) -> None:
    """Raises FFmpegError where the file can't be written."""
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        out.metadata["comment"] = key
        stream: VideoStream | None = None
        for message in source:
            if isinstance(message, Beat):
                progress(min(1.0, message.time_us / US / max(duration_s, 1e-6)))
                continue
            picture = drawn.draw(message)
            if stream is None:
                stream = _stream(out, picture)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(Fraction(message.time_us, US) / _TICK), _TICK
            out.mux(stream.encode(frame))
        if stream is None:
            raise MediaError("no picture could be decoded for the overlay", field="--overlay", remedy="play the input in a video player")
        out.mux(stream.encode(None))


def _stream(out: OutputContainer, picture: NDArray[np.uint8]) -> VideoStream:
    stream = out.add_stream(ENCODER, rate=25, options={"preset": "veryfast", "crf": "22"})
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = _TICK
    stream.codec_context.thread_count = 1
    return stream


class _Overlay:
    """Pictures with what was seen in them; all of one size, that of the first."""

    def __init__(self, result: ClipResult, track: Track, protocol: ClinicalProtocol) -> None:
        self._result, self._track, self._protocol = result, track, protocol
        self._times = [round(row.time_s * US) for row in result.frames]
        self._step_us = round(US / protocol.detect.rate_hz)
        self._size: tuple[int, int] | None = None
        self._shown: tuple[int, bool] | None = None
        self._beside: NDArray[np.uint8]

    def draw(self, frame: Frame) -> NDArray[np.uint8]:
        """RGB uint8, C-contiguous, of even width and height."""
        if self._size is None:
            self._begin(frame.pixels)
        assert self._size is not None
        picture = _fitted(frame.pixels, self._size)
        alert = any(one.start_us <= frame.time_us < one.end_us for one in self._result.alerts)
        points = self._track.at(frame.time_us)
        if points is not None:
            self._outline(picture, points, frame.pixels.shape, _ALERT if alert else _LINE)
        if alert:
            edge = max(3, self._unit // 3)
            cv2.rectangle(picture, (edge // 2, edge // 2), (self._size[0] - edge // 2 - 1, self._size[1] - edge // 2 - 1), _ALERT, edge)
        return np.ascontiguousarray(np.hstack([picture, self._panel(frame.time_us, alert)]))

    def _begin(self, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        scale = max(1.0, LEAST / min(height, width)) if max(height, width) * LEAST / min(height, width) <= SIDE * 2 else 1.0
        wide, tall = round(width * scale), max(round(height * scale), LEAST)
        self._size = (wide - wide % 2, tall - tall % 2)
        self._unit = max(12, min(self._size[1] // TALL, round(self._size[0] / WIDE))) // 2 * 2
        self._maker = Panel(self._result, self._protocol, self._unit, self._size[1])

    def _outline(self, picture: NDArray[np.uint8], points: NDArray[np.float32], shape: tuple[int, ...], colour: tuple[int, ...]) -> None:
        assert self._size is not None
        left, top, wide, tall = _place(shape, self._size)
        spots = points * np.array((wide, tall), np.float32) + np.array((left, top), np.float32)
        lines = [np.rint(spots[contour] * 16).astype(np.int32) for contour in CONTOURS]
        pen = max(1, self._unit // 12)
        for width, paint in ((pen * 2 + 1, _EDGE), (pen, colour)):
            cv2.polylines(picture, lines, False, paint, width, cv2.LINE_AA, 4)

    def _panel(self, time_us: int, alert: bool) -> NDArray[np.uint8]:
        index = bisect_right(self._times, time_us) - 1
        held = index >= 0 and time_us - self._times[index] <= 1.5 * self._step_us
        if self._shown != (index if held else ~index, alert):
            row: FrameRow | None = self._result.frames[index] if held else None
            self._beside = self._maker.draw(row, self._times[index] if held else time_us, alert=alert)
            self._shown = (index if held else ~index, alert)
        return self._beside


def _place(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of a picture of this shape, whole in the middle of `size`."""
    scale = min(size[0] / shape[1], size[1] / shape[0])
    wide, tall = min(size[0], round(shape[1] * scale)), min(size[1], round(shape[0] * scale))
    return (size[0] - wide) // 2, (size[1] - tall) // 2, wide, tall


def _fitted(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    left, top, wide, tall = _place(pixels.shape, size)
    out = np.full((size[1], size[0], 3), _EDGE, np.uint8)
    same = pixels.shape[:2] == (tall, wide)
    out[top : top + tall, left : left + wide] = pixels if same else cv2.resize(pixels, (wide, tall), interpolation=cv2.INTER_CUBIC)
    return out
