"""Face Mesh V2: 478 points, presence, and the inner map that a scorer reads as features.

The crop is warped straight into the model's input memory; scaling to 0-1 happens in the graph.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.models.openvino_engine import Network
from wince.pipeline.detect.geometry import region_affine
from wince.pipeline.detect.interface import Mesh, Region

SIZE = 256
FEATURES = (128, 8, 8)


class FaceMesh:
    """The mesh model. One instance per thread."""

    def __init__(self, file: Path):
        self._net = Network(file, (1, SIZE, SIZE, 3), divide=(0.0, 255.0), tap=(1, *FEATURES))

    def fit(self, pixels: NDArray[np.uint8], region: Region) -> Mesh:
        """pixels: RGB uint8 (h, w, 3); what lies outside the picture repeats its edge."""
        affine = region_affine(region, SIZE)
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        cv2.warpAffine(pixels, affine, (SIZE, SIZE), dst=self._net.input[0], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        points, presence, _, features = self._net.run()
        raw = points.reshape(478, 3)
        landmarks = np.empty((478, 3), np.float32)
        landmarks[:, :2] = raw[:, :2] @ affine[:, :2].T.astype(np.float32) + affine[:, 2].astype(np.float32)
        landmarks[:, 2] = raw[:, 2] * (region.side / SIZE)
        logit = max(-80.0, min(80.0, float(presence.reshape(-1)[0])))
        return Mesh(landmarks, 1 / (1 + math.exp(-logit)), features[0].astype(np.float16))
