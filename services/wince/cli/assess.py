"""`wince assess`: videos, pictures and folders of them, without a hospital around."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from wince.cli import usage
from wince.cli.assess_options import CameraCa, CameraName, Face, LoginFile, Overlay, Rate, Region, Rotation, Seconds
from wince.cli.common import out, settings
from wince.cli.verbosity import Quiet, Verbose, is_quiet, set_verbosity

if TYPE_CHECKING:
    from wince.assess.batch import Batch
    from wince.assess.inputs import Inputs
    from wince.assess.result import ClipResult
    from wince.protocols.rules import ClinicalProtocol

MEMORY = "Each takes up to 0.4 GB for videos, 1.2 GB for a picture of 100 megapixels."
"""Measured; bounded by the limits on what a file may hold (`pipeline/capture/media.py`)."""
WIDE = 200
"""Columns of a table that goes into a file or pipe."""


def assess(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Videos, pictures, and folders with all that is below them; - for standard input; rtsp://HOST/PATH for a camera.",
        ),
    ],
    protocol: Annotated[
        str | None, typer.Option("--protocol", "-p", metavar="NAME", help="Clinical protocol; `wince protocols list` shows them.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="DIR", help="Write a report (HTML and PDF) into this folder.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all results as JSON; - for standard output.")] = None,
    per_frame: Annotated[Path | None, typer.Option("--per-frame", metavar="FILE.csv", help="Write a row per sampled frame.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, max=256, help=f"Processes, one thread each; default: one per core. {MEMORY}")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="FILE|START-END", help="The same patient's calm face: picture, clip, or seconds of the input."),
    ] = None,
    overlay: Overlay = None,
    region: Region = None,
    rotation: Rotation = 0,
    rate: Rate = None,
    face: Face = None,
    seconds: Seconds = None,
    login_file: LoginFile = None,
    camera_ca: CameraCa = None,
    camera_name: CameraName = "",
    speak: Annotated[bool, typer.Option("--speak", help="Say the result (needs espeak-ng).")] = False,
    verbose: Verbose = 0,
    less: Quiet = False,
) -> None:
    """Grade clips and pictures by a protocol; research use, not validated.

    Results are kept, so that a call that is started again goes on where it stopped: in DIR/.wince with --report, else, numbers only, in
    the state directory. A file, protocol, model or option that changed is computed again, and a camera always.

    Exit code 0: everything was graded, or is honestly not assessable. 1: some input failed. 2: usage. Others: the foot of `wince --help`.
    """
    from wince.assess import batch, inputs  # the stages take a second to import; other commands don't wait for them
    from wince.assess.inputs.live import is_address, live
    from wince.assess.inputs.piped import check_piped, piped
    from wince.assess.inputs.reference import parse
    from wince.assess.inputs.view import at_rate, view
    from wince.assess.result import plain
    from wince.assess.result.words import file_name
    from wince.cli.assess_show import Bar, rows
    from wince.report.write_whole import write_whole
    from wince.serve import protocols, scoring

    if verbose or less:
        set_verbosity(verbose, quiet=less)
    loaded = settings(protocol=protocol)
    with usage.reading("PATH"):
        looked = view(region, rotation, rate, face)
        camera = live(seconds, login_file, camera_ca, camera_name, addresses=tuple(path for path in paths if is_address(path)))
        check_piped(paths)
    if protocol is not None:
        usage.protocol(protocol, loaded)
    default = protocols.default(loaded)
    with usage.reading("--rate"):
        chosen = at_rate(default, rate)
    with usage.reading("--reference"):
        calm = None if reference is None else parse(reference)
    quiet = str(json_) == "-"
    _try_targets(report, None if quiet else json_, per_frame)
    scoring.fetch_models(loaded, lambda name, what: None if what == "cached" or is_quiet() else _err(f"{name}: {what}"), chosen)
    with piped(paths) as standard_input:
        named = inputs.gather(paths, standard_input)
        overlays = {} if overlay is None else _overlays(named, overlay)
        with Bar(named, lines=not quiet and not is_quiet(), shown=not is_quiet()) as bar:
            done = batch.run(
                named,
                loaded,
                chosen,
                reference=calm,
                jobs=jobs,
                report=report,
                view=looked,
                live=camera,
                overlays=overlays,
                on_event=bar.on_event,
            )
    if json_ is not None:
        text = plain.document(done.results, named.passed_over, chosen)
        if quiet:
            sys.stdout.write(text)
        else:
            write_whole(json_, text.encode())
    if per_frame is not None:
        write_whole(per_frame, plain.table(done.results).encode())
    if not quiet:
        wide = out if out.is_terminal else Console(width=WIDE, highlight=False, markup=False, soft_wrap=True)
        for line in rows(done, named, chosen, notes=not is_quiet()):
            wide.print(line, markup=False) if isinstance(line, str) else wide.print(line)
    for note in done.notes:
        _err(note)
    for result in done.results:
        if result.source in overlays and not result.error and not quiet:
            path = overlays.pop(result.source)
            out.print(f"overlay: {file_name(result.path)} is a picture, no film" if result.still else f"overlay: {path}", markup=False)
    if report is not None:
        _report(done, report, chosen, quiet)
    if speak:
        _speak(done.results, chosen)
    if done.failed:
        raise typer.Exit(1)


def _try_targets(report: Path | None, json_: Path | None, per_frame: Path | None) -> None:
    from wince.report.writable import try_file, try_folder

    if report is not None:
        try_folder(report, field="--report")
    for path, option in ((json_, "--json"), (per_frame, "--per-frame")):
        if path is not None:
            try_file(path, field=option)


def _overlays(named: Inputs, overlay: Path) -> dict[str, Path]:
    from wince.assess.overlay.film import check_encoder
    from wince.assess.overlay.target import places
    from wince.report.writable import try_folder

    check_encoder()
    with usage.reading("--overlay"):
        films = places(named, overlay)
    for folder in {path.parent for path in films.values()}:
        try_folder(folder, field="--overlay")
    return films


def _report(done: Batch, folder: Path, protocol: ClinicalProtocol, quiet: bool) -> None:
    from wince.assess.report import write

    written = write(done.results, folder, protocol)
    if not quiet and written:
        out.print(f"report: {written[0]}", markup=False)


def _speak(results: Iterable[ClipResult], protocol: ClinicalProtocol) -> None:
    from wince.assess.result.speak import say, sentence

    if problem := say(sentence(list(results), protocol)):
        _err(problem)


def _err(text: str) -> None:
    print(text, file=sys.stderr)
