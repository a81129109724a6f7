"""What is measured of a face, and which limit it breaks. Pure.

The order of the reasons is the order in which a person would mend them: light, distance, camera, pose, focus, cover.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Pose, Quality
from wince.domain.reason import Reason
from wince.pipeline.detect.align import eye_distance
from wince.pipeline.detect.interface import Mesh
from wince.pipeline.detect.occlusion import covered, share_outside
from wince.protocols.rules import DetectLimits

UPSIDE_DOWN_DEGREES = 120.0
CUT_OFF = 0.12
"""A face with more of its mesh outside the picture counts as covered: what is not seen can't be judged."""
OUT_OF_PICTURE = 0.5
"""With more than this outside, no face is in the picture."""
_GREY = np.array([0.299, 0.587, 0.114])


def brightness(pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> float:
    """Mean grey, 0-255, of the part of the box (x0, y0, x1, y1 px) that lies in the picture; 0 where none does."""
    height, width = pixels.shape[:2]
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, int(box[2]) + 1), min(height, int(box[3]) + 1)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    return float(np.dot(cv2.mean(pixels[y0:y1, x0:x1])[:3], _GREY))


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of the inner half of the aligned RGB crop, grey 0-255 (its border may be background)."""
    grey = cv2.cvtColor(crop[48:192, 40:184], cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def measure(
    pixels: NDArray[np.uint8], box: NDArray[np.float32], landmarks: NDArray[np.float32], crop: NDArray[np.uint8], mesh: Mesh
) -> Quality:
    """Everything that `reason` looks at but the pose. `occlusion` is the higher of the probe's and of 0 or 1 for a face that the
    picture's edge cuts off."""
    height, width = pixels.shape[:2]
    cut = 1.0 if share_outside(landmarks, (width, height)) > CUT_OFF else 0.0
    return Quality(
        size_px=eye_distance(landmarks),
        brightness=brightness(pixels, box),
        sharpness=sharpness(crop),
        occlusion=max(cut, covered(mesh.features)),
        presence=mesh.presence,
    )


def reason(quality: Quality, pose: Pose, limits: DetectLimits) -> Reason | None:
    """The first limit that the face breaks; None where it can be assessed."""
    roll = abs(pose.roll)
    checks = (
        (quality.brightness < limits.min_brightness, Reason.DARK),
        (quality.size_px < limits.min_size_px, Reason.SMALL),
        (roll > max(UPSIDE_DOWN_DEGREES, limits.max_roll), Reason.UPSIDE_DOWN),
        (roll > limits.max_roll or abs(pose.yaw) > limits.max_yaw or abs(pose.pitch) > limits.max_pitch, Reason.TURNED),
        (quality.sharpness < limits.min_sharpness, Reason.BLURRED),
        (quality.occlusion > limits.max_occlusion, Reason.COVERED),
    )
    return next((why for broken, why in checks if broken), None)
