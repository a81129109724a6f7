"""`wince run`: the main job, with live progress and a table at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json
from wince.cli.progress import Progress
from wince.demo.outcome import BedOutcome, Outcome
from wince.errors import PeerError
from wince.local.stopping import keeps
from wince.settings import Camera

OnEvent = Callable[[str, dict[str, Any]], None]
LABEL = "research use, not validated, adjunct to a nurse's judgement"


def run(
    clip: Annotated[
        list[str] | None,
        typer.Option(
            "--clip",
            metavar="BED=FILE",
            help="Play this file as the camera of that bed, instead of the bundled clips; repeat for more beds.",
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="When the clips begin (ISO 8601, whole minute); default: an hour ago.")
    ] = "",
    json_: Json = False,
) -> None:
    """Admit patients by HL7, play bedside clips, grade, write Observations to the EHR, verify the audit trail.

    Started again after it was killed, it goes on from the last committed window.
    """
    from wince.demo import play, scenario  # the stages take a second to import; other commands don't wait for them

    loaded = settings()
    cameras = tuple(_camera(number, text) for number, text in enumerate(clip or ()))
    beds = scenario.configured(cameras or loaded.cameras) if cameras or loaded.cameras else scenario.bundled()
    with usage.reading("--at"):
        moment = play.moment(at, "--at") if at else None
    seen: Counter[str] = Counter()

    def counted(on_event: OnEvent) -> OnEvent:
        def told(event: str, fields: dict[str, Any]) -> None:
            seen[event] += 1
            on_event(event, fields)

        return told

    def kept() -> str:
        return f"the record is kept in {loaded.state_dir}: {seen['window']} windows committed by this start" if seen["database"] else ""

    keeps(kept, "the same command goes on from the last committed window")
    if json_:
        _json(play.play(loaded, beds, moment, counted(_event)))
        return
    with Progress({bed.camera.id: bed.camera.bed for bed in beds.beds}) as progress:
        done = play.play(loaded, beds, moment, counted(progress.on_event))
    out.print(_table(done))
    out.print(f"{LABEL}; record: {loaded.state_dir}", style="dim")
    print(done.line(), flush=True)
    _undelivered(done)


def _event(event: str, fields: dict[str, Any]) -> None:
    print(json.dumps({"event": event, **fields}, default=str), flush=True)


def _json(done: Outcome) -> None:
    shown = {name: getattr(done, name) for name in ("patients", "nurse", "undelivered", "trouble", "in_ehr", "beds", "entries")}
    print(to_json({"event": "done", "observations": done.observations, **shown, "audit": _audit(done)}), flush=True)
    _undelivered(done)


def _undelivered(done: Outcome) -> None:
    """The record is kept, but the EHR has not all of it: that is another party's error. Raises PeerError."""
    if done.undelivered:
        raise PeerError(
            f"{done.undelivered} entries are not in the EHR" + (f": {done.trouble}" if done.trouble else ""),
            field="EHR",
            remedy="they are kept: `wince run` again sends what waits, `wince outbox list` shows what was refused",
        )


def _camera(number: int, text: str) -> Camera:
    bed, sign, file = text.partition("=")
    if not sign or not bed or not file:
        raise usage.UsageError("must be BED=FILE", field=f"--clip {text}", remedy="such as --clip 'ICU^101^A=clip.mp4'")
    try:
        return Camera(id=f"clip-{number + 1}", bed=bed, path=Path(file))
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise usage.UsageError(said, field=f"--clip {text}", remedy="such as --clip 'ICU^101^A=clip.mp4'") from None


def _audit(done: Outcome) -> dict[str, Any]:
    found = done.audit
    return {
        "rows": found.count, "head": found.head.hex(), "checkpointed": found.checkpoint, "tail": found.tail,
        "compared": found.compared, "unproven": found.unproven,
    }  # fmt: skip


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in counts.items()) or "-"


def _looks(bed: BedOutcome) -> str:
    looked_on = f"; looked on: {', '.join(bed.shadows)}" if bed.shadows else ""
    return (", ".join(bed.protocols) or "-") + looked_on


def _why_not(bed: BedOutcome) -> str:
    said = []
    if bed.reasons:
        said.append("not assessable: " + _counts(bed.reasons))
    if "no_patient" in bed.questions:
        said.append("no patient is known in the bed: a person is asked")
    if "two_patients" in bed.questions:
        said.append("two patients are claimed for the bed: a person is asked")
    if "doubtful" in bed.questions:
        said.append("who lies in the bed is in doubt: a person is asked")
    asked = {reason: count for reason, count in bed.questions.items() if reason not in ("no_patient", "two_patients", "doubtful")}
    if asked:
        said.append("asked a nurse: " + _counts(asked))
    return "; ".join(said) or "-"


def _table(done: Outcome) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    several = len({name for bed in done.beds for name in (*bed.protocols, *bed.shadows)}) > 1
    for column in ("bed", "encounter", "clip", *(["protocol"] if several else []), "seen (windows)", "charted", "why not"):
        table.add_column(column, overflow="fold")
    for bed in done.beds:
        protocol = [_looks(bed)] if several else []
        table.add_row(bed.bed, bed.patient, bed.about, *protocol, _counts(bed.seen), _counts(bed.charted), _why_not(bed))
    return table
