"""Stays as others ask for them: as known at a moment, in pages."""

from __future__ import annotations

from wince.domain.census import Kind
from wince.domain.stay import Identifier, Stay
from wince.store import aliases
from wince.store.database import Tx
from wince.store.stay_rows import COLUMNS

_SCOPES = {
    "bed": "bed = %s",
    "ward": "ward = %s",
    "encounter": "(encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
}


def page(
    tx: Tx, kind: str, values: tuple[str, ...], known_us: int | None, limit: int, after: tuple[int, int] | None
) -> list[tuple[int, Stay]]:
    """(row number, stay) by start, then row number. `kind`: bed, ward or encounter, with its values; `known_us` None: as known now;
    `after`: (start, row number) of the last that was answered. An encounter is found under any of its numbers."""
    where, arguments = _SCOPES[kind], list[object](values)
    if kind == "encounter":
        arguments = list(aliases.arrays(aliases.numbers(tx, Kind.VISIT, Identifier(*values))))
    if known_us is None:
        where += " AND superseded_us IS NULL"
    else:
        where += " AND recorded_us <= %s AND (superseded_us IS NULL OR superseded_us > %s)"
        arguments += [known_us, known_us]
    rows = tx.execute(
        f"SELECT row_id, {COLUMNS} FROM stay WHERE {where} AND (start_us, row_id) > (%s, %s) ORDER BY start_us, row_id LIMIT %s".encode(),
        (*arguments, *(after or (-1, -1)), limit),
    ).fetchall()
    return [(row[0], Stay(row[1], row[2], Identifier(row[3], row[4]), Identifier(row[5], row[6]), *row[7:])) for row in rows]
