"""What others read of patients in the record, and that they have seen an alert: SQL, and the audit row of each in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.api.grade.v1 import grade_pb2
from wince.clock import Clock, wall_us
from wince.codec.grade import at_bedside
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.entry import Entry, Kind
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.pipeline.record.report import Held
from wince.rpc.errors import NotFound
from wince.rpc.filters import Column, Condition, where
from wince.store import acknowledged, bedside, scope
from wince.store.access import note
from wince.store.database import Database, Tx
from wince.store.paged import behind
from wince.store.plain import load

TOLD = "(a.stay IS NOT NULL OR (SELECT 1 FROM audit t WHERE t.entry = a.id AND t.event = 'not_told' LIMIT 1) IS NULL)"
"""SQL condition on an alert `a`: nobody is told of one while its bed was off, or its patient had not consented. Of NOT EXISTS the planner
would make one pass over the whole trail."""
ASSESSMENTS = {
    "protocol": Column("a.protocol"),
    "source": Column("a.source"),
    "grade": Column("a.grade", "number"),
    "reason": Column("coalesce(a.reason, '')", words=frozenset({*map(str, Reason), ""})),
    "shadow": Column("a.shadow", "flag"),
    "start_us": Column("a.start_us", "number"),
    "end_us": Column("a.end_us", "number"),
}
"""What a filter of assessments may name."""
ALERTS = {
    "source": Column("a.source"),
    "assessment_id": Column("a.assessment", "id"),
    "acknowledged": Column("EXISTS (SELECT FROM acknowledged k WHERE k.alert = a.id)", "flag"),
    "start_us": Column("a.start_us", "number"),
}
ENTRIES = {
    "kind": Column("e.kind", words=frozenset(map(str, Kind))),
    "status": Column("e.status", words=frozenset({"preliminary", "final", "corrected", "entered-in-error"})),
    "source": Column("e.source"),
    "start_us": Column("e.start_us", "number"),
    "end_us": Column("e.end_us", "number"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data, and from when to when. `kind`: bed, ward, encounter or all."""

    kind: str
    name: str
    """Of the bed, ward or encounter; empty for all."""
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows of a list: those that meet `conditions`, behind `after` (start, id), at most `limit`."""

    conditions: Sequence[Condition]
    limit: int
    after: tuple[int, UUID] | None
    descending: bool


class RecordReader:
    """Thread-safe; every method blocks for the database. `caller`: who asks, for the audit trail. Raises StoreError, Unavailable."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def assessments(self, of: Scope, part: Slice, caller: str) -> list[grade_pb2.Assessment]:
        """By window start, then id."""
        with self._database.transaction() as tx:
            found = [grade_pb2.Assessment.FromString(body) for body in _messages(tx, "assessment", of, part)]
            say_bedside(tx, "assessment", found)
            self._note(tx, caller, "ListAssessments", of)
        return found

    def assessment(self, identity: UUID, caller: str) -> grade_pb2.Assessment:
        """One of them. Raises NotFound."""
        with self._database.transaction() as tx:
            row = tx.execute("SELECT a.body FROM assessment a WHERE a.id = %s", (identity,)).fetchone()
            if row is None:
                raise NotFound("there is no such assessment", field="id")
            found = grade_pb2.Assessment.FromString(bytes(row[0]))
            say_bedside(tx, "assessment", [found])
            note(tx, caller, "GetAssessment", {"id": identity}, self._clock())
        return found

    def alerts(self, of: Scope, part: Slice, caller: str) -> tuple[list[grade_pb2.Alert], dict[UUID, Acknowledgement]]:
        """(alerts by start, then id; who has seen which of them)."""
        with self._database.transaction() as tx:
            found = [grade_pb2.Alert.FromString(body) for body in _messages(tx, "alert", of, part, f" AND {TOLD}")]
            say_bedside(tx, "alert", found)
            seen = acknowledged.of(tx, [UUID(one.id) for one in found])
            self._note(tx, caller, "ListAlerts", of)
        return found, seen

    def alert(self, identity: UUID, caller: str) -> tuple[grade_pb2.Alert, Acknowledgement | None]:
        """(one of them, who has seen it). Raises NotFound, for one that nobody is told of too."""
        with self._database.transaction() as tx:
            found = _alert(tx, identity, "id")
            say_bedside(tx, "alert", [found])
            seen = acknowledged.of(tx, [identity])
            note(tx, caller, "GetAlert", {"id": identity}, self._clock())
        return found, seen.get(identity)

    def acknowledge(self, alert: UUID, nurse: str, caller: str) -> Acknowledgement:
        """Commit that somebody has seen an alert; the first stands. Raises NotFound."""
        with self._database.transaction() as tx:
            _alert(tx, alert, "alert_id")
            return acknowledged.keep(tx, Acknowledgement(alert, nurse, self._clock()), caller)

    def entries(self, of: Scope, part: Slice, caller: str) -> list[tuple[int, Entry]]:
        """(start of the first revision, last revision) of each, by that start, then id. An entry is a bed's or encounter's where its last
        revision says so."""
        with self._database.transaction() as tx:
            found = _entries(tx, of, part)
            self._note(tx, caller, "ListEntries", of)
        return found

    def report(
        self, of: Scope, part: Slice, caller: str
    ) -> tuple[list[Entry], list[grade_pb2.Alert], dict[UUID, Acknowledgement], list[Held], int]:
        """(entries, alerts, who has seen which, how long each grade held, when this was read): all of one moment."""
        with self._database.transaction() as tx:
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            entries = [entry for _, entry in _entries(tx, of, part)]
            alerts = [grade_pb2.Alert.FromString(body) for body in _messages(tx, "alert", of, part, f" AND {TOLD}")]
            seen = acknowledged.of(tx, [UUID(one.id) for one in alerts])
            held = _held(tx, of)
        now_us = self._clock()
        with self._database.transaction() as tx:  # the trail's lock is not taken in a transaction that sees an older state
            self._note(tx, caller, "GetReport", of)
        return entries, alerts, seen, held, now_us

    def entry(self, identity: UUID, revision: int, caller: str) -> Entry:
        """A revision of an entry; 0: the last. Raises NotFound."""
        with self._database.transaction() as tx:
            row = tx.execute(
                "SELECT body FROM entry WHERE id = %s AND %s IN (0, revision) ORDER BY revision DESC LIMIT 1", (identity, revision)
            ).fetchone()
            if row is None:
                raise NotFound("there is no such entry", field="id")
            note(tx, caller, "GetEntry", {"id": identity, "revision": revision}, self._clock())
        return load(Entry, row[0])

    def _note(self, tx: Tx, caller: str, call: str, of: Scope) -> None:
        note(tx, caller, call, {of.kind: of.name or "all"}, self._clock())


