"""Is the face covered? A linear probe on the mesh's inner map. Pure.

The mesh's own presence never warns: it stays at 1.00 under an oxygen mask, behind a hand, with the eyes painted over. Its inner
map does know: averaged over four bands from brow to chin, a logistic probe on 512 numbers tells covered from free.

Fitted by wince.lab.occlusion_fit on drawn heads only (2,241 pictures of 90 identities): free faces with expressions, beards, glasses
and shade, against oxygen masks, surgical masks, hands, blankets, clear domes, bands over the eyes and half-hidden faces. At .5:

- 20 identities held out, up to 40 degrees off and down to a quarter of the light: covered found 98 % (clear domes 91 %), free called
  covered 7 % (glasses 12 %);
- 90 other identities by another renderer, never fitted on: masks found 100 %, painted covers 97 %, free called covered 1 %;
- the reference clips, never fitted on: free at most .18, oxygen mask at least .98; real faces, never fitted on: one man and four of
  five in a group at most .18, the fifth, in sunglasses, .82.

A breathing tube alone is found one time in three: don't rely on it.
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
    xy = landmarks[:, :2]
    inside = ((xy >= 0) & (xy < np.array(size, np.float32))).all(axis=1)
    return 1.0 - float(inside.mean())
