"""What the members of the activity ensemble look at. Pure.

maps    the face mesh's inner map (128, 8, 8): costs nothing, comes from a net that was trained on real faces
points  the mesh laid upright onto the canonical face and scaled (136 points in space), its turn, and the blendshapes
crop    the region that the mesh looks at as it is, small and grey (1, 64, 64), 0-255: what no net made smooth
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.models.canonical_face import CanonicalFace
from wince.pipeline.estimate.blendshapes import INPUTS, NAMES

POINTS = INPUTS[INPUTS < 468]
"""Those of the blendshapes' points that are none of the iris."""
SMILE_COLUMNS = [NAMES.index("mouthSmileLeft"), NAMES.index("mouthSmileRight")]


def upright(face: CanonicalFace, landmarks: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 478, 3) px -> points (n, 478, 3) laid onto the canonical face, in its mean radius, and rotations (n, 3, 3)."""
    points = landmarks.astype(np.float64) * (1, -1, -1)
    target, weight = face.points[face.index], face.weights[:, None] / face.weights.sum()
    target = target - (target * weight).sum(axis=0)
    some = points[:, face.index]
    centre = (some * weight).sum(axis=1, keepdims=True)
    some = some - centre
    u, _, vt = np.linalg.svd(np.einsum("nki,kj->nij", some * weight, target))
    flip = np.ones((len(points), 3))
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[:, None, :]) @ vt
    size = np.sqrt((some**2 * weight).sum(axis=(1, 2)))
    return np.asarray((points - centre) @ rotation / np.maximum(size, 1e-6)[:, None, None]), rotation


def inputs(
    face: CanonicalFace,
    landmarks: NDArray[np.floating[Any]],
    blendshapes: NDArray[np.float32],
    features: NDArray[np.floating[Any]],
    grey: NDArray[np.uint8],
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Per kind of member what it looks at, (n, *KINDS[kind]), and the mouthSmile channel (n,).

    landmarks (n, 478, 3) px, blendshapes (n, 52), features (n, 128, 8, 8), all finite; grey (n, 64, 64).
    """
    points, rotation = upright(face, landmarks)
    rows = np.concatenate([points[:, POINTS].reshape(len(points), -1), rotation.reshape(-1, 9), blendshapes], axis=1)
    smile = blendshapes[:, SMILE_COLUMNS].mean(axis=1)
    x = {"maps": features, "points": rows, "crop": grey[:, None]}
    return {kind: values.astype(np.float32) for kind, values in x.items()}, smile.astype(np.float32)
