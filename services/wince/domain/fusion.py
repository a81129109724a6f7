"""How several models become one opinion: mean, weighted, or majority. All members or none: never a partial ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wince.errors import InputError

METHODS = ("mean", "weighted", "majority")
Members = Sequence[Sequence[float] | NDArray[np.float32] | None]
"""One row per member, in the protocol's order; None: it did not answer."""


def fuse_probabilities(members: Members, method: str = "mean", weights: Sequence[float] = ()) -> NDArray[np.float64] | None:
    """Probability of each class, (classes,), sums to 1; None where a member is missing or has a NaN.

    mean: the average; weighted: by `weights`, one per member, above 0; majority: the share of members whose best class it is
    (of a member's equals: the higher class). Raises InputError for an unknown method, wrong weights, rows of unequal length,
    or rows that aren't probabilities.

    >>> fuse_probabilities([(.2, .8), (.6, .4), (.5, .5)], "majority").tolist()
    [0.3333333333333333, 0.6666666666666666]
    """
    table = _table(members)
    if table is None:
        return None
    if (table < 0).any() or not np.allclose(table.sum(axis=1), 1.0, atol=1e-3):
        raise InputError("a member's probabilities don't sum to 1", field="members", remedy="apply softmax before fusing")
    if method == "majority":
        best = table.shape[1] - 1 - np.argmax(table[:, ::-1], axis=1)
        return np.asarray(np.bincount(best, minlength=table.shape[1]) / len(table), dtype=np.float64)
    fused = _average(table, method, weights)
    return np.asarray(fused / fused.sum())


def label(probabilities: NDArray[np.float64]) -> int:
    """The most probable class; of equals the higher one.

    >>> label(np.array([.4, .4, .2]))
    1
    """
    return len(probabilities) - 1 - int(np.argmax(probabilities[::-1]))


def _table(members: Members) -> NDArray[np.float64] | None:
    if not members:
        raise InputError("there is no member", field="members", remedy="name at least one model")
    rows = [np.asarray(member, dtype=np.float64) for member in members if member is not None]
    if len(rows) < len(members):
        return None
    if len({row.shape for row in rows}) > 1 or rows[0].ndim != 1 or not rows[0].size:
        raise InputError("members answer in different shapes", field="members", remedy="models of one protocol share its classes")
    table = np.stack(rows)
    return None if np.isnan(table).any() else table


def _average(table: NDArray[np.float64], method: str, weights: Sequence[float]) -> NDArray[np.float64]:
    if method == "mean":
        return np.asarray(table.mean(axis=0))
    if method != "weighted":
        raise InputError(f"there is no fusion {method!r}", field="fusion", remedy=f"one of: {', '.join(METHODS)}")
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(table),) or not np.isfinite(shares).all() or (shares <= 0).any():
        raise InputError(f"{len(table)} members need as many weights above 0", field="weights", remedy="one weight per member")
    return np.asarray((shares / shares.sum()) @ table)
