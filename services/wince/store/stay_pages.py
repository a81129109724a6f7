"""Stays as others ask for them: as known at a moment, in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wince.domain.census import Kind
from wince.domain.stay import Identifier, Stay
from wince.store import aliases
from wince.store.database import Tx
from wince.store.paged import behind
from wince.store.stay_rows import COLUMNS

_SCOPES = {
    "bed": "bed = %s",
    "ward": "ward = %s",
    "all": "true",
    "encounter": "(encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of a list of stays."""

    limit: int
    after: tuple[int, int] | None
    """(start, row number) of the last that was answered."""
    descending: bool = False
    where: str = ""
    """What is added to the condition."""
    values: Sequence[object] = ()
    """Its parameters."""


def page(tx: Tx, kind: str, values: tuple[str, ...], known_us: int | None, part: Part) -> list[tuple[int, Stay]]:
    """(row number, stay) by start, then row number. `kind`: bed, ward, encounter or all, with its values; `known_us` None: as known now.
    An encounter is found under any of its numbers."""
    where, arguments = _SCOPES[kind], list[object](values)
    if kind == "encounter":
        arguments = list(aliases.arrays(aliases.numbers(tx, Kind.VISIT, Identifier(*values))))
    if known_us is None:
        where += " AND superseded_us IS NULL"
    else:
        where += " AND recorded_us <= %s AND (superseded_us IS NULL OR superseded_us > %s)"
        arguments += [known_us, known_us]
    then, place, order = behind(("start_us", "row_id"), part.after, part.descending)
    rows = tx.execute(
        f"SELECT row_id, {COLUMNS} FROM stay WHERE {where}{part.where}{then} ORDER BY {order} LIMIT %s".encode(),
        (*arguments, *part.values, *place, part.limit),
    ).fetchall()
    return [(row[0], _stay(row[1:])) for row in rows]


def latest(tx: Tx, identity: UUID, known_us: int | None) -> Stay | None:
    """A stay by its id, as known at a moment; None: the last row that was ever believed of it, where there is one."""
    row = tx.execute(
        f"SELECT {COLUMNS} FROM stay WHERE id = %s AND (%s::bigint IS NULL OR (recorded_us <= %s AND"
        " (superseded_us IS NULL OR superseded_us > %s))) ORDER BY superseded_us IS NULL DESC, row_id DESC LIMIT 1".encode(),
        (identity, known_us, known_us, known_us),
    ).fetchone()
    return None if row is None else _stay(row)


def _stay(row: Sequence[Any]) -> Stay:
    return Stay(row[0], row[1], Identifier(row[2], row[3]), Identifier(row[4], row[5]), *row[6:])
