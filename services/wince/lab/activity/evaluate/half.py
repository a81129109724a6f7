"""Does it carry over to faces of a part of the identity space that it never saw? `wince lab evaluate half`

Two members that read the inner map are trained, each on the training persons of one half of the identity space (plan.half) and stopped on
validation persons of the same half. Test persons are then read twice: by the member of their own half and by that of the other. The
difference is what an unseen kind of face costs; both members have half of the data and fewer epochs than the scorer has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.domain.agreement import auc, icc_a1, interval
from wince.lab.activity.evaluate.table import in_pain, scored
from wince.lab.activity.inputs import calm_shares, examples
from wince.lab.activity.train import Settings, answers, make, torch_module, train
from wince.lab.corpus import recipe
from wince.lab.corpus.plan import half
from wince.lab.corpus.read import Corpus, read_corpus
from wince.lab.corpus.recipe import DISTRACTORS
from wince.models.activity import OUTPUTS

Array = NDArray[np.float64]
KIND = "maps"
EPOCHS = 8
BATCH = 3
"""Persons; half as many as the scorer's, for there are half as many."""


def read_by(models: dict[bool, Any], test: Corpus, *, own: bool, personal: bool) -> tuple[Array, Array]:
    """PSPI and gated activity (n,), 0-16, of every still, read by the model of the person's own half, or by the other half's."""
    data = examples(KIND, test)
    mine = np.array([half(int(seed)) for seed in test.person])
    out = np.full((2, len(test)), np.nan)
    for side, model in models.items():
        mean = answers(model, data)[personal][0]
        rows = mine == side if own else mine != side
        for k, name in enumerate(("pspi", "gated")):
            out[k, rows] = 16 * mean[rows, OUTPUTS.index(name)]
    return out[0], out[1]


def figures(pspi: Array, gated: Array, test: Corpus, resamples: int) -> dict[str, list[float]]:
    """Each figure with its 95 % interval by person."""
    rows = scored(test)
    rows = rows[np.repeat(calm_shares(test).sum(axis=1) > 0, recipe.STILLS)[rows]]
    truth, pain, distractor = test["pspi"], in_pain(test), np.isin(test["kind"], DISTRACTORS)

    def parted(r: Array) -> float:
        return auc(gated[r][pain[r]], gated[r][distractor[r]])

    jobs = {
        "PSPI ICC(A,1)": lambda r: icc_a1(pspi[r], truth[r]),
        "PSPI mean absolute error": lambda r: float(np.abs(pspi[r] - truth[r]).mean()),
        "AUC pain v all distractors, gated": parted,
    }
    return {
        name: [round(float(v), 4) for v in (figure(rows), *interval(lambda p, f=figure: f(rows[p]), test.person[rows], resamples))]  # type: ignore[misc]
        for name, figure in jobs.items()
    }


def measure(corpus: Path, work: Path, epochs: int = EPOCHS, resamples: int = 300, persons: int | None = None) -> dict[str, Any]:
    """The figures by "own half" and "other half", without and with the calm face; `persons`: train on the first so many.

    Raises DataError where torch is not installed and for the corpus, ModelFileError for a checkpoint of another run, ResourceError for
    the disk.
    """
    torch_module()  # the corpus takes minutes to read: what can't be trained is said before
    make(work)
    models: dict[bool, Any] = {}
    count = {}
    for side in (False, True):
        seeds = [seed for seed in recipe.TRAIN[:persons] if half(seed) == side]
        data, stop = (
            examples(KIND, read_corpus(corpus, part)) for part in (seeds, [seed for seed in recipe.VALIDATION if half(seed) == side])
        )
        models[side] = train(Settings(KIND, 1, epochs, BATCH), data, stop, work / f"half-{int(side)}.pt")
        count["above" if side else "below"] = len(seeds)
    test = read_corpus(corpus, recipe.TEST)
    out: dict[str, Any] = {"persons trained on": count, "epochs": epochs, "test persons": len(recipe.TEST)}
    for personal in (False, True):
        for own in (True, False):
            name = f"{'own' if own else 'other'} half{', own calm face' if personal else ''}"
            out[name] = figures(*read_by(models, test, own=own, personal=personal), test, resamples)
    return out
