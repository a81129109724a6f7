"""Searching a picture for faces: the detector proposes, the mesh confirms. Pure but for the calls of the models.

The detector fires on letters and curtains now and then; a mesh that is not sure of itself, or that does not look like a face,
withdraws the proposal. It finds faces up to about 60 degrees from upright, so a search may also turn the picture by quarters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.pipeline.detect.geometry import landmark_box, region_from_detection, region_from_landmarks
from wince.pipeline.detect.interface import Detection, FaceModels, Fit, Mesh

SURE = 0.9
"""Presence that a new face needs, before and after its region is refined. On 431 faceless frames of a cartoon the detector
proposed 110 faces; this and `UNLIKE` withdrew all of them."""
UNLIKE = 0.09
"""Residual of the canonical face above which a new mesh is no face; real and drawn faces stay below .075."""
MOST = 8
"""Proposals that are looked at, best first."""
QUARTERS = (0, 1, 3, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A confirmed face, in pixels of the upright picture."""

    box: NDArray[np.float32]
    """(4,) round the mesh."""
    mesh: Mesh
    fit: Fit
    score: float
    """The detector's."""
    points: NDArray[np.float32]
    """(k, 2) the detector's, px; see Detection."""


def turned_find(models: FaceModels, pixels: NDArray[np.uint8], quarters: int) -> list[Detection]:
    """Detections in the picture turned counter-clockwise by so many quarters, given in pixels of the picture as it is."""
    if quarters % 4 == 0:
        return models.detector.find(pixels)
    found = models.detector.find(np.ascontiguousarray(np.rot90(pixels, quarters)))
    return [_back(detection, quarters % 4, pixels.shape[1], pixels.shape[0]) for detection in found]


def confirm(models: FaceModels, pixels: NDArray[np.uint8], detections: Sequence[Detection]) -> list[Found]:
    """The detections that the mesh agrees with, best first."""
    found = []
    for detection in detections[:MOST]:
        first = models.mesh.fit(pixels, region_from_detection(detection))
        if first.presence < SURE:
            continue
        mesh = models.mesh.fit(pixels, region_from_landmarks(first.landmarks))
        fit = models.pose.solve(mesh.landmarks)
        if mesh.presence >= SURE and fit.residual <= UNLIKE:
            found.append(Found(landmark_box(mesh.landmarks), mesh, fit, detection.score, detection.points))
    return found


def propose(models: FaceModels, pixels: NDArray[np.uint8], quarters: Sequence[int]) -> list[Detection]:
    """Everything that the detector takes for a face in the picture turned by each of `quarters`, best first."""
    proposals = [detection for turn in quarters for detection in turned_find(models, pixels, turn)]
    return sorted(proposals, key=lambda detection: -detection.score)


def search(models: FaceModels, pixels: NDArray[np.uint8], *, turns: bool) -> list[Found]:
    """Every face in the picture. `turns`: also look for faces that lie sideways or upside down; each is read in the turn in which
    the detector is surest of it, because the mesh invents an upright face in an upside-down one."""
    return _apart(confirm(models, pixels, propose(models, pixels, QUARTERS if turns else (0,))))


def search_besides(
    models: FaceModels, pixels: NDArray[np.uint8], known: NDArray[np.float32], roll: float
) -> tuple[Detection | None, list[Found]]:
    """What the detector, too, sees of the face that is tracked at `known` (box, px) with `roll` (degrees), and all others."""
    proposals = propose(models, pixels, (round(roll / 90) % 4,))
    others = [proposal for proposal in proposals if not _within(proposal.box, known)]
    same = next((proposal for proposal in proposals if _within(proposal.box, known)), None)
    return same, _apart(confirm(models, pixels, others))


def _within(box: NDArray[np.float32], known: NDArray[np.float32]) -> bool:
    middle = (box[:2] + box[2:]) / 2
    return bool((known[:2] < middle).all() and (middle < known[2:]).all())


def _apart(found: Sequence[Found]) -> list[Found]:
    """The surest of several readings of the same place."""
    kept: list[Found] = []
    for one in found:
        if not any(_within(one.box, other.box) for other in kept):
            kept.append(one)
    return kept


def _back(detection: Detection, quarters: int, width: int, height: int) -> Detection:
    """Undo np.rot90(picture, quarters) for a detection; width and height of the picture before the turn."""

    def point(xy: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y = xy[..., 0], xy[..., 1]
        moved = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]
        return np.stack(moved, axis=-1)

    corners = point(detection.box.reshape(2, 2))
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Detection(box, point(detection.points), detection.score)
