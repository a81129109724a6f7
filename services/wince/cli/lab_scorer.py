"""`wince lab corpus` and `wince lab evaluate`: the drawn faces that the default scorer learns from, and its table of figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wince.cli.common import Json, bar, out, settings, to_json
from wince.errors import InputError

evaluation = typer.Typer(no_args_is_help=True, help="Measure a model on data whose truth is known.")


def corpus(
    folder: Annotated[Path, typer.Argument(help="One file a person; what is there stays, so that it can be cut off and repeated.")],
    head: Annotated[Path | None, typer.Option("--head", help="The head's geometry, ict_head.npz; default: WINCE_HEAD_DATA.")] = None,
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
    if unknown := sorted(set(part or ()) - set(parts)):
        raise InputError(f"unknown part {unknown[0]!r}", field="--part", remedy=f"one of {', '.join(parts)}")
    seeds = [seed for name in part or PARTS for seed in parts[name][:persons]]
    with bar(json_) as shown:
        task = shown.add_task("persons", total=len(seeds), completed=sum((folder / f"{seed}.npz").exists() for seed in seeds))
        draw_corpus(folder, head, seeds, jobs=jobs, progress=lambda seed: shown.advance(task))
    if json_:
        print(to_json({"folder": str(folder), "persons": len(seeds)}))
    else:
        out.print(f"{len(seeds)} persons in {folder}", soft_wrap=True)


@evaluation.command("scorer")
def evaluate_scorer(
    corpus: Annotated[Path, typer.Argument(help="Folder of `wince lab corpus`.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for scorer.json and scorer.html.")],
    ensemble: Annotated[Path | None, typer.Option("--ensemble", help="A trained ensemble; default: the installed one.")] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=2, help="Of persons, for the intervals.")] = 300,
    persons: Annotated[int | None, typer.Option("--persons", min=1, help="Fit the ridges on so many persons.")] = None,
    part: Annotated[str, typer.Option("--part", help="test; or unseen, whose look training never had.")] = "test",
    json_: Json = False,
) -> None:
    """The default scorer on drawn heads it never saw, beside ridges on blendshapes and on points: figures, intervals, plots.

    Drawn faces with known action units of a generator: not FACS codes, not patients. It says nothing about clinical accuracy.
    """
    from wince.lab.activity.evaluate.scorer import PARTS, evaluate
    from wince.models.activity import FOLDER

    settings()
    if part not in PARTS:
        raise InputError(f"unknown part {part!r}", field="--part", remedy=f"one of {', '.join(PARTS)}")
    say = (lambda text: None) if json_ else (lambda text: out.print(text, soft_wrap=True, markup=False, highlight=False))
    evaluate(corpus, target, ensemble or FOLDER, resamples, persons, say, on=part)
    if json_:
        print((target / "scorer.json").read_text(encoding="utf-8"), end="")
    else:
        out.print(f"{target / 'scorer.html'}", soft_wrap=True)
