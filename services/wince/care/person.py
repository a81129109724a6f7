"""The erasure of one person: who that is, why it may have to wait, and what goes. SQL in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.domain.census import Kind
from wince.domain.stay import Identifier
from wince.errors import Refused
from wince.rpc.errors import NotFound
from wince.store import aliases, erasing, parked, remains, research, studies, withheld
from wince.store import scope as scopes
from wince.store.database import Tx
from wince.store.plain import dump


@dataclass(frozen=True, slots=True)
class Erased:
    """How many of each went."""

    entries: int = 0
    windows: int = 0
    visits: int = 0
    payloads: int = 0
    """Of the audit trail."""
    decisions: int = 0
    """Verdicts, pauses, states of patients: what people decided."""
    remembered: int = 0
    """By age: what grade and record remember of cameras, and notes about lists and merged numbers."""
    objects: int = 0
    """DICOM objects, whose files are deleted."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about. PHI."""

    numbers: Sequence[Identifier]
    """Every record number of theirs."""
    visits: Sequence[Identifier]
    """Every number of every visit, also those given up."""
    stays: Sequence[UUID]


def find(tx: Tx, patient: str, now_us: int) -> Person:
    """The person whom a record number, or "authority|number", means. Raises NotFound, and Refused where nothing may be erased yet: see
    `Retention.erase`."""
    number, system = scopes.split(patient)
    found = withheld.patients(tx, number, system)
    numbers = aliases.numbers(tx, Kind.PERSON, found[0]) if len(found) == 1 else []
    if waiting := parked.naming(tx, {number, *(one.value for one in numbers)}):
        remedy = "have `wince hl7 parked` replay or drop these, then again: " + ", ".join(map(str, waiting[:5]))
        raise Refused(f"{len(waiting)} parked messages name this number", field="patient", remedy=remedy)
    if len(found) != 1:
        what = "two authorities use this number" if found else "there is no such patient"
        raise (Refused if found else NotFound)(what, field="patient", remedy="give authority|number")
    theirs = tx.execute(
        "SELECT id, encounter_system, encounter, superseded_us IS NULL AND (end_us IS NULL OR end_us > %s) FROM stay"
        " WHERE (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        (now_us, *aliases.arrays(numbers)),
    ).fetchall()
    if any(row[3] for row in theirs):
        raise Refused("the patient lies in a bed now", field="patient", remedy="erase after the discharge")
    if erasing.waits_in_a_list(tx, numbers):
        remedy = "see `wince census diff`; settle it, then again"
        raise Refused("a census has the patient in a bed, and nobody has decided that", field="patient", remedy=remedy)
    known = {Identifier(row[1], row[2]) for row in theirs}
    every = {number for one in known for number in aliases.numbers(tx, Kind.VISIT, one)}  # what was said under a number given up, too
    stays = sorted({row[0] for row in theirs})
    waits = tx.execute(
        "SELECT count(*) FROM outbox WHERE state NOT IN ('written', 'kept') AND (entry IN (SELECT id FROM entry WHERE stay = ANY(%s))"
        " OR entry IN (SELECT id FROM question WHERE stay = ANY(%s)))",
        (stays, stays),
    ).fetchone()
    if waits and waits[0]:
        remedy = "see `wince outbox list`; deliver or give up what waits, then again"
        raise Refused(f"{waits[0]} deliveries about the patient wait", field="patient", remedy=remedy)
    return Person(numbers, sorted(every, key=lambda one: (one.system, one.value)), stays)


def erase(tx: Tx, run: UUID, whom: Person, now_us: int) -> tuple[Erased, list[str]]:
    """What went, and the ids of what the chain speaks of and that is missing now. `run`: the erasure, which has begun."""
    stays = list(whom.stays)
    objects = studies.of_patient(tx, whom.numbers)
    entries = _ids(tx, "SELECT id FROM entry WHERE stay = ANY(%s)", stays)
    windows = _ids(tx, "SELECT id FROM assessment WHERE stay = ANY(%s)", stays) | _ids(
        tx, "SELECT id FROM assessment WHERE source = ANY(%s)", objects
    )
    questions = _ids(tx, "SELECT id FROM question WHERE stay = ANY(%s)", stays) | _ids(
        tx, "SELECT id FROM question WHERE assessment = ANY(%s)", list(windows)
    )
    about = {*stays, *entries, *windows, *questions, *map(studies.identity, objects)}
    for table in ("alert", "verdict"):
        about |= _ids(tx, f"SELECT id FROM {table} WHERE assessment = ANY(%s)", list(windows))
    told = erasing.told_of(tx, whom.visits)
    decided = remains.decisions(tx, windows, questions, whom.visits)
    about |= set(decided)
    named = [*(dump(one)[1:-1] for one in (*whom.numbers, *whom.visits)), *_reads(whom.visits)]
    payloads = erasing.payloads_of(tx, run, about) + erasing.payloads_with(tx, run, named)
    erasing.entries(tx, entries)
    erasing.questions(tx, questions)
    erasing.windows(tx, windows)
    erasing.visits(tx, whom.visits)
    erasing.scores(tx, whom.numbers)
    erasing.lists(tx, whom.numbers)
    erasing.names(tx, whom.numbers)
    research.forget(tx, whom.numbers, now_us)
    studies.forget(tx, objects)
    remains.states(tx, stays)
    done = Erased(len(entries), len(windows), len(whom.visits), payloads, len(decided), objects=len(objects))
    return done, sorted({*map(str, about), *told})


def _ids(tx: Tx, sql: str, of: Sequence[object]) -> set[UUID]:
    return {row[0] for row in tx.execute(sql.encode(), (list(of),)).fetchall()}


def _reads(visits: Iterable[Identifier]) -> list[str]:
    """How the trail's payloads of reads name a visit."""
    return [f'"encounter":{dump(name)}' for one in visits for name in (one.value, f"{one.system}|{one.value}")]
