"""A made-up corpus: numbers in the shape of drawn persons, with a truth that can be read off the features."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from wince.lab.corpus.expressions import truth
from wince.lab.corpus.plan import plan
from wince.lab.corpus.recipe import VERSION


def person(seed: int) -> dict[str, np.ndarray]:
    """What draw.person_arrays gives, but features and points are noise with the truth added to the first of them."""
    people, stills = plan(seed)
    rng, n = np.random.default_rng(seed), len(stills)
    rows = [truth(still.kind, still.weights) for still in stills]
    out: dict[str, Any] = {name: np.array([row[name] for row in rows], np.float32) for name in rows[0]}
    out |= {key: np.array([still.pose[key] for still in stills], np.float32) for key in ("yaw", "pitch", "roll")}
    out |= {key: np.array([getattr(still, key) for still in stills]) for key in ("kind", "condition", "cover")}
    features = rng.normal(0, 0.1, (n, 128, 8, 8)) + 0.3 * rng.normal(0, 1, (128, 1, 1))
    features[:, :8] += out["pspi"][:, None, None, None] / 4
    features[:, 8:16] += out["gated"][:, None, None, None] / 4
    blendshapes = rng.random((n, 52))
    blendshapes[:, 0] = out["pspi"] / 16
    out |= {"features": features.astype(np.float16), "blendshapes": blendshapes.astype(np.float32)}
    out["landmarks"] = (rng.normal(0, 1, (478, 3)) * 60 + 200 + rng.normal(0, 0.2, (n, 478, 3))).astype(np.float32)
    crop = rng.integers(60, 160, (n, 64, 64))
    crop[:, 28:36, 28:36] += (out["pspi"][:, None, None] * 6).astype(int)
    out["crop"] = crop.astype(np.uint8)
    out |= {"found": np.ones(n, bool), "seen": np.ones(n, int), "presence": np.ones(n, np.float32)}
    out |= {"pressed": np.zeros(n, bool), "exposure": np.ones(n, np.float32), "side_light": np.zeros(n, bool)}
    return out | {"tone": np.array(people[0].tone), "seed": np.array(seed), "version": np.array(VERSION)}


def write(folder: Path, seeds: Iterable[int], **changed: np.ndarray) -> None:
    """SEED.npz for each; `changed` replaces arrays."""
    for seed in seeds:
        np.savez(folder / f"{seed}.npz", **(person(seed) | changed))
