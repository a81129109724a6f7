"""What each member looks at and what it is trained to. numpy only.

maps    the face mesh's inner map (128, 8, 8): costs nothing, comes from a net that was trained on real faces
points  the mesh turned upright and scaled (136 points in space), its turn, and the blendshapes
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError
from wince.lab.corpus.read import Array, Corpus
from wince.lab.corpus.recipe import CALM, STILLS, UNITS
from wince.models.fetch import path
from wince.pipeline.detect.geometry import CanonicalFace
from wince.pipeline.estimate.blendshapes import INPUTS

VERSION = 1
"""Of inputs and outputs together; members of another version are refused."""
OUTPUTS = (*UNITS, "pspi", "gated", "smile", "rest")
SCALES = np.array([1.0 if unit == "au43" else 5.0 for unit in UNITS] + [16, 16, 1, 1], np.float32)
"""Of each output; networks work in shares of it."""
SMILES = ("smile", "laugh", "smile_squint")
POINTS = INPUTS[INPUTS < 468]
MEMBERS = {"maps": (128, 8, 8), "points": (len(POINTS) * 3 + 9 + 52,)}
"""Input shape of each member, per face."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """One member's stills: p persons with STILLS each."""

    x: NDArray[np.float32]
    """(p, STILLS, *shape)."""
    y: NDArray[np.float32]
    """(p, STILLS, outputs) in shares of SCALES."""
    weight: NDArray[np.float32]
    """(p, STILLS) 0 where a still may not be learned from."""
    calm: NDArray[np.float32]
    """(p, STILLS) shares of the calm stills, each row's sum 1; all 0 for a person without a usable one."""


def upright(landmarks: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 478, 3) px -> points (n, 478, 3) laid onto the canonical face, in its mean radius, and rotations (n, 3, 3)."""
    face = CanonicalFace.parse(path("face_geometry").read_bytes())
    points = landmarks.astype(np.float64) * (1, -1, -1)
    target, weight = face.points[face.index], face.weights[:, None] / face.weights.sum()
    centre_t = (target * weight).sum(axis=0)
    target = target - centre_t
    some = points[:, face.index]
    centre = (some * weight).sum(axis=1, keepdims=True)
    some = some - centre
    u, _, vt = np.linalg.svd(np.einsum("nki,kj->nij", some * weight, target))
    flip = np.ones((len(points), 3))
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[:, None, :]) @ vt
    size = np.sqrt((some**2 * weight).sum(axis=(1, 2)))
    return np.asarray((points - centre) @ rotation / np.maximum(size, 1e-6)[:, None, None]), rotation


def inputs(member: str, landmarks: Array, blendshapes: Array, features: Array) -> NDArray[np.float32]:
    """(n, *MEMBERS[member]). Raises DataError for an unknown member."""
    if member == "maps":
        return features.astype(np.float32)
    if member != "points":
        raise DataError(f"unknown member {member!r}", field="member", remedy=", ".join(MEMBERS))
    points, rotation = upright(landmarks)
    rows = (points[:, POINTS].reshape(len(points), -1), rotation.reshape(-1, 9), blendshapes)
    return np.concatenate(rows, axis=1).astype(np.float32)


def targets(corpus: Corpus) -> NDArray[np.float32]:
    """(n, outputs) in shares of SCALES: truth, whether it smiles, whether it rests with open eyes."""
    smile = np.isin(corpus["kind"], SMILES)
    rest = np.isin(corpus["kind"], ("calm", "neutral")) & (corpus["au43"] < 0.35)
    columns = [corpus[name] for name in OUTPUTS[:-2]] + [smile, rest]
    return (np.stack(columns, axis=1) / SCALES).astype(np.float32)


def calm_shares(corpus: Corpus) -> NDArray[np.float32]:
    """(p, STILLS); see Examples.calm."""
    calm = (corpus.calm & corpus.usable).reshape(-1, STILLS).astype(np.float32)
    return np.asarray(calm / np.maximum(calm.sum(axis=1, keepdims=True), 1), np.float32)


def examples(member: str, corpus: Corpus) -> Examples:
    """The corpus as that member sees it. Stills without a face or with a covered one get weight 0."""
    x = inputs(member, corpus["landmarks"], corpus["blendshapes"], corpus["features"])
    x[~corpus.usable] = 0  # an absent face is all zeros; upright() has made rounding of it
    rows = (-1, STILLS)
    weight = corpus.usable.astype(np.float32) * np.where(corpus.calm, 1 / CALM, 1).astype(np.float32)
    y = targets(corpus)
    return Examples(x.reshape(*rows, *x.shape[1:]), y.reshape(*rows, y.shape[1]), weight.reshape(rows), calm_shares(corpus))
