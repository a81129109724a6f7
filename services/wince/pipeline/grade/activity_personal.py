"""The first personal model: facial activity as change against the patient's own calm face. Pure arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wince.domain.estimate import Reading
from wince.models import activity
from wince.models.lock import set_id


class ActivityPersonal:
    """Personal model of the protocol `activity`; see the port. Stateless, may be shared by threads."""

    def __init__(self, model: activity.ActivityModel | None = None) -> None:
        self._model = model or activity.load()
        self.model_set = set_id([self._model.sha256])

    def read(self, embeddings: NDArray[np.float32], calm: NDArray[np.float32]) -> list[Reading]:
        """embeddings: (n, 39); calm: (39,), both of ActivityScorer. A face equal to the calm one reads score 0."""
        return self._model.personal.read(embeddings.astype(np.float64) - calm.astype(np.float64))

    def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """embeddings: (n, 39). (n,) True: no expression, open eyes; speech counts now and then, a yawn, a smile or pain doesn't."""
        return self._model.at_rest(embeddings.astype(np.float64))
