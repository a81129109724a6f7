"""Where the mesh looks, and which way the head points. Pure.

Regions after MediaPipe's face_landmarks_detector_graph: a square round the face, turned so that the eyes are level, 1.5 times
the longer side of the face. Head pose by weighted Procrustes between the canonical face and the mesh (MediaPipe's face geometry
module uses the same points and weights; perspective is left out, which costs up to 6 degrees at the picture's edge).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Pose
from wince.models.canonical_face import CanonicalFace
from wince.pipeline.detect.interface import Detection, Fit, Region

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Mesh points; "right" is the person's own right, so it lies on the left in the image of an upright face."""
MARGIN = 1.5
"""Side of the region over the longer side of the face."""


def region_from_detection(detection: Detection) -> Region:
    """The region for a face that the detector found: level by its eyes."""
    x0, y0, x1, y1 = (float(v) for v in detection.box)
    (rx, ry), (lx, ly) = detection.points[0], detection.points[1]
    return Region((x0 + x1) / 2, (y0 + y1) / 2, MARGIN * max(x1 - x0, y1 - y0), math.atan2(float(ly - ry), float(lx - rx)))


def region_from_landmarks(landmarks: NDArray[np.float32]) -> Region:
    """The region for the next frame of a tracked face. landmarks: (478, 3) px."""
    right, left = landmarks[RIGHT_EYE_OUTER], landmarks[LEFT_EYE_OUTER]
    angle = math.atan2(float(left[1] - right[1]), float(left[0] - right[0]))
    c, s = math.cos(angle), math.sin(angle)
    level = landmarks[:, :2] @ np.array([[c, -s], [s, c]], np.float32)
    low, high = extent(level)
    x, y = (float(v) for v in (low + high) / 2)
    return Region(c * x - s * y, s * x + c * y, MARGIN * float((high - low).max()), angle)


def drifted(used: Region, right: Region) -> bool:
    """Whether the mesh looked so far beside the face (a tenth of the region, or 15 degrees) that it should look again.

    At a few frames a second a face that slides through the picture leaves the region of the frame before; the mesh still finds it,
    but its inner map reads the empty part as cover.
    """
    shift = math.hypot(used.centre_x - right.centre_x, used.centre_y - right.centre_y)
    turn = abs(math.remainder(used.angle - right.angle, 2 * math.pi))
    return shift > 0.1 * right.side or not 0.85 < used.side / right.side < 1.18 or turn > math.radians(15)


def region_affine(region: Region, size: int) -> NDArray[np.float64]:
    """(2, 3) matrix from pixels of a size x size crop to pixels of the picture."""
    k = region.side / size
    c, s, half = k * math.cos(region.angle), k * math.sin(region.angle), size / 2
    return np.array([[c, -s, region.centre_x - half * (c - s)], [s, c, region.centre_y - half * (s + c)]])


def landmark_box(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(4,) x0, y0, x1, y1 round all points, px."""
    return np.concatenate(extent(landmarks[:, :2])).astype(np.float32)


def extent(xy: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest and largest x and y of (n, 2) points, (2,) each. Laid out by axis first: numpy takes eight times as long down columns."""
    axes = np.ascontiguousarray(xy.T)
    return axes.min(axis=1), axes.max(axis=1)


class HeadPose:
    """Solves for the head's pose. Immutable; may be shared by threads."""

    def __init__(self, face: CanonicalFace):
        self._index = face.index
        self._weights = face.weights / face.weights.sum()
        chosen = face.points[face.index]
        self._centred = chosen - self._weights @ chosen
        self._spread = float(self._weights @ (self._centred**2).sum(axis=1))
        self._eyes = float(np.linalg.norm(face.points[LEFT_EYE_OUTER] - face.points[RIGHT_EYE_OUTER]))

    def solve(self, landmarks: NDArray[np.float32]) -> Fit:
        """landmarks: (478, 3) px. Rotation = Z(-roll) X(-pitch) Y(yaw), each in degrees; see domain.face.Pose for the signs."""
        seen = landmarks[self._index].astype(np.float64) * (1.0, -1.0, -1.0)
        seen -= self._weights @ seen
        cross = (seen * self._weights[:, None]).T @ self._centred
        u, d, vt = np.linalg.svd(cross)
        flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation = (u * flip) @ vt
        scale = float((d * flip).sum()) / self._spread
        rest = seen - scale * self._centred @ rotation.T
        error = math.sqrt(float(self._weights @ (rest**2).sum(axis=1))) / max(abs(scale) * self._eyes, 1e-6)
        pitch = -math.degrees(math.asin(max(-1.0, min(1.0, float(rotation[2, 1])))))
        yaw = math.degrees(math.atan2(-float(rotation[2, 0]), float(rotation[2, 2])))
        roll = -math.degrees(math.atan2(-float(rotation[0, 1]), float(rotation[1, 1])))
        return Fit(Pose(yaw, pitch, roll), error)
