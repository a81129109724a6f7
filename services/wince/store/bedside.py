"""At which bed, and of which encounter, what is in the record was seen: as it is known now."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from wince.domain.stay import Bedside, Identifier
from wince.store.database import Tx
from wince.store.scope import watched_bed

TABLES = {"assessment": "start_us", "alert": "start_us", "question": "end_us - 1"}
"""Tables that this can be asked of, and the moment that says which bed it is: a camera may have come within a question's stretch."""


def of(tx: Tx, table: str, ids: Iterable[UUID]) -> dict[UUID, Bedside]:
    """By id, of the rows of one of TABLES; ids that it lacks are absent."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = tx.execute(
        f"SELECT a.id, coalesce({watched_bed('a', TABLES[table])}, ''), s.encounter_system, s.encounter FROM {table} a"
        " LEFT JOIN LATERAL (SELECT encounter_system, encounter FROM stay WHERE id = a.stay"
        " ORDER BY superseded_us IS NULL DESC, row_id DESC LIMIT 1) s ON true WHERE a.id = ANY(%s)".encode(),
        (wanted,),
    ).fetchall()
    return {identity: Bedside(bed, None if number is None else Identifier(system, number)) for identity, bed, system, number in rows}
