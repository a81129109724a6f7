"""What the corpus of the scorer doesn't hold and the probe for covers needs: turned faces under covers, and backs of heads.

A probe that sees turned faces only free takes them for free under a mask; one that never sees them takes them for covered. So each
person is drawn at POSES, free and covered, and once from behind, where the detector sometimes finds a face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wince.lab.corpus.draw import face_models, look, shown
from wince.lab.corpus.plan import Still, plan
from wince.lab.corpus.recipe import CALM
from wince.lab.synthesize.covers import COVERS, FREE, Face, cover, decorate
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.person import Occluder, Person
from wince.pipeline.detect.geometry import region_from_detection, region_from_landmarks
from wince.pipeline.detect.occlusion import bands

POSES = 3
"""Per person; yaw to TURN, pitch to 15, roll to 30 degrees."""
TURN = 40.0
PAINTED = 2
"""Covers painted over each free pose."""


class Row(NamedTuple):
    """One face that the probe is fitted on."""

    seed: int
    kind: str
    covered: bool
    bands: NDArray[np.float32]
    """(512,)."""
    yaw: float
    """Degrees, the truth."""


def planned(seed: int) -> tuple[Person, list[Still]]:
    """The person and, per pose, a free still and one in an oxygen mask; the back of the head last. Pure: same seed, same plan."""
    people, stills = plan(seed)
    rng = np.random.default_rng([seed, 33])
    background, out = stills[0].scene.background, list[Still]()
    for number in rng.choice(np.arange(CALM, len(stills)), POSES, replace=False):
        still = stills[number]
        turned = {"yaw": rng.uniform(-TURN, TURN), "pitch": rng.uniform(-15, 15), "roll": rng.uniform(-30, 30)}
        pose = still.pose | {name: float(angle) for name, angle in turned.items()}
        free = replace(still, pose=pose, scene=replace(still.scene, background=background), cover="none")
        out += [free, replace(free, cover="mask")]
    out.append(replace(out[0], pose=out[0].pose | {"yaw": float(rng.uniform(150, 210))}))
    return replace(people[0], occluder=Occluder("mask")), out


def turned_rows(head: Head, seed: int) -> Iterator[Row]:
    """One person's faces, as far as one is found. Raises ResourceError (graphics), ModelFileError."""
    person, stills = planned(seed)
    models, _ = face_models()
    rng = np.random.default_rng([seed, 34])
    for still, picture, nose in shown([person], stills, head):
        yaw = still.pose["yaw"]
        if abs(yaw) > 90:
            for found in models.detector.find(picture):
                mesh = models.mesh.fit(picture, region_from_detection(found))
                mesh = models.mesh.fit(picture, region_from_landmarks(mesh.landmarks))
                yield Row(seed, "back", True, bands(mesh.features), yaw)
            continue
        if (seen := look(models, picture, nose)[0]) is None:
            continue
        yield Row(seed, "free" if still.cover == "none" else still.cover, still.cover != "none", bands(seen.features), yaw)
        if still.cover != "none":
            continue
        for kind in (*rng.choice(COVERS, PAINTED, replace=False), rng.choice(FREE)):
            change = cover if kind in COVERS else decorate
            mesh = models.mesh.fit(change(Face(picture, seen.landmarks, rng), str(kind)), region_from_landmarks(seen.landmarks))
            yield Row(seed, str(kind), kind in COVERS, bands(mesh.features), yaw)
