"""Logistic regression with a ridge, by Newton's method. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 30
"""At most; it is there after some ten."""


def logistic(z: Array, y: NDArray[np.bool_] | Array, weight: Array, penalty: Array) -> Array:
    """(k,) the weights w under which 1 / (1 + exp(-z w)) fits y best. z (n, k), with a column of 1 for a bias; y (n,) 0 or 1.

    weight: (n,) how much a row counts. penalty: (k,) half of it times w squared is added to the weighted log loss.

    >>> z = np.array([[0.0, 1], [1, 1], [0, 1], [1, 1]])
    >>> logistic(z, np.array([0.0, 1, 1, 1]), np.ones(4), np.array([0.1, 1e-9])).round(2).tolist()
    [1.88, 0.38]
    """
    w = np.zeros(z.shape[1])
    for _ in range(ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -60, 60)))
        gradient = z.T @ (weight * (p - y)) + penalty * w
        hessian = (z * (weight * p * (1 - p))[:, None]).T @ z + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-6:
            break
    return w
