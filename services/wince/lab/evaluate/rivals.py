"""What the ensemble is measured against, fitted on the same train part: ridges, and the first scorer as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.lab.corpus.read import Corpus
from wince.lab.corpus.recipe import STILLS
from wince.lab.scorer.apply import Ensemble
from wince.lab.scorer.inputs import calm_shares, inputs
from wince.models import activity
from wince.pipeline.estimate.blendshapes import NAMES

Array = NDArray[np.float64]
RIDGE = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One scorer's answers to a corpus, (n,) each."""

    name: str
    pspi: Array
    gated: Array


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
        x = inputs("points", corpus["landmarks"], corpus["blendshapes"], corpus["features"])
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


def first_scorer(name: str, test: Corpus, *, personal: bool) -> Scores:
    """The road's first scorer (models/activity.py). It gives one number, the gated one, which stands for PSPI too."""
    model, columns = activity.load(), activity.shape_columns(NAMES)
    pairs = zip(test["landmarks"], test["blendshapes"], strict=True)
    x = np.stack([activity.embed(points, shapes, columns) for points, shapes in pairs])
    if personal:
        score = model.personal.values((x - calm_of(x, test)).astype(np.float64))[:, 0]
    else:
        score = model.free.values(x.astype(np.float64))[:, 0]
    return Scores(name, score, score)


def ensemble(name: str, model: Ensemble, test: Corpus, *, personal: bool) -> Scores:
    """The exported ensemble, or only some of its members."""
    opinion, embeddings = model.of_corpus(test)
    if personal:
        opinion = model.personal(embeddings, {key: calm_of(value, test) for key, value in embeddings.items()})
    return Scores(name, opinion.column("pspi").astype(np.float64), opinion.column("gated").astype(np.float64))
