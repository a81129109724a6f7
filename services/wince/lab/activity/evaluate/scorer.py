"""Measure an ensemble and its rivals on the test part: `wince lab evaluate scorer CORPUS OUT` (scorer.json, .html, .pdf)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wince.lab.activity.evaluate import rivals
from wince.lab.activity.evaluate.plots import plots
from wince.lab.activity.evaluate.report import cell, write
from wince.lab.activity.evaluate.table import choose_threshold, scored, table
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, read_corpus
from wince.lab.corpus.unseen import UNSEEN
from wince.models.activity import FOLDER, Ensemble

RIDGE_PERSONS = 300
"""A ridge learns nothing more from more."""
TOLD = ("members", "seeds", "train_persons", "train_persons_of_varied_look", "train_stills")
"""Of the ensemble's card, in the report."""
PARTS = {"test": recipe.TEST, "unseen": UNSEEN}
"""What may be measured on."""
CHOSEN_ON = (*recipe.VALIDATION, *recipe.LOOKS_VALIDATION)
"""Persons on whom thresholds are chosen: the usual look and varied ones, so that a threshold doesn't rest on one renderer."""


def scores(train: Corpus, part: Corpus, ensemble: Ensemble) -> dict[str, rivals.Scores]:
    """Every scorer's answers to a part, without and with the calm face, by the names of the table."""
    out: dict[str, rivals.Scores] = {}
    ours = rivals.ensemble(ensemble, part)
    for personal in (False, True):
        end = " + own calm face" if personal else ""
        for name, points in ((f"ridge on blendshapes{end}", False), (f"ridge on points{end}", True)):
            out[name] = rivals.ridge(name, train, part, points=points, personal=personal)
        out[ours[personal].name] = ours[personal]
    return out


def evaluate(
    corpus: Path, out: Path, folder: Path = FOLDER, resamples: int = 300, persons: int | None = None, say: Callable[[str], None] = print,
    *, on: str = "test",
) -> None:  # fmt: skip
    """Measure the ensemble in `folder` and its rivals (ridges on the first `persons` of the train part) on a part, one of PARTS; write
    OUT, say the figures.

    Raises DataError (also where a person of validation or test is missing), ModelFileError, ResourceError.
    """
    ensemble = Ensemble(folder)
    learned = int(ensemble.card.get("train_persons", RIDGE_PERSONS))
    train = read_corpus(corpus, recipe.TRAIN[: min(persons or RIDGE_PERSONS, learned)])
    validation, test = (read_corpus(corpus, part) for part in (CHOSEN_ON, PARTS[on]))
    on_validation, on_test = (scores(train, part, ensemble) for part in (validation, test))
    tables = {}
    for name, given in on_test.items():
        tables[name] = table(given, test, choose_threshold(on_validation[name], validation), resamples)
        say(name)
        for figure, value in tables[name].items():
            say(f"  {figure:48} {cell(value)}")
    near = (test["cover"] == "none") & (abs(test["yaw"]) <= 30)
    about = {
        "recipe version": recipe.VERSION,
        "part": on,
        "persons, validation / test": f"{len(CHOSEN_ON)} / {len(PARTS[on])}; ridges fitted on {len(train) // recipe.STILLS}",
        "test stills in the table": len(scored(test)),
        "face found, free and yaw up to 30 degrees": f"{float(test['found'][near].mean()):.4f} of {int(near.sum())}",
        "ensemble": {key: ensemble.card[key] for key in TOLD if key in ensemble.card},
        "ensemble sha256": ensemble.sha256,
    }
    write(out, tables, about, plots(on_test, test))