def say_bedside(tx: Tx, table: str, messages: Sequence[grade_pb2.Assessment | grade_pb2.Alert]) -> None:
    """Write into messages of one table at which bed and of which encounter they are, as it is known now."""
    places = bedside.of(tx, table, [UUID(one.id) for one in messages])
    for one in messages:
        at_bedside(one, places[UUID(one.id)])


def _alert(tx: Tx, identity: UUID, field: str) -> grade_pb2.Alert:
    row = tx.execute(f"SELECT a.body FROM alert a WHERE a.id = %s AND {TOLD}".encode(), (identity,)).fetchone()
    if row is None:
        raise NotFound("there is no such alert", field=field)
    return grade_pb2.Alert.FromString(bytes(row[0]))


def _messages(tx: Tx, table: str, of: Scope, part: Slice, more: str = "") -> list[bytes]:
    """Bodies of assessments or alerts. Of a bed or ward each of its cameras is looked through in the list's order up to a page. The planner
    can't know how many rows meet a condition that asks who watched what at the time: it would ask it of every row (OFFSET 0 keeps it from
    that)."""
    whose, arguments = _whose(of)
    asked, values = where(list(part.conditions))
    then, place, order = behind(("a.start_us", "a.id"), part.after, part.descending)
    span = "a.start_us >= %s AND a.start_us < %s"
    if (sources := scope.sources_of(of.kind)) is None:
        page = f"SELECT a.body FROM {table} a WHERE {span}{then} AND {whose}{more}{asked} ORDER BY {order} LIMIT %s"
        given = (of.start_us, of.end_us, *place, *arguments, *values, part.limit)
    else:
        rows = f"SELECT a.* FROM {table} a WHERE a.source = s.source AND {span}{then} ORDER BY {order} OFFSET 0"
        here = f"SELECT a.body, a.start_us, a.id FROM ({rows}) a WHERE {whose}{more}{asked} ORDER BY {order} LIMIT %s"
        page = f"SELECT a.body FROM ({sources}) s CROSS JOIN LATERAL ({here}) a ORDER BY {order} LIMIT %s"
        given = (of.name, of.start_us, of.end_us, *place, *arguments, *values, part.limit, part.limit)
    return [bytes(row[0]) for row in tx.execute(page.encode(), given).fetchall()]


