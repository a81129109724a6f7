"""Where folds left off: one snapshot per fold and key, written in the transaction that commits what it covers."""

from __future__ import annotations

from collections.abc import Sequence

from wince.domain.snapshot import Snapshot
from wince.store.database import Database, Tx


def save(tx: Tx, fold: str, snapshots: Sequence[Snapshot]) -> None:
    """Keeps the newest snapshot of each source; an older one than the one that stands (redelivered) changes nothing."""
    if not snapshots:
        return
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO snapshot(fold, key, fold_version, closed_until_us, state) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (fold, key) DO UPDATE SET fold_version = excluded.fold_version, closed_until_us = excluded.closed_until_us,"
            " state = excluded.state WHERE snapshot.closed_until_us <= excluded.closed_until_us",
            [(fold, item.source, item.fold_version, item.closed_until_us, item.state) for item in snapshots],
        )


def load(database: Database, fold: str) -> dict[str, Snapshot]:
    """By source; empty where the fold has never closed a window."""
    with database.transaction() as tx:
        rows = tx.execute("SELECT key, fold_version, closed_until_us, state FROM snapshot WHERE fold = %s", (fold,)).fetchall()
    return {key: Snapshot(key, version, until, bytes(state)) for key, version, until, state in rows}


def one(tx: Tx, fold: str, source: str) -> Snapshot | None:
    """Of one source; None where it never closed a window."""
    row = tx.execute("SELECT fold_version, closed_until_us, state FROM snapshot WHERE fold = %s AND key = %s", (fold, source)).fetchone()
    return Snapshot(source, row[0], row[1], bytes(row[2])) if row else None


def closed(database: Database, fold: str, sources: Sequence[str]) -> dict[str, int]:
    """Up to when the stored snapshots of these sources closed, microseconds; those without one are absent."""
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT key, closed_until_us FROM snapshot WHERE fold = %s AND key = ANY(%s)", (fold, list(sources))
        ).fetchall()
    return dict(rows)


def forget(tx: Tx, fold: str, source: str) -> None:
    """Deletes a source's snapshot: the calm face in it ends with the stay."""
    tx.execute("DELETE FROM snapshot WHERE fold = %s AND key = %s", (fold, source))
