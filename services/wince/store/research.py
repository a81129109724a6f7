"""Whose data may be given to research, and what was given. SQL in the caller's transaction; each fact in the audit trail.

Consent to research is another thing than consent to be watched (`withheld.py`): whoever said nothing is not exported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from wince.domain.census import Kind
from wince.domain.stay import Identifier
from wince.store import aliases
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

_OF = "(system, value) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"


@dataclass(frozen=True, slots=True)
class ResearchConsent:
    """What a person said. PHI."""

    patient: Identifier
    given: bool
    basis: str
    """What was signed, such as a form's number; no patient's name."""
    nurse: str
    """Staff identifier (not a name) of who wrote it down."""
    recorded_us: int = 0


def say(tx: Tx, consent: ResearchConsent, identity: UUID, caller: str, now_us: int) -> list[tuple[UUID, str]]:
    """Write down what a person said. Audited. A withdrawal marks the person in every export: (export, pseudonym) of those marked now."""
    who = consent.patient
    _alone(tx)
    tx.execute(
        "INSERT INTO research_consent(id, system, value, given, basis, recorded_us, nurse) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (identity, who.system, who.value, consent.given, consent.basis, now_us, consent.nurse),
    )
    marked = [] if consent.given else withdraw(tx, aliases.numbers(tx, Kind.PERSON, who), now_us)
    event = "research.given" if consent.given else "research.withdrawn"
    append(tx, [Fact(identity, 1, event, 1, dump({"consent": consent, "caller": caller}))], now_us)
    return marked


def withdraw(tx: Tx, numbers: Sequence[Identifier], now_us: int) -> list[tuple[UUID, str]]:
    """Mark a person in every export: the recipients are to delete these rows. (export, pseudonym) of those that were not marked before."""
    rows = tx.execute(
        f"UPDATE research_member SET withdrawn_us = %s WHERE withdrawn_us IS NULL AND {_OF} RETURNING export, pseudonym".encode(),
        (now_us, *aliases.arrays(numbers)),
    ).fetchall()
    return sorted((export, pseudonym) for export, pseudonym in rows)


def forget(tx: Tx, numbers: Sequence[Identifier], now_us: int) -> None:
    """A person is erased: their numbers go, and that they agreed. A withdrawal stays, as do pseudonyms, marked."""
    pairs = aliases.arrays(numbers)
    _alone(tx)
    withdraw(tx, numbers, now_us)
    tx.execute(f"UPDATE research_member SET system = NULL, value = NULL WHERE {_OF}".encode(), pairs)
    tx.execute(f"DELETE FROM research_consent WHERE given AND {_OF}".encode(), pairs)


def consents(tx: Tx, limit: int) -> list[ResearchConsent]:
    """The latest word of each number, the latest first."""
    rows = tx.execute(
        "SELECT system, value, given, basis, nurse, recorded_us FROM (SELECT DISTINCT ON (system, value) * FROM research_consent"
        " ORDER BY system, value, seq DESC) latest ORDER BY seq DESC LIMIT %s",
        (limit,),
    ).fetchall()
    return [ResearchConsent(Identifier(row[0], row[1]), *row[2:]) for row in rows]


def willing(tx: Tx) -> list[tuple[Identifier, Sequence[Identifier]]]:
    """Everybody who agreed: the number that stands, and all numbers. Of what was said under merged numbers the latest word counts."""
    rows = tx.execute("SELECT DISTINCT ON (system, value) system, value, seq, given FROM research_consent ORDER BY system, value, seq DESC")
    said = {Identifier(system, value): (seq, given) for system, value, seq, given in rows.fetchall()}
    of = aliases.numbers_of(tx, Kind.PERSON, said)
    stands = aliases.survivors(tx, Kind.PERSON, said)
    people = {stands[one]: numbers for one, numbers in of.items()}
    agreed = {one: numbers for one, numbers in people.items() if max(said[each] for each in numbers if each in said)[1]}
    return sorted(agreed.items(), key=lambda person: _name(person[0]))


def bases(tx: Tx, people: Iterable[Sequence[Identifier]]) -> list[str]:
    """On what each of these agreed last."""
    rows = tx.execute("SELECT system, value, seq, basis FROM research_consent WHERE given").fetchall()
    said: dict[Identifier, tuple[int, str]] = {}
    for system, value, seq, basis in rows:
        one = Identifier(system, value)
        said[one] = max(said.get(one, (0, "")), (seq, basis))
    return [max(said[one] for one in numbers if one in said)[1] for numbers in people]


def still(tx: Tx, people: Iterable[Sequence[Identifier]]) -> bool:
    """Whether all these agree now. Nobody says otherwise before the caller's transaction ends."""
    _alone(tx)
    now = {one for _, numbers in willing(tx) for one in numbers}
    return all(one in now for numbers in people for one in numbers)


@dataclass(frozen=True, slots=True)
class Whole:
    """What is known of a person as a whole. PHI."""

    stays: dict[UUID, Identifier]
    """Every believed stay, and its visit."""
    birth_date: date | None
    """None: unknown, or two are claimed."""
    first_us: int | None
    """Begin of the first window; None: there is none."""
    protocols: tuple[str, ...]


