"""The aligned crop: eyes level, of one size in every frame, 224 x 224 px, encoded once as JPEG. Pure."""

from __future__ import annotations

import math

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince.pipeline.detect.geometry import LEFT_EYE_OUTER, RIGHT_EYE_OUTER

SIZE = 224
EYES = 96.0
"""Distance of the outer eye corners in the crop, px. Measured in three dimensions, so that a turned face keeps its size."""
EYES_Y = 88.0
"""Height at which the middle between them lies; chin and brows of all rendered heads and real faces seen lie inside."""
QUALITY = 90
"""JPEG quality; about 8 kB a crop."""


def eye_distance(landmarks: NDArray[np.float32]) -> float:
    """Distance of the outer eye corners, px, depth included. landmarks: (478, 3) px."""
    return float(np.linalg.norm(landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER]))


def aligned(pixels: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGB uint8 (224, 224, 3) of the face. Outside the picture: black."""
    right, left = landmarks[RIGHT_EYE_OUTER, :2], landmarks[LEFT_EYE_OUTER, :2]
    middle = (right + left) / 2
    angle = math.atan2(float(left[1] - right[1]), float(left[0] - right[0]))
    k = EYES / max(eye_distance(landmarks), 1e-6)
    c, s = k * math.cos(angle), k * math.sin(angle)
    affine = np.array([[c, s, 0.0], [-s, c, 0.0]])
    affine[:, 2] = np.array([SIZE / 2, EYES_Y]) - affine[:, :2] @ middle
    crop: NDArray[np.uint8] = cv2.warpAffine(pixels, affine, (SIZE, SIZE), flags=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return crop


def encode(crop: NDArray[np.uint8]) -> bytes:
    """JPEG of an RGB crop; the bytes that everything later scores."""
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(crop), quality=QUALITY, colorspace="RGB", colorsubsampling="420")
    return data
