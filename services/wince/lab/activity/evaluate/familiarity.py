"""Does the confidence warn on looks that training never had? `wince lab evaluate familiarity`

Per part: how sure the ensemble is beside how often it is right (score within SECURE of the truth), and how well each of these tells
wrong scores from right ones (AUC; .5: not at all):

    doubt        the ensemble's own: the members' spread and their disagreement; what the confidence is made of
    distance     the card's: channel means of the inner map, as far from training's as `models.activity.Familiar` says
    embeddings   Mahalanobis distance of the members' embeddings from those of the first REFERENCE training persons

A distance belongs into the confidence only where it tells what doubt does not: `both` is the AUC of doubt and embeddings together, by a
logistic fit on the validation part. Nothing is changed by this: it measures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.domain.agreement import auc
from wince.lab.activity.apply import free
from wince.lab.activity.logistic import logistic
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, read_corpus
from wince.lab.corpus.unseen import UNSEEN
from wince.models.activity import BESIDE, OUTPUTS, SECURE, Ensemble

REFERENCE = 150
RIDGE = 1e-3
"""Of the fit of both, so that it ends also where doubt tells everything."""
SHRINK = 0.05
"""Share of the mean variance in the covariance, so that it can be inverted."""
PARTS = {"validation": recipe.VALIDATION, "test": recipe.TEST, "unseen look": UNSEEN}

Array = NDArray[np.float64]


def distance(reference: Array, rows: Array) -> Array:
    """(n,) Mahalanobis distance of rows (n, k) from reference (m, k), by the root of k: about 1 for one of the reference's own."""
    mean, scatter = reference.mean(axis=0), np.cov(reference.T)
    scatter = (1 - SHRINK) * scatter + SHRINK * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    off = rows - mean
    return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", off, np.linalg.inv(scatter), off) / len(mean)))


def judged(ensemble: Ensemble, corpus: Corpus, reference: Array) -> dict[str, Array]:
    """Of the stills that are scored, (n,) each: doubt, card's distance, embeddings' distance, confidence, wrong (0 or 1)."""
    opinion, embeddings = free(ensemble, corpus)
    readings = ensemble.readings(opinion, embeddings, personal=False)
    mine, column = corpus.usable & ~corpus.calm, OUTPUTS.index("gated")
    found = {
        "doubt": opinion.spread[:, column],
        "distance": embeddings[:, -BESIDE],
        "embeddings": distance(reference, embeddings[:, :-BESIDE].astype(np.float64)),
        "confidence": np.array([one.confidence for one in readings]),
        "wrong": np.abs(opinion.mean[:, column] - corpus["gated"]) > SECURE,
    }
    return {name: np.asarray(values, np.float64)[mine] for name, values in found.items()}


def measure(folder: Path, ensemble: Ensemble) -> dict[str, dict[str, float]]:
    """The table, by part. Raises DataError where a person of it is missing."""
    train = read_corpus(folder, recipe.TRAIN[:REFERENCE])
    reference = free(ensemble, train)[1][train.usable, :-BESIDE].astype(np.float64)
    parts = {name: judged(ensemble, read_corpus(folder, seeds), reference) for name, seeds in PARTS.items()}
    first = parts["validation"]
    z = np.c_[_two(first), np.ones(len(first["wrong"]))]
    both = logistic(z, first["wrong"], np.ones(len(z)), np.full(z.shape[1], RIDGE))
    out = {}
    for name, part in parts.items():
        wrong = part["wrong"] > 0.5
        judges = {key: part[key] for key in ("doubt", "distance", "embeddings")} | {"both": _two(part) @ both[:-1]}
        row = {"stills": len(wrong), "right": 1 - wrong.mean(), "confidence": part["confidence"].mean()}
        out[name] = row | {f"AUC {key}": auc(values[wrong], values[~wrong]) for key, values in judges.items()}
    return {name: {key: round(float(value), 3) for key, value in row.items()} for name, row in out.items()}


def _two(part: dict[str, Array]) -> Array:
    return np.log(np.stack([part["doubt"], part["embeddings"]], axis=1) + 1e-6)
