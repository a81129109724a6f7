"""Figures that compare scores with truth. Pure; NaN where a figure can't be computed (a class that is absent)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def icc_a1(x: Array, y: Array) -> float:
    """ICC(A,1), two-way random, absolute agreement, single measure, of two raters. x, y (n,).

    >>> round(icc_a1(np.array([1., 2, 3, 4]), np.array([1., 2, 3, 4])), 6)
    1.0
    """
    n, pair = len(x), np.stack([x, y], axis=1).astype(np.float64)
    if n < 3:
        return float("nan")
    grand, rows, columns = pair.mean(), pair.mean(axis=1), pair.mean(axis=0)
    between = 2 * ((rows - grand) ** 2).sum() / (n - 1)
    raters = n * ((columns - grand) ** 2).sum()
    error = ((pair - rows[:, None] - columns[None] + grand) ** 2).sum() / (n - 1)
    under = between + error + 2 * (raters - error) / n
    return float((between - error) / under) if under > 0 else float("nan")


def auc(positive: Array, negative: Array) -> float:
    """Chance that a positive scores above a negative, ties counting half.

    >>> auc(np.array([2., 3]), np.array([1., 2]))
    0.875
    """
    if not len(positive) or not len(negative):
        return float("nan")
    order = np.sort(negative)
    below, upto = np.searchsorted(order, positive, "left"), np.searchsorted(order, positive, "right")
    return float(((below + upto) / 2).mean() / len(order))


def interval(figure: Callable[[Array], float], person: Array, resamples: int = 300, seed: int = 7) -> tuple[float, float]:
    """95 % interval of figure(rows) under resampling of persons with replacement. person (n,)."""
    people, rng = np.unique(person), np.random.default_rng(seed)
    rows = {one: np.flatnonzero(person == one) for one in people}
    values = [figure(np.concatenate([rows[one] for one in rng.choice(people, len(people))])) for _ in range(resamples)]
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
