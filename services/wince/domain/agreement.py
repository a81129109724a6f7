"""Figures that compare scores with truth, or raters with each other. Pure; NaN where a figure can't be computed (a class is absent)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def icc_a1(*raters: Array) -> float:
    """ICC(A,1): how far raters agree, in absolute terms, for a single rating by one of them. Two raters or more, (n,) each.

    Two-way random effects, absolute agreement, single measure: ICC(A,1) of McGraw and Wong, Psychological Methods 1996, 1:30-46,
    which is ICC(2,1) of Shrout and Fleiss, Psychological Bulletin 1979, 86:420-428. From 1 downwards, also below 0; NaN for fewer
    than three subjects. The average of the raters agrees better (ICC(A,k)): never compare the two.

    >>> round(icc_a1(np.array([1., 2, 3, 4]), np.array([1., 2, 3, 4])), 6)
    1.0
    """
    ratings = np.stack(raters, axis=1).astype(np.float64)
    n, k = ratings.shape
    if n < 3:
        return float("nan")
    grand, rows, columns = ratings.mean(), ratings.mean(axis=1), ratings.mean(axis=0)
    subjects = k * ((rows - grand) ** 2).sum() / (n - 1)
    judges = n * ((columns - grand) ** 2).sum() / (k - 1)
    error = ((ratings - rows[:, None] - columns[None] + grand) ** 2).sum() / ((n - 1) * (k - 1))
    under = subjects + (k - 1) * error + k * (judges - error) / n
    return float((subjects - error) / under) if under > 0 else float("nan")


def auc(positive: Array, negative: Array) -> float:
    """Chance that a positive scores above a negative, ties counting half: the area under the ROC curve, 0 to 1.

    Mann and Whitney's U over the number of pairs (Hanley and McNeil, Radiology 1982, 143:29-36). NaN where a class is absent.

    >>> auc(np.array([2., 3]), np.array([1., 2]))
    0.875
    """
    if not len(positive) or not len(negative):
        return float("nan")
    order = np.sort(negative)
    below, upto = np.searchsorted(order, positive, "left"), np.searchsorted(order, positive, "right")
    return float(((below + upto) / 2).mean() / len(order))


def roc(positive: Array, negative: Array) -> tuple[Array, Array]:
    """False and true positive rates at every threshold from the highest downwards, from (0, 0) to (1, 1).

    A score that reaches the threshold is called positive (Fawcett, Pattern Recognition Letters 2006, 27:861-874, algorithm 1); the
    area under the curve is `auc`. NaN rates for a class that is absent.

    >>> [rate.tolist() for rate in roc(np.array([2., 3]), np.array([1., 2]))]
    [[0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0]]
    """
    cuts = np.unique(np.concatenate([positive, negative]))[::-1]

    def reached(scores: Array) -> Array:
        if not len(scores):
            return np.full(len(cuts) + 1, np.nan)
        return np.concatenate([[0.0], (len(scores) - np.searchsorted(np.sort(scores), cuts, "left")) / len(scores)])

    return reached(negative), reached(positive)


def risk_coverage(error: Array, doubt: Array) -> tuple[Array, Array]:
    """Share that is kept, and the mean error of what is kept, as the most doubtful are left out. error, doubt (n,).

    The risk-coverage curve of El-Yaniv and Wiener, JMLR 2010, 11:1605-1641. It rises from left to right where doubt tells wrong
    from right; its right end is the mean error of everything.

    >>> [part.tolist() for part in risk_coverage(np.array([4., 0]), np.array([0.9, 0.1]))]
    [[0.5, 1.0], [0.0, 2.0]]
    """
    kept = np.arange(1, len(error) + 1)
    return kept / max(len(error), 1), np.cumsum(error[np.argsort(doubt, kind="stable")]) / kept


def interval(figure: Callable[[Array], float], person: Array, resamples: int = 300, seed: int = 7) -> tuple[float, float]:
    """95 % interval of figure(rows) under resampling of persons with replacement. person (n,): who each row shows.

    The percentile bootstrap over clusters (Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8 and 5.3): rows of a
    person are not independent, so whole persons are drawn. Resamples in which the figure can't be computed are left out.
    """
    people, rng = np.unique(person), np.random.default_rng(seed)
    rows = {who: np.flatnonzero(person == who) for who in people}
    values = [figure(np.concatenate([rows[who] for who in rng.choice(people, len(people))])) for _ in range(resamples)]
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
