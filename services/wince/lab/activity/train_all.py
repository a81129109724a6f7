"""Train the ensemble: python -m wince.lab.activity.train_all CORPUS WORK OUT [--epochs N] [--seed N] (make train-scorer).

Killed, it goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from wince.errors import ResourceError
from wince.lab.activity.calibrate import calibrate, familiar
from wince.lab.activity.export import export
from wince.lab.activity.inputs import examples, together
from wince.lab.activity.train import Settings, errors, train
from wince.lab.command import ended
from wince.lab.corpus import recipe
from wince.lab.corpus.read import read_corpus
from wince.lab.corpus.small import small

EPOCHS = {"maps": 16, "points": 24, "crop": 14}
MEMBERS = {"maps1": ("maps", 1), "maps2": ("maps", 2), "points1": ("points", 1), "crop1": ("crop", 1)}
"""Kind and seed by name: two that see the inner map, which carries over to other faces best, beside one that sees points
and one that sees the face itself, small, grey and upright."""


def main(arguments: list[str] | None = None) -> int:
    """Train every member on the train part, stop by the validation part, write OUT; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path, help="folder for checkpoints")
    parser.add_argument("out", type=Path, help="folder for the ensemble")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0, help="added to every member's own")
    parser.add_argument("--persons", type=int, help="train on the first so many persons of the usual look")
    parser.add_argument("--looks", type=int, help="and on the first so many of varied look")
    parser.add_argument("--only", choices=MEMBERS, help="train this member and write no ensemble: several can be trained side by side")
    options = parser.parse_args(arguments)
    return ended(lambda: _train_all(options))


def _train_all(options: argparse.Namespace) -> None:
    try:
        options.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"can't be made ({type(error).__name__})", field=str(options.work)) from error
    usual, looks = recipe.TRAIN[: options.persons], recipe.LOOKS[: options.looks]
    parts = read_corpus(options.corpus, [*usual, *looks]), read_corpus(options.corpus, [*recipe.VALIDATION, *recipe.LOOKS_VALIDATION])
    print(f"{len(usual)} persons, {len(looks)} more of varied look; looking at every still once more, small", flush=True)
    views = [(part, small(part)) for part in parts]
    members = {name: member for name, member in MEMBERS.items() if options.only in (None, name)}
    wanted = sorted({kind for kind, _ in members.values()})
    data, validation = ({kind: together([examples(kind, view) for view in view_of]) for kind in wanted} for view_of in views)
    models: dict[str, Any] = {}
    for name, (kind, seed) in members.items():

        def told(epoch: int, free: float, personal: float, name: str = name) -> None:
            print(f"{name} epoch {epoch}: PSPI error {free:.3f}, against the calm face {personal:.3f}", flush=True)

        settings = Settings(kind, seed + options.seed, options.epochs or EPOCHS[kind])
        models[name] = train(settings, data[kind], validation[kind], options.work / f"{kind}-{settings.seed}.pt", told)
    if options.only:
        return
    kinds = {name: kind for name, (kind, _) in MEMBERS.items()}
    card = {
        "train_persons": len(usual),
        "train_persons_of_varied_look": len(looks),
        "train_stills": 2 * int(parts[0].usable.sum()),
        "views": "each still as drawn and small (corpus/small.py)",
        "validation_persons": len(recipe.VALIDATION),
        "validation_persons_of_varied_look": len(recipe.LOOKS_VALIDATION),
        "seeds": {name: seed + options.seed for name, (_, seed) in MEMBERS.items()},
        "epochs": {name: options.epochs or EPOCHS[kind] for name, kind in kinds.items()},
        "validation_pspi_mae": {name: [round(e, 3) for e in errors(models[name], validation[kind])] for name, kind in kinds.items()},
        "familiar": familiar(data["maps"]),
        **calibrate(models, kinds, validation),
    }
    export(models, kinds, options.out, card)


if __name__ == "__main__":
    sys.exit(main())
