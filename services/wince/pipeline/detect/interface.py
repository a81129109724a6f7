"""Detect's ports: the face models."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Pose
from wince.pipeline.detect.warp import Widener
from wince.protocols.rules import DetectLimits


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face found in a picture, in pixels of that picture."""

    box: NDArray[np.float32]
    """(4,) x0, y0, x1, y1."""
    points: NDArray[np.float32]
    """(k, 2); BlazeFace: right eye, left eye, nose tip, mouth centre, right and left ear tragion. MTCNN: right eye, left eye, nose,
    right and left mouth corner. "Right" is the person's own right."""
    score: float
    """0-1."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A rotated square of the picture that the mesh looks at."""

    centre_x: float
    centre_y: float
    side: float
    """Pixels."""
    angle: float
    """Radians, clockwise in the image; 0: eyes level."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """What the face mesh sees in a region."""

    landmarks: NDArray[np.float32]
    """(478, 3), x and y in pixels of the picture, z in the same unit."""
    presence: float
    """0-1."""
    features: NDArray[np.float16]
    """(128, 8, 8)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a face is judged and cut for some protocols: their [detect]. Those that look at one source find the face alike
    (`DetectLimits.apart`); what they take for assessable, and which crop they look at, may differ."""

    limits: DetectLimits
    protocols: tuple[str, ...] = ()
    """Stands in the face (`Face.protocols`)."""
    encoded: bool = True
    """Whether anybody looks at the crop; where nobody does, it stays empty."""


class Detector(Protocol):
    """Finds faces. Blocks for the inference; one instance per thread."""

    def find(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """pixels: RGB uint8 (h, w, 3). Best first; empty where there is no face."""
        ...


class MeshModel(Protocol):
    """Fits the 478 points. Blocks for the inference; one instance per thread."""

    def fit(self, pixels: NDArray[np.uint8], region: Region) -> Mesh:
        """pixels: RGB uint8 (h, w, 3), or that widened (warp.py)."""
        ...


@dataclass(frozen=True, slots=True)
class Fit:
    """The canonical face laid onto a mesh."""

    pose: Pose
    residual: float
    """Root mean squared distance left over, in eye distances: how unlike a face the mesh is."""


class PoseModel(Protocol):
    """Solves for the head's pose. Pure."""

    def solve(self, landmarks: NDArray[np.float32]) -> Fit:
        """landmarks: (478, 3) px."""
        ...


@dataclass(frozen=True, slots=True)
class FaceModels:
    """The models that detect calls. One set per thread."""

    detector: Detector
    mesh: MeshModel
    pose: PoseModel
    wide: Widener = field(default_factory=Widener)
    """Memory for the picture that is looked at."""
