"""What the ensemble is measured against: ridges, fitted on the same train part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.lab.activity import apply
from wince.lab.activity.inputs import calm_shares, seen
from wince.lab.corpus.read import Corpus
from wince.lab.corpus.recipe import STILLS
from wince.models.activity import Ensemble, Opinion

Array = NDArray[np.float64]
RIDGE = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One scorer's answers to a corpus, (n,) each."""

    name: str
    pspi: Array
    gated: Array
    opinion: Opinion | None = None
    """What the ensemble said of every output."""


def calm_of(values: NDArray[np.float32], corpus: Corpus) -> NDArray[np.float32]:
    """(n, k) each person's mean over their calm stills, repeated for every still; NaN where a person has none."""
    shares = calm_shares(corpus)
    people = values.reshape(-1, STILLS, values.shape[1])
    calm = (people * shares[:, :, None]).sum(axis=1)
    calm[shares.sum(axis=1) == 0] = np.nan
    return np.repeat(calm, STILLS, axis=0).astype(np.float32)


def ridge(name: str, train: Corpus, test: Corpus, *, points: bool, personal: bool) -> Scores:
    """Ridge on blendshapes, or on points with blendshapes; `personal`: with the difference to the calm face beside."""

    def features(corpus: Corpus) -> NDArray[np.float32]:
        x = seen(corpus)[0]["points"]
        x = x if points else x[:, -52:]
        return np.hstack([x, x - calm_of(x, corpus)]) if personal else x

    x, z = features(train).astype(np.float64), features(test).astype(np.float64)
    rows = train.usable & ~train.calm & np.isfinite(x).all(axis=1)
    mean, spread = x[rows].mean(axis=0), x[rows].std(axis=0) + 1e-6
    a, b = np.clip((x[rows] - mean) / spread, -6, 6), np.clip((z - mean) / spread, -6, 6)
    y = np.stack([train["pspi"], train["gated"]], axis=1)[rows].astype(np.float64)
    weights = np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T @ (y - y.mean(axis=0)))
    out = np.clip(b @ weights + y.mean(axis=0), 0, 16)
    return Scores(name, out[:, 0], out[:, 1])


def ensemble(model: Ensemble, test: Corpus) -> dict[bool, Scores]:
    """The ensemble without (False) and with (True) the calm face: the mean embedding of the calm stills."""
    opinion, embeddings = apply.free(model, test)
    own = model.personal(embeddings, np.nan_to_num(calm_of(embeddings, test)))
    own.mean[np.repeat(calm_shares(test).sum(axis=1) == 0, STILLS)] = np.nan
    return {personal: Scores(name(personal), one.column("pspi").astype(np.float64), one.column("gated").astype(np.float64), one)
            for personal, one in ((False, opinion), (True, own))}  # fmt: skip


def name(personal: bool) -> str:
    """Of the ensemble in the table."""
    return "ensemble + own calm face" if personal else "ensemble"