def whole(tx: Tx, numbers: Sequence[Identifier]) -> Whole:
    """A person by all their numbers."""
    rows = tx.execute(
        "SELECT id, encounter_system, encounter, birth_date FROM stay WHERE superseded_us IS NULL"
        " AND (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        aliases.arrays(numbers),
    ).fetchall()
    stays = {row[0]: Identifier(row[1], row[2]) for row in rows}
    born = {row[3] for row in rows if row[3] is not None}
    found = tx.execute(
        "SELECT min(start_us), array_agg(DISTINCT protocol ORDER BY protocol) FROM assessment WHERE stay = ANY(%s)", (list(stays),)
    ).fetchone()
    first_us, protocols = found or (None, None)
    return Whole(stays, born.pop() if len(born) == 1 else None, first_us, tuple(protocols or ()))


_SQL = {
    "windows": "SELECT stay, body FROM assessment WHERE stay = ANY(%s) ORDER BY start_us, protocol",
    "alerts": "SELECT body FROM alert WHERE assessment IN (SELECT id FROM assessment WHERE stay = ANY(%s)) ORDER BY start_us, id",
    "verdicts": "SELECT v.body FROM verdict v JOIN assessment a ON a.id = v.assessment WHERE a.stay = ANY(%s) ORDER BY v.at_us, v.id",
}


def stream(tx: Tx, what: str, stays: Iterable[UUID]) -> Iterator[tuple[Any, ...]]:
    """Rows of one kind about these stays, in order of time, by a cursor of the server: memory doesn't grow with them."""
    with tx.cursor(name=f"research_{what}") as cursor:
        cursor.itersize = 2000
        cursor.execute(_SQL[what].encode(), (list(stays),))
        yield from cursor


def scores(tx: Tx, numbers: Sequence[Identifier], stays: dict[UUID, Identifier]) -> list[tuple[Identifier, int, str, str]]:
    """(visit, moment, code, value) of a person's scores in these visits that stand, in order of time. One that names a visit of somebody
    else is left out."""
    visits = sorted(set(stays.values()), key=_name)
    rows = tx.execute(
        "SELECT encounter_system, encounter, at_us, code, value FROM score WHERE NOT void"
        " AND (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
        " AND (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY at_us, code",
        (*aliases.arrays(visits), *aliases.arrays(numbers)),
    ).fetchall()
    return [(Identifier(row[0], row[1]), row[2], row[3], row[4]) for row in rows]


@dataclass(frozen=True, slots=True)
class Export:
    """What was given away, without who is in it."""

    id: UUID
    at_us: int
    by: str
    purpose: str
    key_id: str
    manifest: bytes
    """sha256 of manifest.json."""
    people: int
    windows: int


def keep(tx: Tx, export: Export, members: Iterable[tuple[str, Identifier]]) -> None:
    """Keep who is in an export: (pseudonym, number). Audited, without anybody's number."""
    tx.execute(
        "INSERT INTO research_export(id, at_us, by, purpose, key_id, manifest, people, windows) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (export.id, export.at_us, export.by, export.purpose, export.key_id, export.manifest, export.people, export.windows),
    )
    with tx.cursor() as cursor, cursor.copy("COPY research_member (export, pseudonym, system, value) FROM STDIN") as copy:
        for pseudonym, number in members:
            copy.write_row((export.id, pseudonym, number.system, number.value))
    said = {
        "by": export.by, "purpose": export.purpose, "key": export.key_id, "manifest": export.manifest.hex(),
        "people": export.people, "windows": export.windows,
    }  # fmt: skip
    append(tx, [Fact(export.id, 1, "research.exported", 1, dump(said))], export.at_us)


def exports(tx: Tx) -> list[tuple[Export, int]]:
    """Every export, the latest first, with how many of its people are withdrawn."""
    merged = Counter(export for export, _ in _by_merge(tx))
    rows = tx.execute(
        "SELECT id, at_us, by, purpose, key_id, manifest, people, windows,"
        " (SELECT count(*) FROM research_member m WHERE m.export = e.id AND withdrawn_us IS NOT NULL) FROM research_export e"
        " ORDER BY at_us DESC, id"
    ).fetchall()
    return [(Export(*row[:8]), row[8] + merged[row[0]]) for row in rows]


def withdrawn(tx: Tx, export: UUID) -> list[str] | None:
    """Pseudonyms whose rows a recipient is to delete; None: there is no such export."""
    if tx.execute("SELECT 1 FROM research_export WHERE id = %s", (export,)).fetchone() is None:
        return None
    rows = tx.execute("SELECT pseudonym FROM research_member WHERE export = %s AND withdrawn_us IS NOT NULL", (export,))
    return sorted({pseudonym for (pseudonym,) in rows.fetchall()} | {name for of, name in _by_merge(tx) if of == export})


def _by_merge(tx: Tx) -> list[tuple[UUID, str]]:
    """(export, pseudonym) of people who are not marked and don't agree: they withdrew under a number that came to be theirs later."""
    rows = tx.execute("SELECT export, pseudonym, system, value FROM research_member WHERE withdrawn_us IS NULL AND value IS NOT NULL")
    members = [(export, pseudonym, Identifier(system, value)) for export, pseudonym, system, value in rows.fetchall()]
    agreed = {one for _, numbers in willing(tx) for one in numbers} if members else set()
    return [(export, pseudonym) for export, pseudonym, number in members if number not in agreed]


def _alone(tx: Tx) -> None:
    """Nobody else says anything, and no export ends, before the caller's transaction does: so no export holds somebody who withdrew
    before, and a withdrawal marks every export."""
    tx.execute("LOCK TABLE research_consent IN SHARE ROW EXCLUSIVE MODE")


def _name(identifier: Identifier) -> tuple[str, str]:
    return identifier.system, identifier.value
