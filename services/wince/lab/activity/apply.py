"""The installed or a trained ensemble on a corpus; no torch needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wince.lab.activity.inputs import seen
from wince.lab.corpus.read import Corpus
from wince.models.activity import Ensemble, Opinion

BATCH = 500
"""Faces at once, for memory's sake."""


def free(ensemble: Ensemble, corpus: Corpus) -> tuple[Opinion, NDArray[np.float32]]:
    """Opinion without the calm face of every still, and embeddings (n, k)."""
    x, smile = seen(corpus)
    parts = [
        ensemble.free({kind: rows[at : at + BATCH] for kind, rows in x.items()}, smile[at : at + BATCH])
        for at in range(0, len(corpus), BATCH)
    ]
    mean, spread = (np.concatenate([getattr(opinion, name) for opinion, _ in parts]) for name in ("mean", "spread"))
    return Opinion(mean, spread), np.concatenate([embeddings for _, embeddings in parts])
