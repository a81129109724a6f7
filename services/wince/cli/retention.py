"""`wince retention`: how long data rests in Wince's own database, and erasing a person."""

from __future__ import annotations

from typing import Annotated

import typer

from wince.care.person import Erased
from wince.care.retention import Limits, Retention
from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.errors import ConfigError
from wince.serve.reading import reading
from wince.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Erase what is older than the limits that are set, or what is known of one person.")


def _limits(loaded: Settings) -> Limits:
    return Limits(loaded.retention_assessments_days, loaded.retention_movements_days, loaded.retention_audit_days)


@app.command("show")
def show_command(json_: Json = False) -> None:
    """The limits that are set."""
    limits = _limits(settings())
    if json_:
        print(to_json({"limits": limits}))
        return
    for what, days in (
        ("windows, alerts, verdicts, entries, DICOM objects", limits.assessments),
        ("ADT movements, stays, scores, states of patients", limits.movements),
        ("payloads of the audit trail", limits.audit),
    ):
        out.print(f"{what}: {'kept' if days is None else f'{days} days'}")


@app.command("run")
def run_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased; erase nothing.")] = False, json_: Json = False
) -> None:
    """Erase what is older than the limits (WINCE_RETENTION_...). Works beside a running Wince; the audit chain stays whole.

    What is still to be delivered stays, and what the hospital said of a visit stays while a window or entry of it does.
    """
    loaded = settings()
    limits = _limits(loaded)
    if limits == Limits():
        remedy = "set one of them, such as WINCE_RETENTION_ASSESSMENTS_DAYS=365; docs/how-to/retention.md says what each erases"
        raise ConfigError("no limit is set", field="retention_assessments_days, _movements_days, _audit_days", remedy=remedy)
    with reading(loaded, write=True) as database:
        retention = Retention(database)
        if dry_run:
            _say(retention.count(limits), json_, "would be erased")
        else:
            _say(retention.run(limits, user()), json_)


@app.command("erase")
def erase_command(
    patient: Annotated[str, typer.Option("--patient", help="Record number (MRN), or authority|number.")],
    reason: Annotated[str, typer.Option(help="Why; without a patient's name. Stands in the audit trail.")],
    json_: Json = False,
) -> None:
    """Erase a person from Wince's own database: windows, entries, decisions, stays, movements, DICOM objects, and the trail's payloads.

    After the discharge, when nothing waits for a target and no parked HL7 message names the number. What stands in the EHR stays there, and
    a refusal to be watched stays here.
    """
    usage.words(reason, "--reason", "say why, without a patient's name")
    with reading(settings(), write=True) as database:
        _say(Retention(database).erase(patient, reason, user()), json_)


def _say(done: Erased, json_: bool, what: str = "erased") -> None:
    if json_:
        print(to_json({what.replace(" ", "_"): done}))
    else:
        numbers = f"{done.entries} entries, {done.windows} windows, {done.visits} visits, {done.payloads} payloads of the audit trail"
        more = f"{done.decisions} decisions, {done.objects} DICOM objects, {done.remembered} notes and states of cameras"
        out.print(f"{what}: {numbers}, {more}")
