"""What trained members are worth on the validation part: their weights, how doubt turns into confidence, and which units are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.domain.agreement import icc_a1
from wince.domain.estimate import UNITS
from wince.lab.activity.inputs import Examples
from wince.lab.activity.train import answers
from wince.models.activity import OUTPUTS, SCALES, SECURE, Opinion, fused

BINS = 8
MEASURED = 0.5
"""ICC(A,1) on the validation part from which a unit counts as measured."""
LEAST_WEIGHT = 0.001
"""Of a member in an output."""

Array = NDArray[Any]


def calibrate(models: dict[str, Any], kinds: dict[str, str], validation: dict[str, Examples]) -> dict[str, Any]:
    """Of the card: weights, confidence (free, personal), unit_icc and measured. models and kinds by member, validation by kind."""
    some = validation[next(iter(kinds.values()))]
    counts = (some.weight * (some.calm == 0)).reshape(-1) > 0
    truth = some.y.reshape(len(counts), -1)[counts] * SCALES
    both = [answers(models[name], validation[kind]) for name, kind in kinds.items()]
    weighing = weights([(one[0][0][counts], one[1][0][counts]) for one in both], truth / SCALES)
    opinions = {
        name: fused([one[i][0][counts] for one in both], [np.exp(one[i][1][counts]) for one in both], weighing)
        for i, name in enumerate(("free", "personal"))
    }
    icc = {unit: round(icc_a1(opinions["free"].column(unit), truth[:, OUTPUTS.index(unit)]), 3) for unit in UNITS}
    return {
        "weights": {name: [round(float(v), 4) for v in row] for name, row in zip(kinds, weighing, strict=True)},
        "confidence": {name: confidence(opinion, truth) for name, opinion in opinions.items()},
        "unit_icc": icc,
        "measured": [unit for unit, value in icc.items() if value >= MEASURED],
    }


def weights(answered: list[tuple[Array, Array]], truth: Array) -> NDArray[np.float32]:
    """(members, outputs), each output's sum 1: how much a member counts, as its mean squared error to the power -4.

    answered: each member's means, free and personal, (n, outputs) as truth, all in shares.
    """
    squared = np.stack([np.mean([((mean - truth) ** 2).mean(axis=0) for mean in both], axis=0) for both in answered])
    worth = np.maximum(squared, 1e-5).astype(np.float64) ** -4
    share = np.maximum(worth / worth.sum(axis=0), LEAST_WEIGHT)
    return np.asarray(share / share.sum(axis=0), np.float32)


def confidence(opinion: Opinion, truth: Array) -> dict[str, list[float]]:
    """Doubt of `gated` in BINS equal groups: mean doubt, and the share of right scores, made to fall. truth (n, outputs) in units."""
    column = OUTPUTS.index("gated")
    doubt = opinion.spread[:, column]
    right = np.abs(opinion.mean[:, column] - truth[:, column]) <= SECURE
    groups = np.array_split(np.argsort(doubt), BINS)
    spread = np.array([float(doubt[rows].mean()) for rows in groups])
    share = falling(np.array([float(right[rows].mean()) for rows in groups]))
    spread = spread + 1e-6 * np.arange(BINS)  # equal doubts of many faces must still rise
    return {"spread": [round(float(v), 6) for v in spread], "share": [round(float(v), 4) for v in share]}


def familiar(maps: Examples) -> dict[str, Any]:
    """Of the card: what the inner maps of the stills that count are like; see models.activity.Familiar."""
    pooled = maps.x.mean(axis=(3, 4))[maps.weight > 0]
    mean, spread = pooled.mean(axis=0), pooled.std(axis=0) + 1e-4
    distance = np.sqrt((((pooled - mean) / spread) ** 2).mean(axis=1))
    rounded = {"mean": mean, "spread": spread}
    return {name: [round(float(v), 5) for v in values] for name, values in rounded.items()} | {"far": float(np.quantile(distance, 0.99))}


def falling(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest sequence (least squares) that never rises: neighbours that do are pooled.

    >>> falling(np.array([1.0, 0.5, 0.7, 0.2])).tolist()
    [1.0, 0.6, 0.6, 0.2]
    """
    pools: list[list[float]] = []
    for value in values:
        pools.append([float(value)])
        while len(pools) > 1 and np.mean(pools[-2]) < np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools])
