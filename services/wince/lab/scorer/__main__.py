"""Train the ensemble: python -m wince.lab.scorer CORPUS WORK OUT [--epochs N] [--seed N] (make train-scorer). Killed, it goes on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from wince.errors import ResourceError, WinceError
from wince.lab.corpus import recipe
from wince.lab.corpus.read import drawn, read_corpus
from wince.lab.scorer.export import export
from wince.lab.scorer.inputs import MEMBERS, examples
from wince.lab.scorer.train import Settings, train

EPOCHS = {"maps": 60, "points": 100}


def main(arguments: list[str] | None = None) -> int:
    """Train every member on the train part (what of it is drawn), stop by the validation part, write OUT; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path, help="folder for checkpoints")
    parser.add_argument("out", type=Path, help="folder for the ensemble")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--persons", type=int, help="train on so many persons only")
    options = parser.parse_args(arguments)
    try:
        _train_all(options)
    except WinceError as error:
        print("wince: " + error.diagnostics(), file=sys.stderr)
        return error.exit_code
    return 0


def _train_all(options: argparse.Namespace) -> None:
    try:
        options.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"can't be made ({type(error).__name__})", field=str(options.work)) from error
    seeds = drawn(options.corpus, recipe.TRAIN)[: options.persons]
    parts = read_corpus(options.corpus, seeds), read_corpus(options.corpus, drawn(options.corpus, recipe.VALIDATION))
    models: dict[str, Any] = {}
    best: dict[str, list[float]] = {}
    for member in MEMBERS:

        def told(epoch: int, free: float, personal: float, member: str = member) -> None:
            best[member] = min(best.get(member, [99.0, 99.0]), [round(free, 3), round(personal, 3)], key=sum)
            print(f"{member} epoch {epoch}: PSPI error {free:.3f}, against the calm face {personal:.3f}", flush=True)

        data, validation = (examples(member, part) for part in parts)
        settings = Settings(member, options.seed, options.epochs or EPOCHS[member])
        models[member] = train(settings, data, validation, options.work / f"{member}-{options.seed}.pt", told)
    card = {
        "train_persons": len(seeds),
        "train_stills": int(parts[0].usable.sum()),
        "validation_persons": len(parts[1]) // recipe.STILLS,
        "seed": options.seed,
        "validation_pspi_mae": best,
    }
    export(models, options.out, card)


if __name__ == "__main__":
    sys.exit(main())
