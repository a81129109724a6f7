"""The crop of a face: of one size in every frame, 224 x 224 px, encoded once as JPEG. Pure.

Three ways, of which a protocol names one: eyes level by the mesh, eyes level by a detector's five points (hip-fracture study), or the
face's box padded to a square (neonatal study).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince.domain import padding
from wince.pipeline.detect.geometry import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, region_affine
from wince.pipeline.detect.interface import Region
from wince.pipeline.detect.warp import WIDE, cut

SIZE = 224
EYES = 96.0
"""Distance of the outer eye corners in the crop, px. Measured in three dimensions, so that a turned face keeps its size."""
EYES_Y = 88.0
"""Height at which the middle between them lies; chin and brows of all rendered heads and real faces seen lie inside."""
PUPILS = 66.0
"""Distance of the pupils in a crop by five points, px: the same framing as by the mesh."""
TURNED = 0.74
"""The pupils count as no nearer to each other than this share of the way from between them to the mouth. It is .92 for a face seen from
the front, about .8 with the mouth open, less where the head is turned; without it a turned face would be blown up."""
MARGIN = 0.1
"""Share of the mesh's box that a padded crop adds on each side: the mesh ends at the brow and chin."""
QUALITY = 90
"""JPEG quality; about 8 kB a crop."""
GREY = 64
"""Side of the grey region, pixels."""


def eye_distance(landmarks: NDArray[np.float32]) -> float:
    """Distance of the outer eye corners, px, depth included. landmarks: (478, 3) px."""
    return float(np.linalg.norm(landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER]))


def aligned(pixels: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGB uint8 (224, 224, 3) of the face; pixels (h, w, 3), or widened (warp.py). Outside the picture: black."""
    right, left = landmarks[RIGHT_EYE_OUTER, :2], landmarks[LEFT_EYE_OUTER, :2]
    middle = (right + left) / 2
    angle = math.atan2(float(left[1] - right[1]), float(left[0] - right[0]))
    k = EYES / max(eye_distance(landmarks), 1e-6)
    c, s = k * math.cos(angle), k * math.sin(angle)
    affine = np.array([[c, s, 0.0], [-s, c, 0.0]])
    affine[:, 2] = np.array([SIZE / 2, EYES_Y]) - affine[:, :2] @ middle
    return cut(pixels, affine, SIZE)


def points_affine(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, 3) matrix from pixels of the picture to the crop. points: (5, 2) px, as MTCNN gives them (interface.Detection).

    The eyes become level and 66 px apart (nearer where the head is turned far).
    """
    right, left = points[0].astype(np.float64), points[1].astype(np.float64)
    middle = (right + left) / 2
    eyes, down = left - right, (points[3] + points[4]) / 2 - middle
    size = max(math.hypot(*eyes), TURNED * math.hypot(*down), 1e-6)
    angle = math.atan2(eyes[1], eyes[0])
    c, s = PUPILS / size * math.cos(angle), PUPILS / size * math.sin(angle)
    affine = np.array([[c, s, 0.0], [-s, c, 0.0]])
    affine[:, 2] = np.array([SIZE / 2, EYES_Y]) - affine[:, :2] @ middle
    return affine


def by_points(pixels: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGB uint8 (224, 224, 3) of the face by its five points. Outside the picture: black."""
    return cut(pixels, points_affine(points), SIZE)


def padded(pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGB uint8 (224, 224, 3): what of the box (x0, y0, x1, y1 px, with a margin) lies in the picture, not bent; the rest is black."""
    height, width = pixels.shape[:2]
    margin = MARGIN * (box[2:] - box[:2])
    low = np.clip(np.floor(box[:2] - margin), 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(box[2:] + margin), low + 1, (width, height)).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]]
    fit = padding.fit(part.shape[1], part.shape[0], SIZE)
    how = cv2.INTER_AREA if fit.scale < 1 else cv2.INTER_LINEAR
    crop = np.zeros((SIZE, SIZE, 3), np.uint8)
    crop[fit.top : fit.top + fit.height, fit.left : fit.left + fit.width] = cv2.resize(part, (fit.width, fit.height), interpolation=how)
    return crop


def grey(pixels: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """uint8 (64, 64) of the region that the mesh looks at; what the drawn corpus holds, too. Outside the picture: its edge.

    pixels: RGB uint8 (h, w, 3), or widened (warp.py), which gives the same in half the time.
    region: of the mesh's points as they are, not smoothed (geometry.region_from_landmarks).
    """
    affine = region_affine(region, GREY)
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    small = cv2.warpAffine(pixels, affine, (GREY, GREY), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGBA2GRAY if pixels.shape[2] == WIDE else cv2.COLOR_RGB2GRAY), np.uint8)


def encode(crop: NDArray[np.uint8]) -> bytes:
    """JPEG of an RGB crop; the bytes that everything later scores."""
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(crop), quality=QUALITY, colorspace="RGB", colorsubsampling="420")
    return data
