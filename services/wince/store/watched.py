"""What an operator watches of the database: how far behind its audit trail is signed, which schema it has, how large it is.

Asked for metrics again and again, so each question is answered by an index or by the catalogue, however long the trail is.
"""

from __future__ import annotations

from dataclasses import dataclass

from wince.domain.audit import CHECKPOINT
from wince.store.database import Tx


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit chain behind its last signed checkpoint. The chain's own word of that checkpoint ends what it covers."""

    unsigned: int
    """Links after it."""
    oldest_s: float
    """Age of the first of them; 0 where there is none."""
    checkpoint_s: float | None
    """Age of the checkpoint; None: there is none yet."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The database itself."""

    schema: int
    """Number of its newest migration; 0 before the first."""
    size: int
    """Bytes on disk."""
    review_s: float
    """Age of the oldest review of a bed or camera that waits; 0 where none waits."""


def trail(tx: Tx) -> Trail:
    """How far the trail is signed. Raises StoreError, Unavailable."""
    last = tx.execute(
        "SELECT seq, extract(epoch FROM now() - at_utc::timestamptz)::float8 FROM audit WHERE event = %s ORDER BY seq DESC LIMIT 1",
        (CHECKPOINT,),
    ).fetchone()
    signed = last[0] if last else 0
    head = tx.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
    first = tx.execute(
        "SELECT extract(epoch FROM now() - at_utc::timestamptz)::float8 FROM audit WHERE seq > %s ORDER BY seq LIMIT 1", (signed,)
    ).fetchone()
    return Trail(max(0, (head[0] if head else 0) - signed), max(0.0, first[0]) if first else 0.0, max(0.0, last[1]) if last else None)


def figures(tx: Tx) -> Figures:
    """What the catalogue says. Raises StoreError, Unavailable."""
    found = tx.execute(
        "SELECT (SELECT coalesce(max(number), 0) FROM schema_migration), pg_database_size(current_database()),"
        " (SELECT extract(epoch FROM now() - min(made_at))::float8 FROM review)"
    ).fetchone()
    schema, size, review_s = found or (0, 0, None)
    return Figures(schema, size, max(0.0, review_s or 0.0))


def retention(tx: Tx) -> float | None:
    """Seconds since `wince retention run` last came to its end; where it never did, since the trail began; None: nothing ever happened."""
    row = tx.execute(
        "SELECT extract(epoch FROM now() - coalesce((SELECT max(a.at_utc) FROM erasure e JOIN audit a ON a.entry = e.id"
        " AND a.event = 'retention' WHERE e.what = 'retention'), (SELECT at_utc FROM audit ORDER BY seq LIMIT 1))::timestamptz)::float8"
    ).fetchone()
    return None if row is None or row[0] is None else max(0.0, row[0])
