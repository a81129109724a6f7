"""Reports that an archive stored and does not answer for yet: asked about again, and kept or sent again by what it says. SQL inside the
caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from wince.delivery import books
from wince.delivery.sr.answers import NOT_COMMITTED
from wince.dicom.scu.commitment import Commitment
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

MOST = 200
"""Most reports that are asked about at a time."""


@dataclass(frozen=True, slots=True)
class _Stored:
    entry: UUID
    revision: int
    attempts: int
    sop: str


def waiting(tx: Tx, target: str) -> list[str]:
    """SOP Instance UIDs of reports that the archive stored and did not commit to, oldest first."""
    rows = tx.execute(
        "SELECT location FROM outbox WHERE target = %s AND state = 'written' AND last_error = %s AND location <> '' ORDER BY made LIMIT %s",
        (target, NOT_COMMITTED, MOST),
    ).fetchall()
    return [row[0] for row in rows]


def settle(tx: Tx, target: str, said: Commitment, now_us: int) -> int:
    """Keep what an archive says: what it answers for is done, what it has not is sent again. How many reports that concerned."""
    kept, failed = _stored(tx, target, sorted(said.kept)), _stored(tx, target, sorted(said.failed))
    if kept:
        tx.execute(
            "UPDATE outbox SET last_error = '' WHERE target = %s AND state = 'written' AND last_error = %s AND location = ANY(%s)",
            (target, NOT_COMMITTED, [one.sop for one in kept]),
        )
        facts = [
            Fact(one.entry, one.revision, "committed", one.attempts, dump({"target": target, "location": one.sop}), target) for one in kept
        ]
        append(tx, facts, now_us)
    for one in failed:
        books.replay(tx, one.entry, one.revision, target, now_us)
    return len(kept) + len(failed)


def _stored(tx: Tx, target: str, sops: list[str]) -> list[_Stored]:
    if not sops:
        return []
    rows = tx.execute(
        "SELECT entry, revision, attempts, location FROM outbox WHERE target = %s AND state = 'written' AND last_error = %s"
        " AND location = ANY(%s) ORDER BY made FOR UPDATE",
        (target, NOT_COMMITTED, sops),
    ).fetchall()
    return [_Stored(*row) for row in rows]
