"""Measure an ensemble and its rivals on the test part: python -m wince.lab.evaluate CORPUS ENSEMBLE OUT (scorer.json and .html)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from wince.errors import WinceError
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, drawn, read_corpus
from wince.lab.evaluate import rivals
from wince.lab.evaluate.report import cell, write
from wince.lab.evaluate.table import choose_threshold, scored, table
from wince.lab.scorer.apply import Ensemble

Scorer = Callable[[Corpus], rivals.Scores]


def scorers(train: Corpus, ensemble: Ensemble) -> dict[str, Scorer]:
    """Every scorer that the table has, without and with the calm face."""
    out: dict[str, Scorer] = {}
    for personal in (False, True):
        end = " + own calm face" if personal else ""
        names = [f"{name}{end}" for name in ("ridge on blendshapes", "ridge on points", "first scorer", "ensemble")]
        out[names[0]] = lambda c, n=names[0], p=personal: rivals.ridge(n, train, c, points=False, personal=p)  # type: ignore[misc]
        out[names[1]] = lambda c, n=names[1], p=personal: rivals.ridge(n, train, c, points=True, personal=p)  # type: ignore[misc]
        out[names[2]] = lambda c, n=names[2], p=personal: rivals.first_scorer(n, c, personal=p)  # type: ignore[misc]
        out[names[3]] = lambda c, n=names[3], p=personal: rivals.ensemble(n, ensemble, c, personal=p)  # type: ignore[misc]
    return out


def evaluate(corpus: Path, ensemble: Path, out: Path, resamples: int = 300) -> None:
    """Measure and write; prints the main figures. Raises DataError, ModelFileError, ResourceError."""
    model = Ensemble(ensemble)
    seeds = [drawn(corpus, part) for part in (recipe.TRAIN, recipe.VALIDATION, recipe.TEST)]
    train, validation, test = (read_corpus(corpus, part) for part in seeds)
    tables = {}
    for name, scorer in scorers(train, model).items():
        threshold = choose_threshold(scorer(validation), validation)
        tables[name] = table(scorer(test), test, threshold, resamples)
        print(name)
        for figure, value in tables[name].items():
            print(f"  {figure:48} {cell(value)}")
    near = (test["cover"] == "none") & (abs(test["yaw"]) <= 30)
    about = {
        "recipe version": recipe.VERSION,
        "persons, train / validation / test": f"{len(seeds[0])} / {len(seeds[1])} / {len(seeds[2])}",
        "persons that the recipe's test has": len(recipe.TEST),
        "test stills in the table": len(scored(test)),
        "face found, free and yaw up to 30 degrees": round(float(test["found"][near].mean()), 4),
        "of such stills": int(near.sum()),
        "ensemble": {key: model.card[key] for key in ("members", "seed", "train_persons", "train_stills") if key in model.card},
    }
    write(out, tables, about)


def main(arguments: list[str] | None = None) -> int:
    """The exit code of the error that ended it, or 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("corpus", "ensemble", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--resamples", type=int, default=300)
    options = parser.parse_args(arguments)
    try:
        evaluate(options.corpus, options.ensemble, options.out, options.resamples)
    except WinceError as error:
        print("wince: " + error.diagnostics(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
