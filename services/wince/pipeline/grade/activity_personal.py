"""The personal model of `activity`: the same ensemble's second heads, which look at a face against the patient's own calm face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wince.domain.estimate import Reading
from wince.models import activity
from wince.models.lock import set_id


class ActivityPersonal:
    """Personal model of the protocol `activity`; see the port. Stateless, may be shared by threads."""

    def __init__(self, ensemble: activity.Ensemble | None = None) -> None:
        self._ensemble = ensemble or activity.load()
        self.model_set = personal_model_set(self._ensemble.sha256)

    def read(self, embeddings: NDArray[np.float32], calm: NDArray[np.float32]) -> list[Reading]:
        """embeddings: (n, k); calm: (k,), both of ActivityScorer."""
        rows = np.ascontiguousarray(embeddings, np.float32)
        opinion = self._ensemble.personal(rows, np.broadcast_to(calm.astype(np.float32), rows.shape))
        return self._ensemble.readings(opinion, rows, personal=True)

    def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """embeddings: (n, k). (n,) True: no expression, open eyes."""
        return activity.at_rest(embeddings)


def personal_model_set(ensemble: str) -> str:
    """Id (hex) of the model set of a personal model with the ensemble of that sha256 (hex)."""
    return set_id([ensemble])
