"""Is the face covered? A linear probe on the mesh's inner map. Pure.

The mesh's own presence never warns: it stays at 1.00 under an oxygen mask, behind a hand, with the eyes painted over. Its inner
map does know: averaged over four bands from brow to chin, a logistic probe on 512 numbers tells covered from free.

Fitted by `wince lab train covers` on drawn heads only (16,244 faces of 870 persons, 1,042 of them covered): every expression, light
and pose to 40 degrees of yaw, free, in beards, glasses and shade, against oxygen masks, surgical masks, hands, bandages, pillows,
blankets, clear domes, half-hidden faces and backs of heads. At .5, on 30 other persons:

- covers found 98.5 % (bandages 6 of 7, the half-hidden at 30 to 40 degrees 9 of 11, all others at least .9); free faces called covered
  to 30 degrees 0.4 %, at 30 to 40 degrees 9 %; of those in beards 15 %, in glasses 6 %;
- 30 persons whose look it never saw: free faces called covered to 30 degrees 4 % (9 % with the probe before, which saw few turned ones);
- real faces, never fitted on: two persons in clips at most .01, four of five in a group .001, the fifth, in sunglasses, .999.

A breathing tube alone is found one time in four: don't rely on it.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROBE_FILE = Path(__file__).with_name("occlusion_probe.npy")


@cache
def _probe() -> tuple[NDArray[np.float32], float]:
    values: NDArray[np.float32] = np.load(PROBE_FILE, allow_pickle=False)
    return values[:-1], float(values[-1])


def bands(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """(128, 8, 8) inner map -> (512,): four bands of two rows, the outermost columns left out; channel-major."""
    inner = features[:, :, 1:7].astype(np.float32).reshape(128, 4, 2, 6)
    pooled: NDArray[np.float32] = inner.mean(axis=(2, 3)).reshape(-1)
    return pooled


def covered(features: NDArray[np.float16]) -> float:
    """0 free to 1 covered."""
    weights, bias = _probe()
    logit = float(bands(features) @ weights) + bias
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def share_outside(landmarks: NDArray[np.float32], size: tuple[int, int]) -> float:
    """Share of the mesh that lies outside the picture, 0-1. size: (width, height) px."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    return 1.0 - int(np.count_nonzero(inside)) / len(landmarks)
