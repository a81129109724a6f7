"""Stretches in which it is not believed who lies in a bed: a feed that is silent, a stay that never ends. Record charts nothing there
(`Reason.DOUBTFUL`), a person is asked, and what was seen is charted late when trust returns.

Every change asks record to look again (`store/reviews.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wince.domain.binding import Doubt
from wince.store import reviews
from wince.store.database import Tx


def begin(tx: Tx, bed: str, from_us: int, why: str, to_us: int | None = None) -> int:
    """Who lies in this bed is not believed from now on, or during [from_us, to_us); its number. `bed` empty: every bed.

    `why`: a code, no PHI. Microseconds UTC.
    """
    row = tx.execute(
        "INSERT INTO doubt(bed, from_us, to_us, why) VALUES (%s, %s, %s, %s) RETURNING id", (bed, from_us, to_us, why)
    ).fetchone()
    assert row is not None
    reviews.ask(tx, beds=[bed] if bed else (), from_us=from_us, to_us=to_us, why="trust")
    return int(row[0])


def end(tx: Tx, number: int, to_us: int) -> None:
    """It is believed again from `to_us` on (its begin, or before: it was never in doubt). A number that is not there changes nothing."""
    row = tx.execute("SELECT bed, from_us, to_us FROM doubt WHERE id = %s FOR UPDATE", (number,)).fetchone()
    if row is None:
        return
    bed, from_us, before_us = row
    to_us = max(to_us, from_us)
    tx.execute("UPDATE doubt SET to_us = %s WHERE id = %s", (to_us, number))
    low, high = (to_us, before_us) if before_us is None or to_us < before_us else (before_us, to_us)
    reviews.ask(tx, beds=[bed] if bed else (), from_us=low, to_us=high, why="trust")


def move(tx: Tx, begins: Mapping[int, int], now_us: int) -> None:
    """Those with these numbers begin at other moments, which may lie ahead. Record looks again at what lies behind `now_us` of it."""
    again: dict[tuple[int, int], list[str]] = {}
    rows = tx.execute("SELECT id, bed, from_us FROM doubt WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(begins),)).fetchall()
    for number, bed, before_us in rows:
        low, high = sorted((before_us, begins[number]))
        if low < min(high, now_us):
            again.setdefault((low, min(high, now_us)), []).append(bed)
    tx.execute(
        "UPDATE doubt SET from_us = t.from_us FROM unnest(%s::bigint[], %s::bigint[]) AS t(id, from_us) WHERE doubt.id = t.id",
        (list(begins), list(begins.values())),
    )
    for (low, high), beds in again.items():
        reviews.ask(tx, beds=() if "" in beds else beds, from_us=low, to_us=high, why="trust")


def overlapping(tx: Tx, beds: Sequence[str], start_us: int, end_us: int | None) -> list[Doubt]:
    """Those of these beds, and of every bed, that overlap [start_us, end_us); None: without end."""
    rows = tx.execute(
        "SELECT bed, from_us, to_us, why FROM doubt WHERE bed = ANY(%s) AND (to_us IS NULL OR to_us > greatest(%s, from_us))"
        " AND (%s::bigint IS NULL OR from_us < %s) ORDER BY from_us, id",
        (["", *beds], start_us, end_us, end_us),
    ).fetchall()
    return [Doubt(*row) for row in rows]
