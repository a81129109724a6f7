"""`wince consent`: who may be watched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from wince.care.withholding import Withholding
from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.clock import wall_us
from wince.codec import checks
from wince.serve.reading import reading

app = typer.Typer(no_args_is_help=True, help="Who refused to be watched, and who agreed. It follows the patient to every bed.")

Encounter = Annotated[str, typer.Option("--encounter", help="Visit number: it holds for this visit.")]
Patient = Annotated[str, typer.Option("--patient", help="Record number (MRN): it holds in every visit.")]
Nurse = Annotated[str, typer.Option("--nurse", help="Staff identifier of who writes it down.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"], help="From when on, with offset; default: now."),
]


@app.command("refuse")
def refuse_command(nurse: Nurse, encounter: Encounter = "", patient: Patient = "", since: Since = None) -> None:
    """The patient is not watched: the camera of the bed is not looked at, nothing of the patient is kept or charted from then on.

    What was charted of the time after --since is withdrawn.
    """
    _say(encounter, patient, False, nurse, since)


@app.command("give")
def give_command(nurse: Nurse, encounter: Encounter = "", patient: Patient = "", since: Since = None) -> None:
    """The patient may be watched. Needed where WINCE_CONSENT_REQUIRED is set, and to take a refusal back."""
    _say(encounter, patient, True, nurse, since)


@app.command("list")
def list_command(limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most rows.")] = 100, json_: Json = False) -> None:
    """What patients said, the latest of each visit and patient. Shows record numbers; the audit trail says who looked."""
    with reading(settings(), write=True) as database:
        found = [one for _, one in Withholding(database).consents(limit, user())]
    if json_:
        print(to_json({"consents": found}))
        return
    if not found:
        out.print("nobody has said anything")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("about", "number", "authority", "said", "since", "written by"):
        table.add_column(column, overflow="fold")
    for one in found:
        since = datetime.fromtimestamp(one.from_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        said = "may be watched" if one.given else "refused"
        table.add_row(one.subject, one.identifier.value, one.identifier.system, said, since, one.nurse)
    out.print(table)


def _say(encounter: str, patient: str, given: bool, nurse: str, since: datetime | None) -> None:
    if bool(encounter) == bool(patient):
        raise usage.UsageError("exactly one is needed", field="--encounter, --patient", remedy="name the visit, or the patient")
    usage.words(nurse, "--nurse", "the staff identifier of who writes it down", longest=checks.MAX_AUTHOR)
    since_us = wall_us() if since is None else round(since.timestamp() * 1_000_000)
    with usage.reading("--since"):
        checks.decided(since_us, "")
    with reading(settings(), write=True) as database:
        Withholding(database).consent(encounter, patient, given, since_us, nurse, user())
    out.print("the patient may be watched" if given else "the patient is not watched any more")
