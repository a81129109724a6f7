"""`wince lab corpus`: the drawn faces that the default scorer learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, bar, out, settings, to_json
from wince.cli.lab.options import Head


def corpus(
    folder: Annotated[Path, typer.Argument(help="One file a person; what is there stays, so that it can be cut off and repeated.")],
    head: Head = None,
    part: Annotated[
        list[str] | None, typer.Option("--part", help="test, validation, train, looks-validation, looks, unseen; default: all but it.")
    ] = None,
    persons: Annotated[int | None, typer.Option("--persons", min=1, help="Only the first so many of each part.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 1,
    json_: Json = False,
) -> None:
    """Draw the corpus of the scorer: persons with 20 stills each, what the face models see of them, and the exact truth.

    Some 3 s a person and core. The recipe (wince/lab/corpus/recipe.py) was fixed before any training.
    Each person of the parts `looks` and `looks-validation` has a shading, paint, camera, resting face and shape gains of their own.
    The part `unseen` has shading, skin paint and shape gains that training never had.
    """
    from wince.lab.corpus.draw import draw_corpus
    from wince.lab.corpus.recipe import PARTS
    from wince.lab.corpus.unseen import UNSEEN

    settings()
    parts = PARTS | {"unseen": UNSEEN}
    chosen = [usage.one_of(name, parts, "--part") for name in part or PARTS]
    seeds = [seed for name in chosen for seed in parts[name][:persons]]
    with bar(json_) as shown:
        task = shown.add_task("persons", total=len(seeds), completed=sum((folder / f"{seed}.npz").exists() for seed in seeds))
        draw_corpus(folder, head, seeds, jobs=jobs, progress=lambda seed: shown.advance(task))
    if json_:
        print(to_json({"folder": str(folder), "persons": len(seeds)}))
    else:
        out.print(f"{len(seeds)} persons in {folder}", soft_wrap=True)
