"""The table of one scorer on the test part. Calm stills and covered or absent faces are left out; persons are resampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.domain.agreement import auc, icc_a1, interval
from wince.lab.activity.evaluate.rivals import Scores
from wince.lab.corpus.read import Corpus
from wince.lab.corpus.recipe import APART, DISTRACTORS

Rows = NDArray[np.intp]
PAIN = 4.0
"""PSPI from which a still counts as pain."""
SMALLEST = 10
"""Fewer stills of a tone, and its error is not reported."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell."""

    value: float
    low: float
    high: float
    n: int
    """Stills that it rests on."""


def scored(corpus: Corpus) -> Rows:
    """Rows that the table is about."""
    return np.flatnonzero(corpus.usable & ~corpus.calm)


def in_pain(corpus: Corpus) -> NDArray[np.bool_]:
    """(n,) Stills that show pain: drawn as such, alone or mixed with another expression, with PAIN or more."""
    return np.isin(corpus["kind"], ("pain", "mixture")) & (corpus["pspi"] >= PAIN)


def table(scores: Scores, test: Corpus, threshold: float, resamples: int = 300) -> dict[str, Figure]:
    """Every figure by name. threshold: of the gated number, chosen on other persons."""
    kind, truth, person = test["kind"], test["pspi"], test.person
    pain = in_pain(test)
    yaw, distractor = np.abs(test["yaw"]), np.isin(kind, DISTRACTORS)
    oblique = test["pressed"] & (truth >= PAIN) & (yaw >= 25) & (yaw <= 40)

    def split(positive: NDArray[np.bool_], negative: NDArray[np.bool_], values: NDArray[np.float64]) -> Callable[[Rows], float]:
        return lambda r: auc(values[r][positive[r]], values[r][negative[r]])

    everything = np.ones(len(test), bool)
    jobs: dict[str, tuple[Callable[[Rows], float], NDArray[np.bool_]]] = {
        "PSPI ICC(A,1)": (lambda r: icc_a1(scores.pspi[r], truth[r]), everything),
        "PSPI mean absolute error": (lambda r: float(np.abs(scores.pspi[r] - truth[r]).mean()), everything),
        "PSPI mean absolute error, plain stills": (
            lambda r: float(np.abs(scores.pspi[r] - truth[r]).mean()), test["condition"] == "plain",
        ),
        "AUC PSPI >= 4, everything": (split(truth >= PAIN, truth < PAIN, scores.pspi), everything),
        "AUC pain v all distractors, gated": (split(pain, distractor, scores.gated), pain | distractor),
    }  # fmt: skip
    for name in DISTRACTORS:
        jobs[f"AUC pain v {name}, gated"] = (split(pain, kind == name, scores.gated), pain | (kind == name))
    for name in APART:
        jobs[f"AUC pain v {name}, apart"] = (split(pain, kind == name, scores.gated), pain | (kind == name))
    jobs["AUC pressed lips at yaw 25-40 v distractors"] = (split(oblique, distractor, scores.gated), oblique | distractor)
    jobs["largest gap of PSPI error between tones"] = (lambda r: tone_gap(scores, test, r), everything)
    jobs["carried threshold: sensitivity"] = (lambda r: float((scores.gated[r] >= threshold).mean()), pain)
    jobs["carried threshold: false positives"] = (lambda r: float((scores.gated[r] >= threshold).mean()), distractor)
    out = {}
    for name, (figure, subset) in jobs.items():
        rows = np.array([r for r in scored(test) if subset[r]], np.intp)
        rows = rows[np.isfinite(scores.pspi[rows]) & np.isfinite(scores.gated[rows])]

        def resampled(picked: Rows, figure: Callable[[Rows], float] = figure, rows: Rows = rows) -> float:
            return figure(rows[picked])

        if not len(rows):
            out[name] = Figure(float("nan"), float("nan"), float("nan"), 0)
            continue
        out[name] = Figure(figure(rows), *interval(resampled, person[rows], resamples), len(rows))
    return out


def tone_gap(scores: Scores, test: Corpus, rows: Rows) -> float:
    """Largest difference of the mean absolute error of PSPI between two tones with SMALLEST stills or more."""
    error, tone = np.abs(scores.pspi[rows] - test["pspi"][rows]), test.tone[rows]
    means = [error[tone == one].mean() for one in np.unique(tone) if (tone == one).sum() >= SMALLEST]
    return float(max(means) - min(means)) if len(means) > 1 else float("nan")


def choose_threshold(scores: Scores, validation: Corpus, false_positives: float = 0.05) -> float:
    """The gated number that at most that share of the validation part's distractors reaches."""
    rows = scored(validation)
    values = scores.gated[rows][np.isin(validation["kind"][rows], DISTRACTORS)]
    return float(np.nextafter(np.quantile(values[np.isfinite(values)], 1 - false_positives), np.inf))
