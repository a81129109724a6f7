"""Cuts a turned square out of a picture. Pure.

OpenCV warps four channels in less than half the time of three, for which it has no vector code. So a picture that is cut several times
is widened once. The bytes that come out are the same.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WIDE = 4
"""Channels of a widened picture."""


class Widener:
    """Widens pictures into memory of its own: fresh memory of that size costs more than the work itself. One instance per thread."""

    def __init__(self) -> None:
        self._memory = np.empty((0, 0, WIDE), np.uint8)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGB uint8 (h, w, 3) as (h, w, 4). The next call overwrites it."""
        if self._memory.shape[:2] != pixels.shape[:2]:
            self._memory = np.empty((*pixels.shape[:2], WIDE), np.uint8)
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA, dst=self._memory)  # type: ignore[return-value]


def cut(
    pixels: NDArray[np.uint8], affine: NDArray[np.float64], size: int, *, inverse: bool = False, repeat_edge: bool = False
) -> NDArray[np.uint8]:
    """RGB uint8 (size, size, 3), bilinear. pixels: (h, w, 3), or widened.

    affine: (2, 3) from the picture to the square; `inverse`: from the square to the picture. `repeat_edge`: what lies outside the
    picture repeats its edge; else it is black.
    """
    flags = cv2.INTER_LINEAR | (cv2.WARP_INVERSE_MAP if inverse else 0)
    border = cv2.BORDER_REPLICATE if repeat_edge else cv2.BORDER_CONSTANT
    square = cv2.warpAffine(pixels, affine, (size, size), flags=flags, borderMode=border)
    rgb: NDArray[np.uint8] = cv2.cvtColor(square, cv2.COLOR_RGBA2RGB) if pixels.shape[2] == WIDE else square  # type: ignore[assignment]
    return rgb
