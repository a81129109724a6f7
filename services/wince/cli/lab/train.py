"""`wince lab train`: what the default scorer is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, bar, out, settings, to_json
from wince.cli.lab import show
from wince.cli.lab.options import Corpus, Head, Work

app = typer.Typer(no_args_is_help=True, help="Train it on drawn faces: the ensemble (scorer), the probe for covered faces (covers).")


@app.command("scorer")
def scorer(
    corpus: Corpus,
    work: Work,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the ensemble; one that is there is replaced at the end.")],
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Of every member; default: 14 to 24, by its kind.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Added to every member's own.")] = 0,
    persons: Annotated[int | None, typer.Option("--persons", min=1, help="Train on the first so many persons of the usual look.")] = None,
    looks: Annotated[int | None, typer.Option("--looks", min=0, help="And on the first so many of varied look.")] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="MEMBER", help="Train this member and write no ensemble: several can be trained side by side."),
    ] = None,
    json_: Json = False,
) -> None:
    """Train the ensemble of the default scorer. Needs the extra `train`; hours.

    Every member learns from the train part and is stopped by the validation part. A run that was cut off goes on where it was.
    """
    from wince.lab.activity.train_all import MEMBERS, train_all

    if only is not None:
        usage.one_of(only, MEMBERS, "--only")
    settings()
    say = (lambda text: None) if json_ else (lambda text: out.print(text, markup=False))
    members = train_all(corpus, work, target, epochs=epochs, seed=seed, persons=persons, looks=looks, only=only, say=say)
    if json_:
        print(to_json({"members": members, "ensemble": None if only else str(target)}))
    elif not only:
        out.print(str(target), markup=False)


@app.command("covers")
def covers(
    corpus: Corpus,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File for the weights, .npy; written whole or not at all.")],
    head: Head = None,
    json_: Json = False,
) -> None:
    """Fit the probe that says whether a face is covered.

    It learns from the train part, and from forty of its persons drawn once more, turned and covered. Says how many faces of each kind
    in the validation part are called covered, at three limits. Some minutes.
    """
    from wince.lab.activity.occlusion.fit import DRAWN, fit_covers
    from wince.lab.corpus.recipe import VALIDATION

    settings()
    with bar(json_) as shown:
        task = shown.add_task("persons drawn", total=DRAWN + len(VALIDATION))
        fitted = fit_covers(corpus, target, head, progress=lambda seed: shown.advance(task))
    if json_:
        print(to_json(fitted))
        return
    out.print(f"{target}: fitted on {fitted.faces} faces, {fitted.covered} of them covered or backs of heads", markup=False)
    rows = {f"{kind.kind}, yaw {kind.low} to {kind.high - 1}": kind for kind in fitted.validation}
    show.figures(
        "validation", {name: {"faces": row.faces} | {f"at {at}": share for at, share in row.shares.items()} for name, row in rows.items()}
    )
