"""What others may ask of the record: SQL, and the audit row of each read in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from wince.api.grade.v1 import grade_pb2
from wince.clock import Clock, wall_us
from wince.delivery import books
from wince.delivery.books import Backlog
from wince.domain.audit import AuditRow
from wince.domain.entry import Entry
from wince.errors import Refused
from wince.rpc.errors import NotFound
from wince.store import audit, scope
from wince.store.access import note
from wince.store.database import Database, Tx
from wince.store.plain import load

NIL = "00000000-0000-0000-0000-000000000000"
After = tuple[int, str] | None
"""(start, id) of the last row of the page before; None: from the start."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data, and from when to when. One of bed and encounter is set."""

    bed: str
    encounter: str
    start_us: int
    end_us: int


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

_TOLD = "(a.stay IS NOT NULL OR NOT EXISTS (SELECT FROM audit t WHERE t.entry = a.id AND t.event = 'not_told'))"
"""SQL condition on an alert `a`: nobody is told of one while its bed was off, or its patient had not consented."""


class PostgresRecord:
    """Thread-safe; every method blocks for the database. `caller`: who asks, for the audit trail. Raises StoreError, Unavailable."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def assessments(self, of: Scope, limit: int, after: After, caller: str) -> list[grade_pb2.Assessment]:
        """By window start, then id."""
        with self._database.transaction() as tx:
            where, arguments = _where(of, "a")
            rows = tx.execute(
                f"SELECT a.body FROM assessment a WHERE {where} AND (a.start_us, a.id) > (%s, %s::uuid) ORDER BY a.start_us, a.id"
                " LIMIT %s".encode(),
                (*arguments, *(after or (-1, NIL)), limit),
            ).fetchall()
            self._note(tx, caller, "ListAssessments", of)
        return [grade_pb2.Assessment.FromString(bytes(body)) for (body,) in rows]

    def alerts(self, of: Scope, limit: int, after: After, caller: str) -> list[grade_pb2.Alert]:
        """By start, then id."""
        with self._database.transaction() as tx:
            where, arguments = _where(of, "a")
            rows = tx.execute(
                f"SELECT a.body FROM alert a WHERE {where} AND (a.start_us, a.id) > (%s, %s::uuid) AND {_TOLD} ORDER BY a.start_us, a.id"
                " LIMIT %s".encode(),
                (*arguments, *(after or (-1, NIL)), limit),
            ).fetchall()
            self._note(tx, caller, "ListAlerts", of)
        return [grade_pb2.Alert.FromString(bytes(body)) for (body,) in rows]

    def entries(self, of: Scope, limit: int, after: After, caller: str) -> list[Entry]:
        """The last revision of each, by start, then id. An entry is a bed's or encounter's where its last revision says so."""
        if of.bed:
            where, arguments = "e.stay IN (SELECT id FROM stay WHERE bed = %s)", list[object]((of.bed,))
        else:
            where, arguments = scope.of_encounter("e"), _encounter(of.encounter)
        with self._database.transaction() as tx:
            rows = tx.execute(
                "SELECT e.body FROM (SELECT DISTINCT ON (id) * FROM entry ORDER BY id, revision DESC) e"
                f" WHERE {where} AND e.start_us >= %s AND e.start_us < %s AND (e.start_us, e.id) > (%s, %s::uuid)"
                " ORDER BY e.start_us, e.id LIMIT %s".encode(),
                (*arguments, of.start_us, of.end_us, *(after or (-1, NIL)), limit),
            ).fetchall()
            self._note(tx, caller, "ListEntries", of)
        return [load(Entry, body) for (body,) in rows]

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

    def audit(self, entry: UUID | None, first: int, limit: int, caller: str) -> list[AuditRow]:
        """Links of the chain from a position on, by position. The read itself is a later link."""
        found: list[AuditRow] = []
        for row in audit.rows(self._database, max(0, first - 1), entry=entry):
            if len(found) >= limit:
                break
            found.append(row)
        with self._database.transaction() as tx:
            note(tx, caller, "QueryAudit", {"entry": entry, "first": first}, self._clock())
        return found

    def watched(self, bed: str, caller: str) -> None:
        """Somebody begins to watch a bed (empty: all)."""
        with self._database.transaction() as tx:
            note(tx, caller, "WatchAssessments", {"bed": bed}, self._clock())

    def _one(self, entry: UUID, revision: int, target: str) -> Delivered:
        with self._database.transaction() as tx:
            row = tx.execute(
                f"{_DELIVERED} WHERE o.entry = %s AND o.revision = %s AND o.target = %s".encode(), (entry, revision, target)
            ).fetchone()
        if row is None:
            raise NotFound("there is no such delivery", field="entry_id", remedy="list the dead letters")
        return Delivered(*row)

    def _note(self, tx: Tx, caller: str, call: str, of: Scope) -> None:
        note(tx, caller, call, {"bed": of.bed, "encounter": of.encounter}, self._clock())


def _encounter(text: str) -> list[object]:
    number, system = scope.split(text)
    return [number, system, system]


def _where(of: Scope, table: str) -> tuple[str, list[object]]:
    if of.bed:
        where, arguments = scope.in_bed(table), list[object]((of.bed, of.bed))
    else:
        where, arguments = scope.of_encounter(table), _encounter(of.encounter)
    return f"{where} AND {table}.start_us >= %s AND {table}.start_us < %s", [*arguments, of.start_us, of.end_us]
