"""Storage commitments that peers are still to be told of: kept before a request is answered, deleted when the peer has acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.store.database import Tx
from wince.store.plain import dump, load

MOST = 256
"""Most that wait for one peer."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a peer is to be told."""

    transaction: str
    """Transaction UID."""
    kept: tuple[tuple[str, str], ...]
    """(SOP class, SOP instance)."""
    failed: tuple[tuple[str, str], ...]
    """Not kept here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that waits to be told."""

    peer: str
    """AE title."""
    promise: Promise
    attempts: int
    """How often it was tried."""


def add(tx: Tx, place: UUID, peer: str, promise: Promise, now_us: int) -> bool:
    """Have it told, once for each transaction of a peer: what was asked last counts. False where MOST wait for the peer."""
    row = tx.execute(
        "SELECT count(*) FROM commitment WHERE place = %s AND peer = %s AND transaction_id <> %s", (place, peer, promise.transaction)
    ).fetchone()
    if row is None or row[0] >= MOST:
        return False
    tx.execute(
        "INSERT INTO commitment(place, peer, transaction_id, report, asked_us, next_us) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (place, peer, transaction_id) DO UPDATE"
        " SET report = excluded.report, asked_us = excluded.asked_us, attempts = 0, next_us = excluded.next_us",
        (place, peer, promise.transaction, dump(promise), now_us, now_us),
    )
    return True


def due(tx: Tx, place: UUID, now_us: int, limit: int = 2) -> list[Waiting]:
    """Some that are to be told now, the oldest first."""
    rows = tx.execute(
        "SELECT peer, report, attempts FROM commitment WHERE place = %s AND next_us <= %s ORDER BY asked_us, peer, transaction_id LIMIT %s",
        (place, now_us, limit),
    ).fetchall()
    return [Waiting(peer, load(Promise, report), attempts) for peer, report, attempts in rows]


def told(tx: Tx, place: UUID, waiting: Waiting) -> None:
    """The peer has acknowledged it. One that was asked for again meanwhile stays."""
    tx.execute(
        "DELETE FROM commitment WHERE place = %s AND peer = %s AND transaction_id = %s AND report = %s",
        (place, waiting.peer, waiting.promise.transaction, dump(waiting.promise)),
    )


def later(tx: Tx, place: UUID, peer: str, next_us: int) -> None:
    """The peer could not be told: nothing of it is tried before that."""
    tx.execute("UPDATE commitment SET attempts = attempts + 1, next_us = %s WHERE place = %s AND peer = %s", (next_us, place, peer))


def give_up(tx: Tx, place: UUID, before_us: int) -> Sequence[str]:
    """Those that were asked for before that are no longer told; the titles of their peers, one for each."""
    rows = tx.execute("DELETE FROM commitment WHERE place = %s AND asked_us < %s RETURNING peer", (place, before_us)).fetchall()
    return sorted(peer for (peer,) in rows)
