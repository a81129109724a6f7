"""The first scorer: facial activity from Blendshapes v2 and distances in the mesh, without the patient's own calm face.

Its embedding is what `pipeline/grade/activity_personal.py` reads against the calm embedding. The arithmetic, what it can't
measure and what its confidence means stand in `wince.models.activity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wince.domain.face import Face
from wince.domain.reason import Reason
from wince.models import activity
from wince.models.fetch import path
from wince.models.lock import find, set_id
from wince.pipeline.estimate.blendshapes import NAMES, Blendshapes
from wince.pipeline.estimate.interface import Score

MODELS = ("blazeface_full_range", "face_landmarks", "face_blendshapes", "face_geometry")
"""Files of the lock that a score depends on, detect's among them."""


class ActivityScorer:
    """Scorer of the protocol `activity`; see the port. One instance per thread; about half a millisecond per face."""

    def __init__(self, blendshapes: Blendshapes, model: activity.ActivityModel, models: Sequence[str] = MODELS) -> None:
        self._blendshapes, self._model = blendshapes, model
        self._columns = activity.shape_columns(NAMES)
        self.model_set = set_id([*(find(name).sha256 for name in models), model.sha256])

    def score(self, faces: Sequence[Face]) -> list[Score]:
        """One Score per face, in order; UNCERTAIN where a face carries no landmarks or they aren't finite."""
        return [self._one(face) for face in faces]

    def _one(self, face: Face) -> Score:
        if face.landmarks is None or not np.isfinite(face.landmarks).all():
            return Score(None, Reason.UNCERTAIN)
        embedding = activity.embed(face.landmarks, self._blendshapes.read(face.landmarks), self._columns)
        (reading,) = self._model.free.read(embedding[None].astype(np.float64))
        return Score(reading, embedding=embedding)


def load_activity_scorer(folder: Path | None = None) -> ActivityScorer:
    """The scorer with its files from the model cache in `folder` (None: `wince.models.fetch.cache_folder`).

    Raises ModelFileError where one is absent or changed; no network."""
    return ActivityScorer(Blendshapes(path("face_blendshapes", folder)), activity.load())
