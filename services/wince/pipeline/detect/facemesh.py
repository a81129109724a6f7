"""Face Mesh V2: 478 points, presence, and the inner map that a scorer reads as features.

The crop is scaled to 0-1 here: inside the graph the same costs 6 % of the net's time, for the plugin then turns the picture over twice.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.models.openvino_engine import Network, Precision
from wince.pipeline.detect.geometry import region_affine
from wince.pipeline.detect.interface import Mesh, Region
from wince.pipeline.detect.warp import cut

SIZE = 256
FEATURES = (128, 8, 8)


class FaceMesh:
    """The mesh model. One instance per thread."""

    def __init__(self, file: Path, precision: Precision = "f32"):
        self._net = Network(file, (1, SIZE, SIZE, 3), tap=(1, *FEATURES), precision=precision)

    def fit(self, pixels: NDArray[np.uint8], region: Region) -> Mesh:
        """pixels: RGB uint8 (h, w, 3), or widened (warp.py); what lies outside the picture repeats its edge."""
        affine = region_affine(region, SIZE)
        np.divide(cut(pixels, affine, SIZE, inverse=True, repeat_edge=True), np.float32(255), out=self._net.input[0])
        points, presence, _, features = self._net.run()
        raw = points.reshape(478, 3)
        landmarks = np.empty((478, 3), np.float32)
        landmarks[:, :2] = raw[:, :2] @ affine[:, :2].T.astype(np.float32) + affine[:, 2].astype(np.float32)
        landmarks[:, 2] = raw[:, 2] * (region.side / SIZE)
        logit = max(-80.0, min(80.0, float(presence.reshape(-1)[0])))
        return Mesh(landmarks, 1 / (1 + math.exp(-logit)), features[0].astype(np.float16))
