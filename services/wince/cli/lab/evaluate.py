"""`wince lab evaluate`: measures the default scorer on data whose truth is known. Nothing is changed by any of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, bar, out, settings, to_json
from wince.cli.lab import show
from wince.cli.lab.options import Corpus, Head, Work

HELP = "Measure it: beside rivals, on foreign looks, on what can't be seen, on photographs. Nothing is changed by it."
app = typer.Typer(no_args_is_help=True, help=HELP)
Ensemble = Annotated[Path | None, typer.Option("--ensemble", help="Folder of a trained ensemble; default: the installed one.")]


@app.command("scorer")
def scorer(
    corpus: Corpus,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for scorer.json, scorer.html and scorer.pdf.")],
    ensemble: Ensemble = None,
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
    usage.one_of(part, PARTS, "--part")
    say = (lambda text: None) if json_ else (lambda text: out.print(text, soft_wrap=True, markup=False, highlight=False))
    evaluate(corpus, target, ensemble or FOLDER, resamples, persons, say, on=part)
    if json_:
        print((target / "scorer.json").read_text(encoding="utf-8"), end="")
    else:
        out.print(f"{target / 'scorer.html'}", soft_wrap=True)


@app.command("familiarity")
def familiarity(corpus: Corpus, ensemble: Ensemble = None, json_: Json = False) -> None:
    """Does the confidence warn on looks that training never had?

    Per part of the corpus: how sure the ensemble is beside how often it is right, and how well its doubt, and the distance from the
    training faces, tell wrong scores from right ones (AUC; 0.5: not at all).
    """
    from wince.lab.activity.evaluate.familiarity import measure
    from wince.models.activity import FOLDER
    from wince.models.activity import Ensemble as Trained

    settings()
    table = measure(corpus, Trained(ensemble or FOLDER))
    if json_:
        print(to_json(table))
    else:
        show.figures("part", table)


@app.command("abstention")
def abstention(head: Head = None, json_: Json = False) -> None:
    """Does the whole face chain know when it can't see?

    Sixty drawn persons, one still for each cause (mask, hand, dark, turned, upside down, nobody, ...), judged as `wince assess` judges a
    picture: how many are assessable, and how often the reason is the right one.
    """
    from wince.lab.activity.evaluate.abstention import PERSONS, measure
    from wince.lab.activity.evaluate.abstention import table as by_cause

    loaded = settings()
    with bar(json_) as shown:
        task = shown.add_task("persons", total=len(PERSONS))
        judged = measure(loaded, head, progress=lambda seed: shown.advance(task))
    table = {cause: asdict(row) for cause, row in by_cause(judged).items()}
    if json_:
        print(to_json(table))
    else:
        show.figures("cause", table)


@app.command("half")
def half(
    corpus: Corpus,
    work: Work,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Of both trainings; default: 8.")] = None,
    persons: Annotated[int | None, typer.Option("--persons", min=1, help="Train on the first so many.")] = None,
    json_: Json = False,
) -> None:
    """What does a kind of face cost that was never seen? Needs the extra `train`; hours.

    Two members are trained, each on one half of the space of identities; test persons are read by the member of their own half and by
    the other.
    """
    from wince.lab.activity.evaluate.half import EPOCHS, measure

    settings()
    measured = measure(corpus, work, epochs or EPOCHS, persons=persons)
    if json_:
        print(to_json(measured))
        return
    for name in ("persons trained on", "test persons", "epochs"):
        out.print(f"{name}: {show.cell(measured.pop(name))}", markup=False)
    show.figures("read by", measured)


@app.command("photographs")
def photographs(
    folder: Annotated[Path, typer.Argument(metavar="FERPLUS", help="Folder of the FER+ pack: labels.npz, images_test.png.")],
    json_: Json = False,
) -> None:
    """What the installed scorer says of photographs with an emotion's label.

    No emotion is pain: what it can show is a scorer that reads happiness as pain. Nothing is tuned on them, and no picture is shown.
    """
    from wince.lab.activity.evaluate.photographs import measure

    settings()
    measured = measure(folder)
    if json_:
        print(to_json(measured))
    else:
        show.figures("emotion", {name: {"looked at": measured["looked at"][name], **row} for name, row in measured["classes"].items()})
