"""Who lies where, kept bitemporally: movements as they came, stays with valid and recorded time; and which camera watches which bed.

`PostgresCensus` keeps the promises of hospital's port (wince/hospital/interface.py, Census).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from wince import canonical
from wince.clock import Clock, wall_us
from wince.domain.binding import changed
from wince.domain.census import Applied, MessageKey, Movement, Outcome, Revision
from wince.domain.stay import Identifier, Stay, Watch
from wince.errors import IntegrityError
from wince.store import locks, plain, reviews
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.locks import Lock

_COLUMNS = "id, bed, patient_system, patient, encounter_system, encounter, start_us, end_us, recorded_us, superseded_us, birth_date, ward"
_APPLIED = "adt"

InBed = Callable[[str], Sequence[Stay]]
Revise = Callable[[Sequence[Movement], Sequence[Stay], InBed], Revision]


class PostgresCensus:
    """Movements and stays in the database. Thread-safe. `clock`: microseconds UTC, stamps the audit trail."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database = database
        self._clock = clock

    def apply(self, movement: Movement, revise: Revise) -> Applied:
        """See Census.apply."""
        encounter = movement.encounter
        with self._database.transaction() as tx:
            # Serialises an encounter; the bed, so that two encounters can't both find it free.
            locks.take_each(tx, Lock.STAYS, (f"encounter {encounter.system} {encounter.value}", f"bed {movement.bed}"))
            if not _first(tx, movement.key, _APPLIED):
                return Applied(Outcome.DUPLICATE, Revision())
            tx.execute(
                "INSERT INTO movement(encounter_system, encounter, body) VALUES (%s, %s, %s)",
                (encounter.system, encounter.value, plain.dump(movement)),
            )
            kept = tx.execute(
                "SELECT body FROM movement WHERE encounter_system = %s AND encounter = %s ORDER BY seq", (encounter.system, encounter.value)
            ).fetchall()
            believed = _read(
                tx,
                "encounter_system = %s AND encounter = %s AND superseded_us IS NULL ORDER BY start_us",
                (encounter.system, encounter.value),
            )
            revision = revise([plain.load(Movement, body) for (body,) in kept], believed, lambda bed: _believed_in(tx, bed))
            _revise(tx, revision)
            ask_again(tx, revision)
            said = {
                "trigger": movement.trigger,
                "notes": list(revision.notes),
                "movement": json.loads(plain.dump(movement)),
                "superseded": [str(stay.id) for stay in revision.supersede],
                "added": [str(stay.id) for stay in revision.add],
            }
            append(tx, [Fact(message_id(movement.key), 1, _APPLIED, 1, canonical.text(said))], self._clock())
        return Applied(Outcome.APPLIED, revision)

    def audit(self, key: MessageKey, event: str, detail: str) -> None:
        """See Census.audit."""
        with self._database.transaction() as tx:
            if _first(tx, key, event):
                append(tx, [Fact(message_id(key), 1, f"{_APPLIED}.{event}", 1, canonical.text({"detail": detail}))], self._clock())

    def stays(self, bed: str, start_us: int, end_us: int | None, as_of_us: int | None = None) -> list[Stay]:
        """See Census.stays."""
        with self._database.transaction() as tx:
            return _overlapping(tx, [bed], start_us, end_us, as_of_us)

    def current(self) -> list[Stay]:
        """See Census.current."""
        with self._database.transaction() as tx:
            return _read(tx, "superseded_us IS NULL AND end_us IS NULL ORDER BY bed, start_us", ())


def message_id(key: MessageKey) -> UUID:
    """The audit trail's name for a message: UUIDv5 of its sender and control id."""
    return uuid5(NAMESPACE_URL, "urn:wince:adt:" + json.dumps([key.application, key.facility, key.control_id]))


def save_watches(database: Database, watches: Iterable[Watch]) -> None:
    """Keeps which camera watches which bed; the same row again changes nothing."""
    with database.transaction() as tx:
        add_watches(tx, watches)


def add_watches(tx: Tx, rows: Iterable[Watch]) -> None:
    """The same inside a transaction."""
    new = list(rows)
    known = {(row.source, row.start_us, row.recorded_us): row for row in watches(tx, sorted({item.source for item in new}))}
    for item in new:
        before = known.get((item.source, item.start_us, item.recorded_us))
        if before is None or (before.bed, before.end_us) != (item.bed, item.end_us):
            ends = [row.end_us for row in (item, before) if row is not None]
            last = None if None in ends else max(end for end in ends if end is not None)
            reviews.ask(tx, sources=[item.source], from_us=item.start_us, to_us=last, why="camera")
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO watch(source, bed, start_us, end_us, recorded_us, region, rotation) VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (source, start_us, recorded_us) DO UPDATE SET bed = excluded.bed, end_us = excluded.end_us,"
            " region = excluded.region, rotation = excluded.rotation, told = watch.told AND watch.bed = excluded.bed"
            " AND watch.end_us IS NOT DISTINCT FROM excluded.end_us",
            [
                (
                    item.source,
                    item.bed,
                    item.start_us,
                    item.end_us,
                    item.recorded_us,
                    None if item.region is None else json.dumps(item.region),
                    item.rotation,
                )
                for item in new
            ],
        )


