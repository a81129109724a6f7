"""What detect gives: the patient's face in one frame, or why there is none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Pose:
    """Head pose in degrees. yaw > 0: face turned to the image's right; pitch > 0: chin up; roll > 0: clockwise in the image."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured to decide whether the face can be assessed."""

    size_px: float
    """Distance of the outer eye corners, pixels of the frame."""
    brightness: float
    """Mean grey of the face box, 0-255."""
    sharpness: float
    """Variance of the Laplacian of the 224 px crop (grey, 0-255 scale)."""
    occlusion: float
    """0 free to 1 covered; how it is measured stands in `pipeline/detect`."""
    presence: float
    """The face mesh's own presence, 0-1 (it never warns of a mask; see the notes in detect)."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """The patient's face in one frame. Exactly one Face per Frame and protocol; where it can't be assessed, `reason` says why.

    A face that is not assessable still carries what was measured (box, pose, quality), or None where nothing was.
    """

    source: str
    sequence: int
    time_us: int
    frame_size: tuple[int, int]
    """(width, height) of the frame, pixels."""
    reason: Reason | None
    """None: assessable."""
    seen: int
    """Faces found in the frame."""
    box: NDArray[np.float32] | None
    """(4,) x0, y0, x1, y1 in pixels of the frame; may lie partly outside it."""
    landmarks: NDArray[np.float32] | None
    """(478, 3) MediaPipe face mesh points; x, y in pixels of the frame, z in the same unit."""
    pose: Pose | None
    quality: Quality | None
    features: NDArray[np.float16] | None
    """(128, 8, 8) inner feature map of the face mesh; None where not assessable."""
    crop: bytes
    """224 x 224 px aligned JPEG, encoded once; empty where not assessable, and where no scorer of the process looks at it."""
    grey: NDArray[np.uint8] | None = None
    """(64, 64) the region that the mesh looks at, grey; None where not assessable."""
    protocols: tuple[str, ...] = ()
    """Protocols by whose [detect] it was judged and cut, and whose scorers read it; empty: the one protocol that is set."""
