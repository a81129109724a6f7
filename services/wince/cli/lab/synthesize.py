"""`wince lab synthesize`: draws patients whose action units are known exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wince.cli import usage
from wince.cli.common import Json, bar, out, settings, to_json
from wince.cli.lab.options import Head
from wince.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wince.lab.synthesize.scene import Scene, TruthRow

DEFAULT_TIMELINE = "neutral:4,pain12:4,neutral:4"
LIGHT_NAMES = "front, left, right, top, soft"
BACKGROUND_NAMES = "plain, gradient, ward, bed"


def synthesize(
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="OUT.mp4, with --still OUT.png, with --bundled a folder; the truth goes beside it as CSV.")
    ],
    head: Head = None,
    bundled: Annotated[bool, typer.Option("--bundled", help="Remake the three clips that ship with Wince.")] = False,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person",
            metavar="TEXT",
            help='"seed=3; tone=4; timeline=neutral:4,pain12:3"; further keys: age, yaw, pitch, roll, x, y, distance (a number or '
            "TIME:VALUE,...), occluder (mask or tube, mask:3-7), sway. Repeat for more persons; the first is the patient.",
        ),
    ] = None,
    light: Annotated[str, typer.Option("--light", help=f"One of {LIGHT_NAMES}.")] = "front",
    background: Annotated[str, typer.Option("--background", help=f"One of {BACKGROUND_NAMES}.")] = "ward",
    exposure: Annotated[str, typer.Option("--exposure", help="1 normal, 0.02 nearly dark; or TIME:VALUE,...")] = "1",
    fps: Annotated[int, typer.Option("--fps", min=1, max=60, help="Pictures a second.")] = 10,
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="Pixels, even.")] = "640x480",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of background and noise, and of the person where none is described.")] = 0,
    still: Annotated[float | None, typer.Option("--still", metavar="SECONDS", help="Draw that one moment as a PNG.")] = None,
    json_: Json = False,
) -> None:
    """Draw synthetic patients whose action units are known, and the truth of every frame.

    What is drawn shows what an engine does with faces whose truth is known. It says nothing about clinical accuracy.
    """
    from wince.lab.synthesize.head import load_head  # numpy, Pillow and PyAV take a second to import; --help doesn't wait
    from wince.lab.synthesize.person import parse_person

    settings()
    if bundled:
        _alone(person, still)
        _folder(target)
        _report(_bundled(target, head, json_), json_)
        return
    _named(target, ".mp4" if still is None else ".png")
    with usage.reading("--person"):
        people = [parse_person(text) for text in person or [f"seed={seed}; timeline={DEFAULT_TIMELINE}"]]
    scene = _scene(size, light, background, exposure, seed)
    from wince.lab.synthesize.clip import draw_clip, draw_still

    loaded = load_head(head)
    with bar(json_) as shown:
        task = shown.add_task(target.name, total=None)
        if still is None:
            with usage.reading("--person", "timeline"):
                rows = draw_clip(
                    target, people, head=loaded, scene=scene, fps=fps,
                    progress=lambda done, all_: shown.update(task, completed=done, total=all_),
                )  # fmt: skip
        else:
            with usage.reading("--still", "still"):
                rows = draw_still(target, people, head=loaded, scene=scene, at_s=still)
    _report([_drawn(target, rows)], json_)


def _bundled(folder: Path, head: Path | None, json_: bool) -> list[dict[str, Any]]:
    from wince.lab.synthesize.bundled import CLIPS
    from wince.lab.synthesize.bundled import bundled as draw
    from wince.lab.synthesize.head import load_head

    loaded = load_head(head)
    with bar(json_) as shown:
        tasks = {name: shown.add_task(name, total=None) for name in CLIPS}
        drawn = draw(folder, loaded, lambda name, done, all_: shown.update(tasks[name], completed=done, total=all_))
    return [_drawn(folder / f"{name}.mp4", rows) for name, rows in drawn.items()]


def _scene(size: str, light: str, background: str, exposure: str, seed: int) -> Scene:
    from wince.lab.synthesize.person import parse_track
    from wince.lab.synthesize.props import BACKGROUNDS
    from wince.lab.synthesize.scene import LIGHTS, Scene

    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size)
    if match is None:
        raise usage.UsageError(f"bad size {size!r}", field="--size", remedy="WIDTHxHEIGHT, such as 640x480")
    usage.one_of(light, LIGHTS, "--light")
    usage.one_of(background, BACKGROUNDS, "--background")
    with usage.reading("--exposure"):
        track = parse_track(exposure)
    with usage.reading("--size"):
        return Scene((int(match[1]), int(match[2])), light=LIGHTS[light], background=background, exposure=track, seed=seed)


def _alone(person: list[str] | None, still: float | None) -> None:
    if person or still is not None:
        raise usage.UsageError("the bundled clips are what they are", field="--bundled", remedy="leave out --person and --still")


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be made", field=str(path), remedy="name a folder that you may write") from None


def _named(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        raise usage.UsageError(f"must end with {suffix}", field=f"OUT={path}", remedy="--still draws a PNG, otherwise an mp4 is drawn")
    if not path.parent.is_dir():
        raise usage.UsageError("its folder is not there", field=f"OUT={path}", remedy="make the folder first")


def _drawn(path: Path, rows: Sequence[TruthRow]) -> dict[str, Any]:
    return {
        "out": str(path),
        "truth": str(path.with_suffix(".csv")),
        "frames": len({row["frame"] for row in rows}),
        "people": len({row["person"] for row in rows}),
        "highest_pspi": max(float(row["pspi"]) for row in rows),
        "bytes": path.stat().st_size,
    }


def _report(drawn: Sequence[dict[str, Any]], json_: bool) -> None:
    for clip in drawn:
        if json_:
            print(to_json(clip))
            continue
        what = f"{clip['frames']} frames, {clip['people']} in the picture, PSPI up to {clip['highest_pspi']:g}"
        out.print(f"{clip['out']}: {what}; truth in {clip['truth']}", markup=False)