def ask_again(tx: Tx, revision: Revision) -> None:
    """Record looks again wherever others lie after a revision than before it."""
    for bed, from_us, to_us in changed(revision.supersede, revision.add):
        reviews.ask(tx, beds=[bed], from_us=from_us, to_us=to_us, why="census")


def watches(tx: Tx, sources: Sequence[str]) -> list[Watch]:
    """Every row of these cameras, in order of recording."""
    rows = tx.execute(
        "SELECT source, bed, start_us, end_us, recorded_us, region, rotation FROM watch"
        " WHERE source = ANY(%s) ORDER BY recorded_us, start_us",
        (list(sources),),
    ).fetchall()
    return [
        Watch(source, bed, start, end, recorded, None if region is None else _region(region), rotation)
        for source, bed, start, end, recorded, region, rotation in rows
    ]


def believed(tx: Tx, beds: Sequence[str], start_us: int, end_us: int) -> list[Stay]:
    """Believed stays of these beds that overlap [start_us, end_us]."""
    return _overlapping(tx, beds, start_us, end_us + 1, None)


def unreviewed(tx: Tx) -> list[UUID]:
    """Stays of which a row stopped being believed since entries were last checked against them; locked until the commit."""
    rows = tx.execute("SELECT id FROM stay WHERE NOT reviewed ORDER BY row_id FOR UPDATE SKIP LOCKED").fetchall()
    return list(dict.fromkeys(stay for (stay,) in rows))


def mark_reviewed(tx: Tx, stays: Sequence[UUID]) -> None:
    """The entries bound to these stays have been checked in this transaction."""
    tx.execute("UPDATE stay SET reviewed = true WHERE NOT reviewed AND id = ANY(%s)", (list(stays),))


def doubt(tx: Tx, stays: Sequence[UUID]) -> bool:
    """Something was written to these stays now: those of which no row is believed any more are to be reviewed (again).

    True where any stay is to be reviewed.
    """
    if stays:
        tx.execute(
            "UPDATE stay SET reviewed = false WHERE id = ANY(%s) AND superseded_us IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM stay b WHERE b.id = stay.id AND b.superseded_us IS NULL)",
            (list(stays),),
        )
    row = tx.execute("SELECT EXISTS (SELECT FROM stay WHERE NOT reviewed)").fetchone()
    return row == (True,)


def _first(tx: Tx, key: MessageKey, event: str) -> bool:
    """True where (key, event) is new. Raises IntegrityError where another message was applied under the key: a message that was
    refused may come again, corrected, under the same one."""
    names = (key.application, key.facility, key.control_id)
    if event == _APPLIED:
        known = tx.execute(
            "SELECT digest FROM adt_inbox WHERE application = %s AND facility = %s AND control_id = %s AND event = %s", (*names, event)
        ).fetchone()
        if known and known[0] != key.digest:
            raise IntegrityError(
                "another message came under a control id that was used before",
                field="MSH-10",
                remedy="the sender must give every message a control id of its own",
            )
    done = tx.execute(
        "INSERT INTO adt_inbox(application, facility, control_id, event, digest) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (*names, event, key.digest),
    )
    return done.rowcount == 1


def _revise(tx: Tx, revision: Revision) -> None:
    with tx.cursor() as cursor:
        if revision.supersede:
            cursor.executemany(
                "UPDATE stay SET superseded_us = %s, reviewed = false, told = false WHERE id = %s AND superseded_us IS NULL",
                [(revision.recorded_us, stay.id) for stay in revision.supersede],
            )
            if cursor.rowcount != len(revision.supersede):
                raise IntegrityError("a stay that is to be superseded is not believed", field="stay")
        if revision.add:
            cursor.executemany(
                f"INSERT INTO stay({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)".encode(),
                [_row(stay) for stay in revision.add],
            )


def _row(stay: Stay) -> tuple[Any, ...]:
    return (
        stay.id,
        stay.bed,
        stay.patient.system,
        stay.patient.value,
        stay.encounter.system,
        stay.encounter.value,
        stay.start_us,
        stay.end_us,
        stay.recorded_us,
        stay.superseded_us,
        stay.birth_date,
        stay.ward,
    )


def _read(tx: Tx, where: str, arguments: tuple[Any, ...]) -> list[Stay]:
    rows = tx.execute(f"SELECT {_COLUMNS} FROM stay WHERE {where}".encode(), arguments).fetchall()
    return [Stay(row[0], row[1], Identifier(row[2], row[3]), Identifier(row[4], row[5]), *row[6:]) for row in rows]


def _believed_in(tx: Tx, bed: str) -> list[Stay]:
    return _read(tx, "bed = %s AND superseded_us IS NULL ORDER BY start_us", (bed,))


def _overlapping(tx: Tx, beds: Sequence[str], start_us: int, end_us: int | None, as_of_us: int | None) -> list[Stay]:
    where = "bed = ANY(%s) AND (end_us IS NULL OR end_us > %s) AND (%s::bigint IS NULL OR start_us < %s)"
    arguments: tuple[Any, ...] = (list(beds), start_us, end_us, end_us)
    if as_of_us is None:
        return _read(tx, where + " AND superseded_us IS NULL ORDER BY start_us, row_id", arguments)
    where += " AND recorded_us <= %s AND (superseded_us IS NULL OR superseded_us > %s) ORDER BY start_us, row_id"
    return _read(tx, where, (*arguments, as_of_us, as_of_us))


def _region(text: str) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = json.loads(text)
    return x0, y0, x1, y1
