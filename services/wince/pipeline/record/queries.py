"""What operators may ask of the record, deliveries and the trail: SQL, and the audit row of each read in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.delivery import books
from wince.delivery.books import Backlog
from wince.domain.audit import AuditRow
from wince.errors import Refused
from wince.rpc.errors import NotFound
from wince.store import audit
from wince.store.access import note
from wince.store.database import Database


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one revision of an entry or question at one target."""

    entry: UUID
    revision: int
    target: str
    state: str
    """pending, written, dead or held."""
    attempts: int
    detail: str
    location: str
    next_us: int | None
    made: int
    """Order of making."""


_DELIVERED = (
    "SELECT o.entry, o.revision, o.target, CASE WHEN o.state IN ('written', 'dead') THEN o.state"
    " WHEN EXISTS (SELECT FROM target_hold h WHERE h.target = o.target) THEN 'held' ELSE 'pending' END,"
    " o.attempts, o.last_error, o.location,"
    " CASE WHEN o.state = 'ready' THEN (extract(epoch FROM greatest(o.next_at, now())) * 1000000)::bigint END, o.made FROM outbox o"
)


class PostgresRecord:
    """Thread-safe; every method blocks for the database. `caller`: who asks, for the audit trail. Raises StoreError, Unavailable."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def deliveries(self, entry: UUID, caller: str) -> list[Delivered]:
        """By target, then revision. Raises NotFound for what is neither an entry nor a question."""
        with self._database.transaction() as tx:
            known = tx.execute(
                "SELECT EXISTS (SELECT FROM entry WHERE id = %s) OR EXISTS (SELECT FROM question WHERE id = %s)", (entry, entry)
            ).fetchone()
            if known != (True,):
                raise NotFound("there is no such entry or question", field="entry_id")
            rows = tx.execute(f"{_DELIVERED} WHERE o.entry = %s ORDER BY o.target, o.revision".encode(), (entry,)).fetchall()
            note(tx, caller, "GetDeliveries", {"entry": entry}, self._clock())
        return [Delivered(*row) for row in rows]

    def dead_letters(self, target: str, limit: int, after: int, caller: str) -> list[Delivered]:
        """Oldest first; `target` empty: of all. `after`: `made` of the last that was answered."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                f"{_DELIVERED} WHERE o.state = 'dead' AND (%s = '' OR o.target = %s) AND o.made > %s ORDER BY o.made LIMIT %s".encode(),
                (target, target, after, limit),
            ).fetchall()
            note(tx, caller, "ListDeadLetters", {"target": target}, self._clock())
        return [Delivered(*row) for row in rows]

    def replay(self, entry: UUID, revision: int, target: str, caller: str) -> Delivered:
        """Try a dead letter again. Raises NotFound, Refused (it is not dead)."""
        state = self._one(entry, revision, target).state
        if state != "dead":
            raise Refused(f"is not dead but {state}", field="entry_id", remedy="list the dead letters")
        with self._database.transaction() as tx:
            books.replay(tx, entry, revision, target, self._clock())
            note(tx, caller, "ReplayDeadLetter", {"entry": entry, "revision": revision, "target": target}, self._clock())
        return self._one(entry, revision, target)

    def targets(self, caller: str) -> list[Backlog]:
        """By name: what waits for each target, and holds."""
        with self._database.transaction() as tx:
            found = books.backlog(tx)
            note(tx, caller, "ListTargets", {}, self._clock())
        return found

    def release(self, target: str, caller: str) -> Backlog:
        """Lift a target's hold; what waits there now. Raises Refused (it is not held)."""
        with self._database.transaction() as tx:
            if not books.release(tx, target, caller, self._clock()):
                raise Refused("is not held", field="target", remedy="list the targets")
            note(tx, caller, "ReleaseTarget", {"target": target}, self._clock())
            return next(one for one in books.backlog(tx, [target]) if one.target == target)

    def audit(self, entry: UUID | None, first: int, last: int | None, limit: int, caller: str) -> tuple[list[AuditRow], int]:
        """(links from a position on, by position; the last position that is told of). `last`: as it was told before; None: the chain's
        last link now. The read itself is a later link."""
        found: list[AuditRow] = []
        if last is None:
            last = self._last()
        for row in audit.rows(self._database, max(0, first - 1), entry=entry):
            if len(found) >= limit or row.seq > last:
                break
            found.append(row)
        with self._database.transaction() as tx:
            note(tx, caller, "QueryAudit", {"entry": entry, "first": first}, self._clock())
        return found, last

    def _last(self) -> int:
        with self._database.transaction() as tx:
            row = tx.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
        return row[0] if row else 0

    def _one(self, entry: UUID, revision: int, target: str) -> Delivered:
        with self._database.transaction() as tx:
            row = tx.execute(
                f"{_DELIVERED} WHERE o.entry = %s AND o.revision = %s AND o.target = %s".encode(), (entry, revision, target)
            ).fetchone()
        if row is None:
            raise NotFound("there is no such delivery", field="entry_id", remedy="list the dead letters")
        return Delivered(*row)
