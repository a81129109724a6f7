"""Who may write beside whom: the advisory locks of record's transactions, held until the COMMIT, always taken in this order.

1. `batch` (7218, shared): batches are written beside each other. `review` has it alone, so that a correction never meets an entry
   that is just being written.
2. `batch` (7219): the sources of the batch, sorted: what is charted of a source depends on what was charted before.
3. `encounters` (7220): theirs, sorted: one writer per encounter at a time, one open question.
4. The audit trail's (7211), which `store.audit.append` takes: last, since every writer of the installation waits for it.

A delivery takes 7213 (leases.py), then 7211; the hospital 7212 (store/stays.py), then 7211. So nobody can wait in a ring.
"""

from __future__ import annotations

from collections.abc import Iterable

from wince.domain.stay import Identifier
from wince.store.audit import LOCK as TRAIL
from wince.store.database import Tx

WRITING, SOURCES, ENCOUNTERS = 7218, 7219, 7220
MOST = 500
"""Sources in a batch that are locked one by one (the server's table of locks is bounded); a batch with more is written alone."""


def batch(tx: Tx, sources: Iterable[str]) -> bool:
    """Nobody else writes for these sources now. True: nobody else writes at all, so `encounters` has nothing to add."""
    names = list(sources)
    if len(names) > MOST:
        tx.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
        return True
    tx.execute("SELECT pg_advisory_xact_lock_shared(%s)", (WRITING,))
    _each(tx, SOURCES, names)
    return False


def encounters(tx: Tx, of: Iterable[Identifier]) -> None:
    """Nobody else writes for these encounters now."""
    _each(tx, ENCOUNTERS, [f"{one.system} {one.value}" for one in of])


def review(tx: Tx) -> None:
    """Nobody else writes anything now, the hospital included: what is looked at stands until the COMMIT."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (TRAIL,))


def _each(tx: Tx, kind: int, names: list[str]) -> None:
    if names:
        tx.execute(
            "SELECT pg_advisory_xact_lock(k) FROM"
            " (SELECT DISTINCT hashtextextended(name, %s) AS k FROM unnest(%s::text[]) AS name ORDER BY k) AS keys",
            (kind, names),
        )
