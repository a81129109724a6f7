"""`wince research`: data for research about people who agreed, without anything that says who they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.codec import checks
from wince.research.consents import Consents, word
from wince.research.export import Exporter, Wanted
from wince.research.pseudonyms import fresh, of_file
from wince.serve.reading import reading

app = typer.Typer(no_args_is_help=True, help="Data for research about people who agreed, without anything that says who they are.")

Patient = Annotated[str, typer.Option("--patient", help="Record number (MRN), or authority|number.")]
Basis = Annotated[str, typer.Option("--basis", help="What was signed, such as ethics-2026-014; it goes into exports.")]
Nurse = Annotated[str, typer.Option("--nurse", help="Staff identifier of the person who writes it down.")]
Purpose = Annotated[str, typer.Option("--purpose", help="The study's name, such as night-pain-2; it goes into the export.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="File with the key of the pseudonyms; absent: it is made. Default: a key that is thrown away."),
]
FewestAlike = Annotated[
    int,
    typer.Option(
        "--k", min=2, max=1000, help="Smallest group with the same age band and protocols; smaller ones lose their age, or are left out."
    ),
]
MostGib = Annotated[float, typer.Option("--most-gib", min=0.001, max=10_000, help="Largest export, GiB.")]


@app.command("agree")
def agree_command(patient: Patient, basis: Basis, nurse: Nurse) -> None:
    """Write down that a person agreed to give their data to research. Consent to be watched is separate (`wince consent`)."""
    _say(patient, True, basis, nurse)


@app.command("withdraw")
def withdraw_command(patient: Patient, basis: Basis, nurse: Nurse) -> None:
    """Write down that a person withdrew: no later export has them. Names those that do, and the pseudonym whose rows must be deleted."""
    _say(patient, False, basis, nurse)


@app.command("consents")
def consents_command(limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most rows.")] = 100, json_: Json = False) -> None:
    """Who agreed and who withdrew. Shows record numbers; the audit trail says who looked."""
    with reading(settings(), write=True) as database:
        found = Consents(database).listed(limit, user())
    if json_:
        print(to_json({"consents": found}))
        return
    if not found:
        out.print("nobody has said anything")
        return
    table = _table("number", "authority", "said", "basis", "written by", "when")
    for one in found:
        said = "agreed" if one.given else "withdrew"
        table.add_row(one.patient.value, one.patient.system, said, one.basis, one.nurse, _when(one.recorded_us))
    out.print(table)


@app.command("export")
def export_command(
    place: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is not there yet.")],
    purpose: Purpose,
    key: KeyFile = None,
    k: FewestAlike = 5,
    most_gib: MostGib = 20.0,
    json_: Json = False,
) -> None:
    """Write windows, alerts, verdicts and scores of everybody who agreed, as CSV, with a data dictionary and a manifest.

    No picture, name, number, bed, camera or free text; times moved by a secret offset for each person. The audit trail says who exported
    how much. Exports with one --key can be joined, others can't. docs/how-to/research.md says what remains to be protected.
    """
    with usage.reading("--purpose"):
        word(purpose, "--purpose")
    with reading(settings(), write=True) as database:
        made = fresh() if key is None else of_file(key)
        done = Exporter(database).run(Wanted(place, made, purpose, k, int(most_gib * (1 << 30)), user()))
    if json_:
        print(to_json({"export": done}))
        return
    rows = ", ".join(f"{number} {name}" for name, number in done.rows.items() if name != "cells")
    out.print(f"export {done.id}: {rows}; manifest {done.manifest}")
    for number, why in (
        (done.left_out, f"people left out: fewer than {k} are like them"),
        (done.ages_hidden, f"people whose age is not told: fewer than {k} share it"),
        (done.without_windows, "people agreed, and no window of them is kept"),
        (done.scores_left_out, "scores left out: their value is no number"),
    ):
        if number:
            out.print(f"{number} {why}")


@app.command("exports")
def exports_command(json_: Json = False) -> None:
    """What was exported, when, by whom, and how many people's rows the recipient must delete."""
    with reading(settings()) as database:
        found = Consents(database).exports()
    if json_:
        print(to_json({"exports": [{"export": one, "withdrawn": number} for one, number in found]}))
        return
    if not found:
        out.print("nothing was exported")
        return
    table = _table("export", "when", "by", "purpose", "people", "withdrawn")
    for one, number in found:
        table.add_row(str(one.id), _when(one.at_us), one.by, one.purpose, str(one.people), str(number))
    out.print(table)


@app.command("withdrawn")
def withdrawn_command(export: Annotated[str, typer.Argument(help="As `wince research exports` shows it.")], json_: Json = False) -> None:
    """The pseudonyms in an export whose rows its recipient must delete, one a line."""
    identity = usage.identity(export, "EXPORT", "`wince research exports`")
    with reading(settings()) as database:
        found = Consents(database).withdrawn(identity)
    print(to_json({"withdrawn": found}) if json_ else "\n".join(found) or "nobody withdrew")


def _say(patient: str, given: bool, basis: str, nurse: str) -> None:
    usage.words(nurse, "--nurse", "the staff identifier of who writes it down", longest=checks.MAX_AUTHOR)
    with usage.reading("--basis"):
        word(basis, "--basis")
    with reading(settings(), write=True) as database:
        marked = Consents(database).say(patient, given, basis, nurse, user())
    out.print("the person's data may be given to research" if given else "no later export has the person")
    for export, pseudonym in marked:
        out.print(f"tell the recipient of export {export} to delete the rows of person {pseudonym}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _when(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
