"""Reports that an archive stored and does not answer for yet: asked about again, and kept or sent again by what it says. SQL inside the
caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from wince.delivery import books
from wince.delivery.sr.answers import NEVER_COMMITTED, NOT_COMMITTED
from wince.dicom.scu.commitment import Commitment
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

MOST = 200
"""Most reports that are asked about at a time."""
TRIES = 5
"""So often a report is sent to an archive that stores it and says then that it has not; after that a person looks."""


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
        _note(tx, target, kept, "", "committed", now_us)
    for one in failed:
        if one.attempts < TRIES:
            books.replay(tx, one.entry, one.revision, target, now_us)
    if given_up := [one for one in failed if one.attempts >= TRIES]:
        _note(tx, target, given_up, NEVER_COMMITTED, "not_committed", now_us)
    return len(kept) + len(failed)


def _note(tx: Tx, target: str, rows: list[_Stored], words: str, event: str, now_us: int) -> None:
    tx.execute(
        "UPDATE outbox SET last_error = %s WHERE target = %s AND state = 'written' AND last_error = %s AND location = ANY(%s)",
        (words, target, NOT_COMMITTED, [one.sop for one in rows]),
    )
    append(
        tx,
        [Fact(one.entry, one.revision, event, one.attempts, dump({"target": target, "location": one.sop}), target) for one in rows],
        now_us,
    )


def _stored(tx: Tx, target: str, sops: list[str]) -> list[_Stored]:
    if not sops:
        return []
    rows = tx.execute(
        "SELECT entry, revision, attempts, location FROM outbox WHERE target = %s AND state = 'written' AND last_error = %s"
        " AND location = ANY(%s) ORDER BY made FOR UPDATE",
        (target, NOT_COMMITTED, sops),
    ).fetchall()
    return [_Stored(*row) for row in rows]