def _entries(tx: Tx, of: Scope, part: Slice) -> list[tuple[int, Entry]]:
    """See RecordReader.entries. Candidates are those of which any revision is of these stays; their last revision is looked up in the
    list's order, up to a page."""
    whose, arguments = _stays(of)
    more, values = where(list(part.conditions))
    then, place, order = behind(("f.start_us", "f.id"), part.after, part.descending)
    ever = "true" if of.kind == "all" else f"f.id IN (SELECT e.id FROM entry e WHERE {whose})"
    first = f"SELECT f.id, f.start_us FROM entry f WHERE f.revision = 1 AND {ever}{then} ORDER BY {order} OFFSET 0"
    rows = tx.execute(
        f"SELECT f.start_us, e.body FROM ({first}) f JOIN LATERAL (SELECT * FROM entry WHERE id = f.id ORDER BY revision DESC LIMIT 1) e"
        f" ON true WHERE {whose} AND e.start_us >= %s AND e.start_us < %s{more} ORDER BY {order} LIMIT %s".encode(),
        (*arguments, *place, *arguments, of.start_us, of.end_us, *values, part.limit),
    ).fetchall()
    return [(start_us, load(Entry, body)) for start_us, body in rows]


def _held(tx: Tx, of: Scope) -> list[Held]:
    """How long windows said what, of the protocols that graded."""
    whose, arguments = _whose(of)
    rows = tx.execute(
        "SELECT h.protocol, h.reason, h.windows, h.total, x.body FROM (SELECT a.protocol, a.grade, coalesce(a.reason, '') AS reason,"
        " count(*) AS windows, sum(a.end_us - a.start_us) AS total, min(a.id::text)::uuid AS example FROM assessment a"
        f" WHERE {whose} AND NOT a.shadow AND a.start_us >= %s AND a.start_us < %s GROUP BY 1, 2, 3) h"
        " JOIN assessment x ON x.id = h.example ORDER BY h.protocol, h.grade NULLS LAST, h.reason".encode(),
        (*arguments, of.start_us, of.end_us),
    ).fetchall()
    return [
        Held(protocol, reason or grade_pb2.Assessment.FromString(bytes(body)).grade_name, windows, float(total) / US)
        for protocol, reason, windows, total, body in rows
    ]


def _whose(of: Scope) -> tuple[str, list[object]]:
    """SQL condition on a message `a`, and its parameters."""
    if of.kind == "bed":
        return scope.in_bed("a"), [of.name, of.name]
    if of.kind == "ward":
        return scope.in_ward("a"), [of.name, of.name]
    return (scope.of_encounter("a"), _encounter(of.name)) if of.kind == "encounter" else ("true", [])


def _stays(of: Scope) -> tuple[str, list[object]]:
    """SQL condition on an entry `e`, and its parameters."""
    if of.kind == "bed":
        return "e.stay IN (SELECT id FROM stay WHERE bed = %s)", [of.name]
    if of.kind == "ward":
        return "e.stay IN (SELECT id FROM stay WHERE split_part(bed, '^', 1) = %s)", [of.name]
    return (scope.of_encounter("e"), _encounter(of.name)) if of.kind == "encounter" else ("true", [])


def _encounter(text: str) -> list[object]:
    number, system = scope.split(text)
    return [number, system, system]
