"""The default scorer: facial activity by the ensemble of `wince.models.activity`, without the patient's own calm face.

Its embedding is what `pipeline/grade/activity_personal.py` reads against the calm embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wince.domain.face import Face
from wince.domain.reason import Reason
from wince.models import activity
from wince.models.canonical_face import CanonicalFace
from wince.models.fetch import path
from wince.models.lock import find, set_id
from wince.pipeline.estimate.activity_inputs import inputs
from wince.pipeline.estimate.blendshapes import Blendshapes
from wince.pipeline.estimate.interface import Score

MODELS = ("blazeface_full_range", "face_landmarks", "face_blendshapes", "face_geometry")
"""Files of the lock that a score depends on, detect's among them."""


class ActivityScorer:
    """Scorer of the protocol `activity`; see the port. One instance per thread (for its blendshapes)."""

    def __init__(
        self, blendshapes: Blendshapes, canonical: CanonicalFace, ensemble: activity.Ensemble, models: Sequence[str] = MODELS
    ) -> None:
        self._blendshapes, self._canonical, self._ensemble = blendshapes, canonical, ensemble
        self.model_set = activity_model_set(ensemble.sha256, models)

    def score(self, faces: Sequence[Face]) -> list[Score]:
        """One Score per face, in order; UNCERTAIN where a face carries no landmarks, inner map or grey region, or they aren't finite."""
        seen = [number for number, face in enumerate(faces) if _whole(face)]
        scores = [Score(None, Reason.UNCERTAIN)] * len(faces)
        if not seen:
            return scores
        landmarks = np.stack([faces[number].landmarks for number in seen])  # type: ignore[misc]  # _whole
        features = np.stack([faces[number].features for number in seen])  # type: ignore[misc]
        shapes = np.stack([self._blendshapes.read(points) for points in landmarks])
        grey = np.stack([faces[number].grey for number in seen])  # type: ignore[misc]
        x, smile = inputs(self._canonical, landmarks, shapes, features, grey)
        opinion, embeddings = self._ensemble.free(x, smile)
        readings = self._ensemble.readings(opinion, embeddings, personal=False)
        for number, reading, embedding in zip(seen, readings, embeddings, strict=True):
            scores[number] = Score(reading, embedding=embedding)
        return scores


def activity_model_set(ensemble: str, models: Sequence[str] = MODELS) -> str:
    """Id (hex) of the model set of a scorer with the ensemble of that sha256 (hex) and these files of the lock."""
    return set_id([*(find(name).sha256 for name in models), ensemble])


def _whole(face: Face) -> bool:
    return all(part is not None and bool(np.isfinite(part).all()) for part in (face.landmarks, face.features, face.grey))


def load_activity_scorer(folder: Path | None = None) -> ActivityScorer:
    """The scorer with its files from the model cache in `folder` (None: `wince.models.fetch.cache_folder`).

    Raises ModelFileError where one is absent or changed; no network."""
    canonical = CanonicalFace.parse(path("face_geometry", folder).read_bytes())
    return ActivityScorer(Blendshapes(path("face_blendshapes", folder)), canonical, activity.load())
