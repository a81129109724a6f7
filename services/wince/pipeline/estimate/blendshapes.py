"""Blendshapes V2: 52 expression coefficients from the mesh's points, on OpenVINO.

Measured on 697 faces: cheekSquint (AU6) and noseSneer (AU9) never leave 0, so they are no measurement of those units.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.models.openvino_engine import Network

NAMES: tuple[str, ...] = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft",
    "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft",
    "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""The 52 coefficients in the model's order."""

_RUNS = "0-1 4-8 10 13-14 17 21 33 37 39-40 46 52-55 58 61 63 65-67 70 78 80-82 84 87-88 91 93 95 103 105 107 109 127 132-133 136 " \
    "144-146 148-150 152-155 157-163 168 172-173 176 178 181 185 191 195 197 234 246 249 251 263 267 269-270 276 282-285 288 291 293 " \
    "295-297 300 308 310-312 314 317-318 321 323-324 332 334 336 338 356 361-362 365 373-375 377-382 384-390 397-398 400 402 405 409 " \
    "415 454 466 468-477"  # fmt: skip
INPUTS: NDArray[np.intp] = np.concatenate([np.arange(int(a), int(b or a) + 1) for a, _, b in (run.partition("-") for run in _RUNS.split())])
"""(146,) mesh points that the model reads (MediaPipe's face_blendshapes_graph.cc)."""


class Blendshapes:
    """The model, float32, one thread. One instance per thread."""

    def __init__(self, file: Path):
        """Raises ModelFileError where the file can't be read as this model."""
        self._net = Network(file, (1, len(INPUTS), 2))

    def read(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """landmarks: (478, 3) in pixels of the whole picture, neither turned nor normalised. Gives (52,) 0-1 in the order of NAMES."""
        self._net.input[0] = landmarks[INPUTS, :2]
        result: NDArray[np.float32] = self._net.run()[0].copy()
        return result
