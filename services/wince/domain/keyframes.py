"""Key frames: the moments at which the picture changes most, as the neonatal study picks them.

Each frame is compared with the one before it in CIELUV, where equal distances look equally different; a key frame is a local
maximum of that difference. sRGB to XYZ by IEC 61966-2-1 (white D65), XYZ to CIELUV by CIE 15 (u', v' of D65 = .19783, .46832).
The study gives neither smoothing nor a limit; without both every flicker is a key frame, so both are ours and are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wince.errors import InputError

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)
_EPSILON, _KAPPA = (6 / 29) ** 3, (29 / 3) ** 3


@cache
def _linear() -> NDArray[np.float64]:
    """Light of each 8-bit sRGB value, 0-1."""
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def cieluv(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB uint8 (..., 3) as L* (0-100), u*, v*; float32 of the same shape. Black has u* = v* = 0.

    >>> cieluv(np.array([[255, 0, 0], [0, 0, 0]], np.uint8)).astype(int).tolist()
    [[53, 175, 37], [0, 0, 0]]
    """
    xyz = _linear()[rgb] @ _TO_XYZ.T
    light = xyz[..., 1] / _WHITE[1]
    lightness = np.where(light > _EPSILON, 116 * np.cbrt(light) - 16, _KAPPA * light)
    u0, v0 = _chroma(_WHITE)
    u, v = _chroma(xyz)
    return np.stack([lightness, 13 * lightness * (u - u0), 13 * lightness * (v - v0)], axis=-1).astype(np.float32)


def _chroma(xyz: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """u', v'; of black, where they are undefined, 0 (L* = 0 takes them out)."""
    below = xyz @ (1.0, 15.0, 3.0)
    safe = np.where(below > 0, below, 1.0)
    return 4 * xyz[..., 0] / safe, 9 * xyz[..., 1] / safe


def difference(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Mean distance of two CIELUV pictures of one shape (h, w, 3). About 1 is just visible on a whole surface.

    Raises InputError where the shapes differ.
    """
    if before.shape != after.shape or not before.size:
        raise InputError(f"pictures of {before.shape} and {after.shape} can't be compared", field="frames", remedy="scale them to one size")
    return float(np.sqrt(((after - before) ** 2).sum(axis=-1)).mean())


def smoothed(differences: Sequence[float], window: int) -> list[float]:
    """Moving average over `window` neighbours (odd); at the ends over as many as there are.

    >>> smoothed([0, 3, 0, 0], 3)
    [1.5, 1.0, 1.0, 0.0]
    """
    half = window // 2
    parts = (differences[max(0, i - half) : i + half + 1] for i in range(len(differences)))
    return [sum(part) / len(part) for part in parts]


def key_frames(differences: Sequence[float], *, most: int, least: float = 0.0, apart: int = 1, window: int = 1) -> list[int]:
    """Indices of the local maxima of `differences`, in order of time. `differences[i]`: from frame i - 1 to frame i, so [0] is 0.

    most: at most so many, the largest; least: a maximum must exceed it; apart: two key frames lie at least so many frames apart, the
    larger stays; window: moving average first. Of a plateau its first frame counts. A maximum at either end is none: it isn't known
    on both sides.

    >>> key_frames([0, 1, 5, 1, 1, 3, 3, 0, 9], most=5)
    [2, 5]
    >>> key_frames([0, 1, 5, 1, 1, 3, 3, 0, 9], most=1)
    [2]
    """
    heights = smoothed(differences, window) if window > 1 else list(differences)
    peaks = []
    for index in range(1, len(heights) - 1):
        after = next((heights[i] for i in range(index + 1, len(heights)) if heights[i] != heights[index]), None)
        if heights[index] > max(heights[index - 1], least) and after is not None and after < heights[index]:
            peaks.append(index)
    chosen: list[int] = []
    for index in sorted(peaks, key=lambda one: (-heights[one], one)):
        if len(chosen) < most and all(abs(index - other) >= apart for other in chosen):
            chosen.append(index)
    return sorted(chosen)
