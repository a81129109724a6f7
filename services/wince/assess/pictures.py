"""Which frames of an input are shown: where the picture changes most (CIELUV, `domain/keyframes.py`), and the strongest moment.

Frames are encoded when they come and dropped again as soon as they can't be chosen any more: a window's frames and the best
candidates are held, never the clip.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince.assess.result import FrameRow, KeyFrame
from wince.domain.face import Face
from wince.domain.frame import US, Frame
from wince.domain.keyframes import cieluv, difference, key_frames

SIDE = 640
"""Longer side of a key frame, pixels."""
THUMB = (64, 36)
"""Size at which frames are compared: (width, height)."""
MOST = 5
"""Local maxima that are shown; with the strongest moment two rows of a page."""
LEAST = 0.3
"""Mean CIELUV distance of two frames, 200 ms apart. A face that changes its expression in a bedside picture makes .4-.6, the noise of a
still scene about .2; a change of the whole picture that is just visible is 1."""
APART_S = 1.0
HELD = 4 * MOST
"""Candidates that are held while the clip goes on."""
QUALITY = 85


class Pictures:
    """Collects an input's key frames. Call `take` for every frame, `settle` with the rows as they become certain, then `chosen`."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._before: NDArray[np.float32] | None = None
        self._differences: list[float] = []
        self._times: list[int] = []
        self._held: dict[int, tuple[bytes, NDArray[np.float32]]] = {}
        self._change: dict[int, float] = {}
        """Of held frames that changed more than the one before."""
        self._rows: dict[int, FrameRow] = {}
        self._best: tuple[float, int] = (-1.0, -1)

    def take(self, frame: Frame, face: Face | None) -> None:
        """One sampled frame with what detect saw in it."""
        thumb = cieluv(np.asarray(cv2.resize(frame.pixels, THUMB, interpolation=cv2.INTER_AREA), np.uint8))
        self._differences.append(0.0 if self._before is None else difference(self._before, thumb))
        if len(self._differences) > 1 and self._differences[-1] > self._differences[-2]:
            self._change[frame.time_us] = self._differences[-1]
        self._before = thumb
        self._times.append(frame.time_us)
        self._held[frame.time_us] = _encoded(frame, face)

    def settle(self, rows: list[FrameRow]) -> None:
        """The frames of a closed window with their numbers."""
        for row in rows:
            time_us = round(row.time_s * US)
            self._rows[time_us] = row
            if row.grade is not None and row.score is not None and row.score > self._best[0]:
                self._best = (row.score, time_us)
        if rows:
            self._thin(round(rows[-1].time_s * US))

    def chosen(self) -> tuple[KeyFrame, ...]:
        """The key frames, in order of time; the first frame where nothing stands out."""
        times = {self._times[index] for index in self._peaks()}
        if self._best[1] >= 0:
            times.add(self._best[1])
        times &= set(self._held)
        if not times and self._held:
            times = {min(self._held)}
        return tuple(self._key_frame(time_us) for time_us in sorted(times))

    def _key_frame(self, time_us: int) -> KeyFrame:
        jpeg, landmarks = self._held[time_us]
        row = self._rows.get(time_us)
        if row is None or not row.assessable:
            return KeyFrame(time_us / US, jpeg, np.zeros((0, 2), np.float32), None, None)
        return KeyFrame(time_us / US, jpeg, landmarks, row.grade, row.score)

    def _peaks(self) -> list[int]:
        return key_frames(self._differences, most=MOST, least=LEAST, apart=max(1, round(APART_S * self._rate_hz)))

    def _thin(self, until_us: int) -> None:
        """Forget the pictures before a moment that won't be chosen: all but the first, the strongest and the largest changes."""
        rising = sorted((self._change[time_us] for time_us in self._held if time_us < until_us and time_us in self._change), reverse=True)
        bar = rising[HELD - 1] if len(rising) >= HELD else LEAST
        for time_us in [one for one in self._held if one < until_us]:
            if time_us not in (self._times[0], self._best[1]) and self._change.get(time_us, 0.0) < bar:
                del self._held[time_us]
                self._rows.pop(time_us, None)
                self._change.pop(time_us, None)


def _encoded(frame: Frame, face: Face | None) -> tuple[bytes, NDArray[np.float32]]:
    height, width = frame.pixels.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = frame.pixels if scale == 1.0 else np.asarray(cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(small), quality=QUALITY, colorspace="RGB")
    landmarks = np.zeros((0, 2), np.float32)
    if face is not None and face.landmarks is not None:
        landmarks = (face.landmarks[:, :2] * np.array([size[0] / width, size[1] / height], np.float32)).astype(np.float32)
    return jpeg, landmarks
