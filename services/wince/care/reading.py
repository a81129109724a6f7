"""What others read of questions and of what people decided: SQL, and the audit row of each read in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wince.api.care.v1 import care_pb2
from wince.care import events
from wince.clock import Clock, wall_us
from wince.codec.care import bed_pause_from_message, verdict_from_message
from wince.domain.assessment import Question, Verdict
from wince.domain.care import BedPause
from wince.domain.reason import Reason
from wince.domain.stay import Bedside
from wince.rpc.errors import NotFound
from wince.rpc.filters import Column, Condition, where
from wince.store import bedside, scope
from wince.store.access import note
from wince.store.database import Database
from wince.store.paged import behind

QUESTIONS = {
    "protocol": Column("q.protocol"),
    "source": Column("q.source"),
    "reason": Column("q.reason", words=frozenset(map(str, Reason))),
    "start_us": Column("q.start_us", "number"),
    "end_us": Column("q.end_us", "number"),
}
"""What a filter of questions may name."""
VERDICTS = {
    "question_id": Column("e.question", "id"),
    "assessment_id": Column("e.assessment", "id"),
    "nurse": Column("e.nurse"),
    "at_us": Column("e.from_us", "number"),
}
_ENDS = "greatest(e.from_us, least(e.until_us, (SELECT min(n.from_us) FROM care_event n WHERE n.pause = e.id)))"
PAUSES = {
    "nurse": Column("e.nurse"),
    "start_us": Column("e.from_us", "number"),
    "end_us": Column(_ENDS, "number"),
}
_QUESTION = "SELECT q.id, q.assessment, q.source, q.protocol, q.start_us, q.end_us, q.reason FROM question q"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question, of which nobody need know an assessment."""

    question: Question
    about: UUID | None
    """Its assessment; None: record asks who lies there."""
    place: Bedside
    """At which bed and of which encounter it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and how far it has come."""

    question: OpenQuestion
    state: str
    """open, answered or superseded."""
    verdict: UUID | None
    """Which verdict answered it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows of a list: of a bed or a ward (both empty: of all), that meet `conditions`, behind `after` (time, id)."""

    bed: str
    ward: str
    conditions: Sequence[Condition]
    limit: int
    after: tuple[int, UUID] | None
    descending: bool


class CareReader:
    """Thread-safe; every method blocks for the database. `caller`: who asks, for the audit trail. Raises StoreError, Unavailable."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def questions(self, part: Slice, caller: str) -> list[OpenQuestion]:
        """Open questions, by begin. A camera may have come within the window, so its last moment says of which bed it is."""
        whose, arguments = _whose(part, "q", "end_us - 1")
        base = f"{_QUESTION} WHERE q.state = 'open' AND NOT EXISTS (SELECT FROM care_event e WHERE e.question = q.id) AND {whose}"
        rows = self._page(base, arguments, ("q.start_us", "q.id"), part, caller, "ListQuestions")
        with self._database.transaction() as tx:
            places = bedside.of(tx, "question", [row[0] for row in rows])
        return [_question(row, places) for row in rows]

    def question(self, identity: UUID, caller: str) -> Asked:
        """One question, open or not. Raises NotFound."""
        with self._database.transaction() as tx:
            row = tx.execute(f"{_QUESTION} WHERE q.id = %s".encode(), (identity,)).fetchone()
            if row is None:
                raise NotFound("there is no such question", field="id")
            state = tx.execute(
                "SELECT q.state, coalesce((SELECT e.id FROM care_event e WHERE e.question = q.id ORDER BY e.seq LIMIT 1),"
                " (SELECT v.id FROM verdict v WHERE v.question = q.id LIMIT 1)) FROM question q WHERE q.id = %s",
                (identity,),
            ).fetchone()
            places = bedside.of(tx, "question", [identity])
            note(tx, caller, "GetQuestion", {"id": identity}, self._clock())
        said, verdict = state or ("open", None)
        return Asked(_question(row, places), "answered" if verdict is not None and said == "open" else said, verdict)

    def verdicts(self, part: Slice, caller: str) -> list[Verdict]:
        """By when they were decided. Of a bed or ward: what its camera watched then."""
        whose, arguments = _whose(part, "a")
        base = f"SELECT e.body FROM care_event e LEFT JOIN assessment a ON a.id = e.assessment WHERE e.kind = 'verdict' AND {whose}"
        rows = self._page(base, arguments, ("e.from_us", "e.id"), part, caller, "ListVerdicts")
        return [_verdict(body) for (body,) in rows]

    def verdict(self, identity: UUID, caller: str) -> Verdict:
        """One verdict. Raises NotFound."""
        return _verdict(self._event(identity, "verdict", caller, "GetVerdict"))

    def pauses(self, part: Slice, caller: str) -> list[BedPause]:
        """As they hold now, by begin."""
        whose, arguments = "true", list[object]()
        if part.bed or part.ward:
            whose, arguments = ("e.bed = %s", [part.bed]) if part.bed else ("split_part(e.bed, '^', 1) = %s", [part.ward])
        base = f"SELECT e.body FROM care_event e WHERE e.kind = 'pause' AND {whose}"
        rows = self._page(base, arguments, ("e.from_us", "e.id"), part, caller, "ListPauses")
        found = [bed_pause_from_message(care_pb2.Pause.FromString(bytes(body))) for (body,) in rows]
        with self._database.transaction() as tx:
            return events.ended(tx, found)

    def pause(self, identity: UUID, caller: str) -> BedPause:
        """One pause as it holds now. Raises NotFound."""
        self._event(identity, "pause", caller, "GetPause")
        with self._database.transaction() as tx:
            found = events.pause(tx, identity)
        assert found is not None
        return found

    def _event(self, identity: UUID, kind: str, caller: str, call: str) -> bytes:
        with self._database.transaction() as tx:
            row = tx.execute("SELECT body FROM care_event WHERE id = %s AND kind = %s", (identity, kind)).fetchone()
            if row is None:
                raise NotFound(f"there is no such {kind}", field="id")
            note(tx, caller, call, {"id": identity}, self._clock())
        return bytes(row[0])

    def _page(
        self, base: str, arguments: list[object], columns: tuple[str, str], part: Slice, caller: str, call: str
    ) -> list[tuple[Any, ...]]:
        asked, values = where(list(part.conditions))
        then, place, order = behind(columns, part.after, part.descending)
        with self._database.transaction() as tx:
            rows = tx.execute(
                f"{base}{asked}{then} ORDER BY {order} LIMIT %s".encode(), (*arguments, *values, *place, part.limit)
            ).fetchall()
            note(tx, caller, call, {"bed": part.bed, "ward": part.ward}, self._clock())
        return rows


def _whose(part: Slice, table: str, at: str = "start_us") -> tuple[str, list[object]]:
    """SQL condition on a row with a source and a time, and its parameters."""
    if part.bed:
        return scope.in_bed(table, at), [part.bed, part.bed]
    return (scope.in_ward(table, at), [part.ward, part.ward]) if part.ward else ("true", [])


def _question(row: tuple[Any, ...], places: Mapping[UUID, Bedside]) -> OpenQuestion:
    identity, about, source, protocol, start, end, reason = row
    asked = Question(identity, about or identity, source, protocol, start, end, Reason(reason))
    return OpenQuestion(asked, about, places.get(identity, Bedside()))


def _verdict(body: bytes) -> Verdict:
    return verdict_from_message(care_pb2.Verdict.FromString(bytes(body)))
