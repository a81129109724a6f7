"""Trains every member of the ensemble: `wince lab train scorer` (make train-scorer). Killed, it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wince.errors import DataError
from wince.lab.activity.calibrate import calibrate, familiar
from wince.lab.activity.export import export
from wince.lab.activity.inputs import examples, together
from wince.lab.activity.train import Settings, errors, make, torch_module, train
from wince.lab.corpus import recipe
from wince.lab.corpus.read import read_corpus
from wince.lab.corpus.small import small

EPOCHS = {"maps": 16, "points": 24, "crop": 14}
MEMBERS = {"maps1": ("maps", 1), "maps2": ("maps", 2), "points1": ("points", 1), "crop1": ("crop", 1)}
"""Kind and seed by name: two that see the inner map, which carries over to other faces best, beside one that sees points
and one that sees the face itself, small, grey and upright."""


def train_all(
    corpus: Path,
    work: Path,
    target: Path,
    *,
    epochs: int | None = None,
    seed: int = 0,
    persons: int | None = None,
    looks: int | None = None,
    only: str | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Train every member on the train part, stop it by the validation part, write the ensemble to `target`; gives the members' names.

    work: for checkpoints. epochs: of every member, else its kind's. seed: added to every member's own. persons, looks: the first so
    many of the usual look and of varied look. only: that member alone, and no ensemble. Raises DataError where torch is not installed,
    the member is none or a person of the corpus is missing; ModelFileError for a checkpoint of another run; ResourceError for the disk.
    """
    if only is not None and only not in MEMBERS:
        raise DataError(f"unknown member {only!r}", field="--only", remedy=f"one of {', '.join(MEMBERS)}")
    torch_module()  # the corpus takes minutes to read: what can't be trained is said before
    make(work)
    usual, varied = recipe.TRAIN[:persons], recipe.LOOKS[:looks]
    parts = read_corpus(corpus, [*usual, *varied]), read_corpus(corpus, [*recipe.VALIDATION, *recipe.LOOKS_VALIDATION])
    say(f"{len(usual)} persons, {len(varied)} more of varied look; looking at every still once more, small")
    views = [(part, small(part)) for part in parts]
    members = {name: member for name, member in MEMBERS.items() if only in (None, name)}
    wanted = sorted({kind for kind, _ in members.values()})
    data, validation = ({kind: together([examples(kind, view) for view in view_of]) for kind in wanted} for view_of in views)
    models: dict[str, Any] = {}
    for name, (kind, own) in members.items():

        def progress(epoch: int, free: float, personal: float, name: str = name) -> None:
            say(f"{name} epoch {epoch}: PSPI error {free:.3f}, against the calm face {personal:.3f}")

        settings = Settings(kind, own + seed, epochs or EPOCHS[kind])
        models[name] = train(settings, data[kind], validation[kind], work / f"{kind}-{settings.seed}.pt", progress)
    if only:
        return list(members)
    kinds = {name: kind for name, (kind, _) in MEMBERS.items()}
    card = {
        "train_persons": len(usual),
        "train_persons_of_varied_look": len(varied),
        "train_stills": 2 * int(parts[0].usable.sum()),
        "views": "each still as drawn and small (corpus/small.py)",
        "validation_persons": len(recipe.VALIDATION),
        "validation_persons_of_varied_look": len(recipe.LOOKS_VALIDATION),
        "seeds": {name: own + seed for name, (_, own) in MEMBERS.items()},
        "epochs": {name: epochs or EPOCHS[kind] for name, kind in kinds.items()},
        "validation_pspi_mae": {name: [round(e, 3) for e in errors(models[name], validation[kind])] for name, kind in kinds.items()},
        "familiar": familiar(data["maps"]),
        **calibrate(models, kinds, validation),
    }
    export(models, kinds, target, card)
    return list(members)
