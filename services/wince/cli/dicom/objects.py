"""Objects that were taken: listed, and those that are held resolved or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.clock import wall_us
from wince.domain.stay import Identifier
from wince.domain.study import Held
from wince.hospital.site import system
from wince.serve import site
from wince.serve.reading import reading
from wince.settings import Settings
from wince.store import access, studies
from wince.store.database import Tx
from wince.store.studies import Study

WHY = {
    Held.NO_PATIENT_ID: "names no patient id: `resolve --patient`",
    Held.NO_ISSUER: "doesn't say whose number it is: set dicom_issuer and `resolve --again`, or `resolve --patient`",
    Held.NO_TIME: "doesn't say when it was taken: `resolve --at`",
    Held.NO_PICTURES: "has no pictures, or no time between them: `drop`, and have it sent again",
    Held.OTHER_HOSPITAL: "is of another hospital's patient: `drop`, or `resolve --patient`",
    Held.FUTURE: "lies ahead of now: look at the sender's clock",
    Held.UNKNOWN_PATIENT: "names a patient whom the census doesn't know",
    Held.BIRTH_DATE: "has another birth date than the census: compare, then `resolve --patient`",
    Held.NO_VISIT: "was taken when its patient lay in no bed",
    Held.TWO_VISITS: "was taken while two visits, or a move, are claimed",
    Held.OTHER_VISIT: "names another visit than the census: compare, then `resolve --patient`",
    Held.UNREADABLE: "can't be decoded: `drop`, and have it sent again",
    Held.FAILED: "failed to be graded three times: see the log, then `resolve --again` or `drop`",
}
"""What a person is told of each reason."""
Uid = Annotated[str, typer.Argument(metavar="UID", help="SOP Instance UID, as `wince dicom held` shows it.")]


@contextmanager
def _opened(loaded: Settings, *, write: bool = False) -> Iterator[Tx]:
    with reading(loaded, write=write) as database, database.transaction() as tx:
        yield tx


def list_command(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most rows, the newest first.")] = 50, json_: Json = False
) -> None:
    """Objects that were taken, and how far each came. Names no patient."""
    with _opened(settings()) as tx:
        found = studies.listed(tx, limit)
    _show(found, json_, "no object was taken yet")


def held(
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="Show patient ids and birth dates; the trail says who looked.")
    ] = False,
    json_: Json = False,
) -> None:
    """Objects that wait for a person, the oldest first, each with the reason and what to do about it."""
    with _opened(settings(), write=identifiers) as tx:
        found = studies.held(tx)
        if identifiers and found:
            access.note(tx, user(), "wince dicom held --identifiers", {"objects": len(found)}, wall_us())
    _show(found, json_, "nothing is held", identifiers=identifiers)
    if found and not json_:
        for reason in dict.fromkeys(study.reason for study in found):
            out.print(f"{reason}: {WHY[Held(reason)]}", highlight=False)


def resolve(
    instance: Uid,
    patient: Annotated[str, typer.Option("--patient", help="Whose it is: record number (MRN), or authority|number.")] = "",
    at: Annotated[str, typer.Option("--at", help="When its first picture was taken: ISO 8601 with offset.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Look it up as it is: settings or the census were put right.")] = False,
) -> None:
    """Say whose a held object is, or when it was taken. A running Wince then looks it up again; the audit trail keeps who said so.

    With --patient the object's own patient id, birth date and visit are not compared any more: compare them first.
    """
    if not (patient or at or again):
        raise usage.UsageError("nothing is said of the object", field="resolve", remedy="give --patient, --at or --again")
    loaded = settings()
    at_us = _moment(at) if at else None
    named = _identifier(patient, loaded) if patient else None
    with _opened(loaded, write=True) as tx:
        studies.assign(tx, instance, named, at_us, user(), wall_us())
    out.print("it is looked up again")


def drop(instance: Uid) -> None:
    """Give a held object up: it is never graded, and its file is deleted. The audit trail keeps who did so."""
    with _opened(settings(), write=True) as tx:
        studies.drop(tx, instance, user(), wall_us())
    out.print("dropped")


def _show(found: Sequence[Study], json_: bool, nothing: str, *, identifiers: bool = False) -> None:
    if json_:
        print(to_json([_plain(study, identifiers) for study in found]))
        return
    if not found:
        out.print(nothing)
        return
    table = Table(box=None, pad_edge=False)
    names = list(_plain(found[0], identifiers))
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=name == "instance")
    for study in found:
        table.add_row(*(str(value) for value in _plain(study, identifiers).values()))
    out.print(table)


def _plain(study: Study, identifiers: bool) -> dict[str, object]:
    facts = study.facts
    taken = "-" if facts.at_us is None else _time(facts.at_us) + ("" if facts.zoned else " (site's zone)")
    shown: dict[str, object] = {
        "instance": study.instance, "came": _time(study.received_us), "from": study.sender, "taken": taken, "pictures": facts.frames,
        "state": study.state, "reason": study.reason or "-",
    }  # fmt: skip
    if identifiers:
        born = "-" if facts.birth_date is None else facts.birth_date.isoformat()
        shown |= {"patient": facts.patient or "-", "issuer": facts.issuer or facts.issuer_universal or "-", "born": born}
    return shown


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise usage.UsageError("is no ISO 8601 time", field=f"--at={text}", remedy="such as 2026-01-05T08:00:00+01:00") from None
    if at.tzinfo is None:
        raise usage.UsageError("needs an offset", field=f"--at={text}", remedy="such as 2026-01-05T08:00:00+01:00")
    return round(at.timestamp() * 1_000_000)


def _identifier(text: str, loaded: Settings) -> Identifier:
    authority, bar, number = text.rpartition("|")
    if bar:
        return Identifier(authority, number)
    ours = site.of(loaded)
    if not ours.authority:
        raise usage.UsageError("needs its authority", field="--patient", remedy="give authority|number, or set patient_authority")
    return Identifier(system(ours.own), number)
