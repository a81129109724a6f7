"""Where folds left off: one snapshot per fold, source and protocol, written in the transaction that commits what it covers."""

from __future__ import annotations

from collections.abc import Sequence

from wince.domain.snapshot import Snapshot
from wince.store.database import Database, Tx


def save(tx: Tx, fold: str, snapshots: Sequence[Snapshot]) -> None:
    """Keeps the newest snapshot of each source and protocol; an older one than the one that stands (redelivered) changes nothing."""
    if not snapshots:
        return
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO snapshot(fold, key, protocol, fold_version, closed_until_us, state) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (fold, key, protocol) DO UPDATE SET fold_version = excluded.fold_version,"
            " closed_until_us = excluded.closed_until_us, state = excluded.state"
            " WHERE snapshot.closed_until_us <= excluded.closed_until_us",
            [(fold, item.source, item.protocol, item.fold_version, item.closed_until_us, item.state) for item in snapshots],
        )


def of_source(tx: Tx, fold: str, source: str) -> dict[str, Snapshot]:
    """A source's snapshots by protocol; empty where the fold has never closed a window of it."""
    rows = tx.execute(
        "SELECT protocol, fold_version, closed_until_us, state FROM snapshot WHERE fold = %s AND key = %s", (fold, source)
    ).fetchall()
    return {protocol: Snapshot(source, protocol, version, until, bytes(state)) for protocol, version, until, state in rows}


def closed(database: Database, fold: str, version: int, sources: Sequence[str], protocols: Sequence[str]) -> dict[str, int]:
    """Up to when the stored snapshots of these sources closed, microseconds: of several `protocols` the one that is furthest behind.

    A source that lacks one of them, or has one of another `version` of the fold, is absent: a successor needs everything of it.
    """
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT key, min(closed_until_us) FROM snapshot WHERE fold = %s AND fold_version = %s AND key = ANY(%s)"
            " AND protocol = ANY(%s) GROUP BY key HAVING count(*) = %s",
            (fold, version, list(sources), list(protocols), len(set(protocols))),
        ).fetchall()
    return dict(rows)
