"""The SQL of the table of stays: rows in, rows out, and what a revision makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wince.domain.census import Revision
from wince.domain.stay import Identifier, Stay
from wince.errors import IntegrityError
from wince.store.database import Tx

COLUMNS = "id, bed, patient_system, patient, encounter_system, encounter, start_us, end_us, recorded_us, superseded_us, birth_date, ward"


def read(tx: Tx, where: str, arguments: tuple[Any, ...]) -> list[Stay]:
    """Rows for which a condition holds; it may end in an order."""
    rows = tx.execute(f"SELECT {COLUMNS} FROM stay WHERE {where}".encode(), arguments).fetchall()
    return [Stay(row[0], row[1], Identifier(row[2], row[3]), Identifier(row[4], row[5]), *row[6:]) for row in rows]


def believed(tx: Tx, beds: Sequence[str], start_us: int, end_us: int) -> list[Stay]:
    """Believed stays of these beds that overlap [start_us, end_us]."""
    return overlapping(tx, beds, start_us, end_us + 1, None)


def overlapping(tx: Tx, beds: Sequence[str], start_us: int, end_us: int | None, as_of_us: int | None) -> list[Stay]:
    """Stays of these beds that overlap [start_us, end_us) (None: without end), as is known now or was at `as_of_us`."""
    where = "bed = ANY(%s) AND (end_us IS NULL OR end_us > %s) AND (%s::bigint IS NULL OR start_us < %s)"
    arguments: tuple[Any, ...] = (list(beds), start_us, end_us, end_us)
    if as_of_us is None:
        return read(tx, where + " AND superseded_us IS NULL ORDER BY start_us, row_id", arguments)
    where += " AND recorded_us <= %s AND (superseded_us IS NULL OR superseded_us > %s) ORDER BY start_us, row_id"
    return read(tx, where, (*arguments, as_of_us, as_of_us))


def revise(tx: Tx, revisions: Sequence[tuple[Revision, UUID]]) -> None:
    """Supersede and add, of different visits, each with the message that it comes of.

    Raises IntegrityError where a row that is to be superseded is not believed."""
    gone = [(one.recorded_us, stay.id) for one, _ in revisions for stay in one.supersede]
    rows = [(*_row(stay), message) for one, message in revisions for stay in one.add]
    if gone:
        moments, ids = map(list, zip(*gone, strict=True))
        done = tx.execute(
            "UPDATE stay SET superseded_us = s.at_us, told = false FROM unnest(%s::bigint[], %s::uuid[]) AS s(at_us, id)"
            " WHERE stay.id = s.id AND stay.superseded_us IS NULL",
            (moments, ids),
        )
        if done.rowcount != len(gone):
            raise IntegrityError("a stay that is to be superseded is not believed", field="stay")
    if rows:
        with tx.cursor() as cursor, cursor.copy(f"COPY stay ({COLUMNS}, message) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


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
