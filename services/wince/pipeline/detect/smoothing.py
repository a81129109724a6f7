"""One-Euro smoothing of the points of a tracked face. Pure; state is a value.

Casiez, Roussel and Vogel, "1 euro filter", CHI 2012: a low-pass whose cut-off grows with speed, so that a still face does not
tremble and a wince is not delayed. Constants and the scaling of speed by the face's size are MediaPipe's
(face_landmarks_detector_graph.cc: min_cutoff .05, beta 80, derivate_cutoff 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.pipeline.detect.geometry import extent

MIN_CUTOFF_HZ = 0.05
BETA = 80.0
SPEED_CUTOFF_HZ = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """The filter's state, which is also its result."""

    time_us: int
    landmarks: NDArray[np.float32]
    """(478, 3) smoothed, px."""
    speed: NDArray[np.float32]
    """(478, 3) smoothed speed, face sizes a second."""


def smooth(state: Smoothed | None, landmarks: NDArray[np.float32], time_us: int) -> Smoothed:
    """The next state. None, or time that does not advance: starts again with `landmarks` (478, 3) px as they are."""
    if state is None or time_us <= state.time_us:
        return Smoothed(time_us, landmarks, np.zeros_like(landmarks))
    step = (time_us - state.time_us) / 1e6
    low, high = extent(landmarks[:, :2])
    size = float((high - low).mean())
    raw_speed = (landmarks - state.landmarks) / np.float32(max(size, 1e-6) * step)
    share = _share(SPEED_CUTOFF_HZ, step)
    speed = state.speed + np.float32(share) * (raw_speed - state.speed)
    tau = 1 / (2 * math.pi * (MIN_CUTOFF_HZ + BETA * np.abs(speed)))
    moved = state.landmarks + (landmarks - state.landmarks) / (1 + tau / step)
    return Smoothed(time_us, moved.astype(np.float32), speed.astype(np.float32))


def _share(cutoff_hz: float, step_s: float) -> float:
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))
