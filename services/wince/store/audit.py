"""The audit trail in the database: appended inside the transaction of what it speaks of, never changed.

Every append takes the trail's advisory lock until its COMMIT, so that the chain has one order. Take it last: what holds it makes
every other writer wait. The COMMIT does not wait for the disk; the transaction's block waits afterwards, when the lock is free
(store/database.py says why no link can be lost without those behind it). The chain holds digests; the payload (PHI) lies beside it, is
written before the lock is taken (it is nine tenths of the bytes), and can be erased without breaking the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from wince.domain.audit import ZERO, AuditRow, digest, link
from wince.domain.restored import RESTORED
from wince.store import locks
from wince.store.database import Database, Tx, wait_later
from wince.store.locks import Lock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 5000
_PLACE = "coalesce(a.payload, a.seq)"
"""Where a link's payload lies. What is older than migration 005 has no place of its own: its number."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened and is to be proven later. (entry, revision, event, attempt, target) is there once."""

    entry: UUID
    """What it is about: an entry, assessment, question, verdict, stay or message."""
    revision: int
    event: str
    """Such as "charted", "intent", "written", "adt"; no PHI."""
    attempt: int
    """1 for the first; counts the attempts of a delivery."""
    payload: str
    """The bytes that the chain proves; may hold PHI."""
    target: str = ""
    """Whom the entry is delivered to; empty: the fact is of no delivery."""


def append(tx: Tx, facts: Sequence[Fact], at_us: int, *, beyond: tuple[int, bytes, int] | None = None) -> int:
    """Adds links in order; the sequence number of the last (0 where the chain is empty). No facts: takes the lock.

    `beyond` (number and hash of the last row, number of the next): leaves numbers out (domain/restored.py). Where another row is the last,
    nothing is added, and that row's number comes back.
    Raises StoreError where one of the facts stands already.
    """
    proofs = [digest(fact.payload) for fact in facts]
    texts = _keep(tx, facts)
    wait_later(tx)
    locks.take(tx, Lock.TRAIL)
    last = tx.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, head = (last[0], bytes(last[1])) if last else (0, ZERO)
    if not facts or (beyond is not None and beyond[:2] != (seq, head)):
        return seq
    seq = beyond[2] - 1 if beyond is not None else seq
    at = utc(at_us)
    links: list[tuple[object, ...]] = []
    for fact, proof, text in zip(facts, proofs, texts, strict=True):
        seq += 1
        hashed = link(head, seq, at, fact.entry, fact.revision, fact.event, fact.attempt, proof, fact.target)
        links.append((seq, at, fact.entry, fact.revision, fact.event, fact.attempt, proof, head, hashed, text, fact.target))
        head = hashed
    columns = "(seq, at_utc, entry, revision, event, attempt, digest, prev_hash, hash, payload, target)"
    with tx.cursor() as cursor, cursor.copy(f"COPY audit {columns} FROM STDIN".encode()) as copy:
        for row in links:
            copy.write_row(row)
    return seq


def _keep(tx: Tx, facts: Sequence[Fact]) -> list[int]:
    """Writes the payloads; where each lies."""
    if not facts:
        return []
    drawn = tx.execute("SELECT nextval('audit_payload_place') FROM generate_series(1, %s)", (len(facts),)).fetchall()
    places = [place for (place,) in drawn]
    with tx.cursor() as cursor, cursor.copy("COPY audit_payload (place, payload) FROM STDIN") as copy:
        for place, fact in zip(places, facts, strict=True):
            copy.write_row((place, fact.payload))
    return places


def rows(database: Database, after: int = 0, *, payloads: bool = False, entry: UUID | None = None) -> Iterator[AuditRow]:
    """Links above sequence number `after`, in order, streamed; `entry`: only those about it. Without `payloads` only those that the chain
    itself needs come along (domain/restored.py)."""
    while True:
        with database.transaction() as tx:
            chunk = _chunk(tx, after, payloads, entry)
        yield from chunk
        if len(chunk) < _CHUNK:
            return
        after = chunk[-1].seq


def rows_in(tx: Tx, after: int) -> Iterator[AuditRow]:
    """Links above a sequence number with their payloads, as a transaction sees them."""
    while chunk := _chunk(tx, after, True, None):
        yield from chunk
        after = chunk[-1].seq


def _chunk(tx: Tx, after: int, payloads: bool, entry: UUID | None) -> list[AuditRow]:
    found = tx.execute(
        "SELECT a.seq, a.at_utc, a.entry, a.revision, a.event, a.attempt, a.digest, a.prev_hash, a.hash,"
        f" p.payload, a.target FROM audit a"
        f" LEFT JOIN audit_payload p ON (%s OR a.event = '{RESTORED}') AND p.place = {_PLACE}"
        " WHERE a.seq > %s AND (%s::uuid IS NULL OR a.entry = %s) ORDER BY a.seq LIMIT %s".encode(),
        (payloads, after, entry, entry, _CHUNK),
    ).fetchall()
    return [
        AuditRow(seq, at, about, revision, event, attempt, bytes(proof), bytes(before), bytes(hashed), payload, target)
        for seq, at, about, revision, event, attempt, proof, before, hashed, payload, target in found
    ]


def utc(at_us: int) -> str:
    """ISO 8601 with microseconds and Z, always 27 characters: the bytes that are hashed.

    >>> utc(0)
    '1970-01-01T00:00:00.000000Z'
    """
    return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
