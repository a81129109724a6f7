"""Runs the grade fold over the bus: one state per source and protocol, a snapshot at every closed window.

The state in memory is lost with its owner. A successor takes the snapshot from the store and reads again from the oldest record that
it does not cover; the fold ignores what the snapshot has seen, so the same ids come out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from uuid import UUID

from wince import codec
from wince.bus.interface import Bus, Partition, Positions, Record
from wince.bus.topics import ASSESSMENTS, CARE, ESTIMATES, STAYS
from wince.codec import Encodable
from wince.domain.ahead import Bound
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.estimate import Estimate
from wince.domain.frame import Beat
from wince.domain.snapshot import Graded, Snapshot
from wince.errors import WinceError
from wince.pipeline.grade import stage
from wince.runners.ahead import Ahead
from wince.runners.consumer import Consumer
from wince.runners.mixed import SameRules
from wince.runners.positions import Uncovered
from wince.store.answers import answer
from wince.telemetry import logs, traces
from wince.telemetry.windows import Carried

log = logs.get(__name__)

Begin = Callable[[str], Mapping[str, stage.State]]
"""States of a source that is not known yet, by protocol: from its snapshots, or new."""
Durable = Callable[[Sequence[str]], Mapping[str, int]]
"""Up to when the stored snapshots of some sources closed, microseconds, of several protocols the one that is furthest behind; sources that
lack one are absent."""
Undone = Callable[[Sequence[str]], Mapping[str, UUID]]
"""What was undone last of each of some sources; one of which nothing was is absent."""
ENDED_KEPT_S = 600.0
"""How long the states of a source that ended stay in memory; then one that comes again begins from its snapshots. Each file and each
image object is a source of its own."""
States = Mapping[str, stage.State]
"""Of one source, by protocol."""


class Grading(Consumer):
    """Subscribes to estimates, stays and care; publishes what closed, with the state after it."""

    topics = (STAYS, CARE, ESTIMATES)
    group = "grade"
    gather_s = 0.15

    def __init__(
        self,
        bus: Bus,
        begin: Begin,
        durable: Durable | None = None,
        *,
        default: str,
        ask_every_s: float = 1.0,
        ahead: Ahead | None = None,
        rules: Mapping[str, str] | None = None,
        undone: Undone | None = None,
    ) -> None:
        """`default`: the protocol of estimates that name none. `durable`: asked at most every `ask_every_s`; None: every position is
        committed as soon as it is handled, because the process that reads is also the one that the source begins again with (embedded).
        `ahead`: keeps out what lies too far ahead of now; None: by the bound that `Bound()` is. `rules`: sha256 of the rules of each
        protocol that is graded here; estimates that others read are kept out. `undone`: asked at most every `ask_every_s`; a source of
        which something new was undone is begun again; None: nothing ever is."""
        super().__init__(bus)
        self._begin = begin
        self._durable, self._ask_every_s, self._asked = durable, ask_every_s, -ask_every_s
        self._ahead = ahead or Ahead(Bound())
        self._same = SameRules(rules or {}, default)
        self._undone, self._asked_undone = undone, -ask_every_s
        self._begun_behind: dict[str, UUID | None] = {}
        """What was undone last of each source when it began."""
        self._uncovered = Uncovered()
        self._carried = Carried()
        self._default = default
        self._states: dict[str, States] = {}
        self._indices: dict[str, int] = {}
        """Partition index of each source: the same on every topic."""
        self._ended: dict[str, float] = {}
        """When a source ended, by the monotonic clock; one of which something came since is absent."""
        self._lock = threading.Lock()

    def check(self, message: Encodable) -> None:
        """Raises AheadError where a frame's or beat's time lies too far ahead of now, MixedError where other rules read it."""
        if isinstance(message, Estimate | Beat):
            self._ahead.check(message.source, message.time_us)
        if isinstance(message, Estimate):
            self._same.check(message)

    def handle(self, records: Sequence[Record]) -> Positions | None:
        """Fold a batch; returns when everything that came of it will survive. A state is kept only then."""
        batches: dict[str, list[tuple[Record, stage.Input]]] = {}
        for record, message in self.read(records, (Verdict, *stage.Input.__args__)):
            heeded = answer(record.key, message) if isinstance(message, Verdict) else message
            if isinstance(heeded, stage.Input):
                self._carried.keep(heeded.source, record.headers.get("trace", b""))
                batches.setdefault(heeded.source, []).append((record, heeded))
        with self._lock:
            self._forget_undone()
            after: dict[str, States] = {}
            closed: dict[str, int] = {}
            futures = []
            for source, batch in batches.items():
                before = self._states.get(source) or self._first(source)
                closed[source] = max(state.closed_until_us for state in before.values())
                after[source], found = self._fold(before, [message for _, message in batch])
                futures += [self._publish(source, graded) for graded in found]
            for future in futures:
                future.result()
            self._states |= after
            self._forget_ended(batches)
            return None if self._durable is None else self._positions(batches, closed, self._durable)

    def _first(self, source: str) -> States:
        if self._undone is not None:  # before it begins: what is undone meanwhile begins it once more
            self._begun_behind[source] = self._undone([source]).get(source)
        return self._begin(source)

    def _forget_ended(self, batches: Mapping[str, Sequence[tuple[Record, stage.Input]]]) -> None:
        """States of sources that ended a while ago, and whose snapshots are stored."""
        now_s = time.monotonic()
        for source, batch in batches.items():
            self._ended.pop(source, None)
            if any(isinstance(message, Beat) and message.ended for _, message in batch):
                self._ended[source] = now_s
        waiting = self._uncovered.sources()
        for source in [source for source, at in self._ended.items() if now_s - at >= ENDED_KEPT_S and source not in waiting]:
            for known in (self._ended, self._states, self._begun_behind, self._indices):
                known.pop(source, None)
            self._carried.drop(source)

    def _forget_undone(self) -> None:
        """States of sources of which something was undone since they began."""
        if self._undone is None or not self._states or time.monotonic() - self._asked_undone < self._ask_every_s:
            return
        self._asked_undone = time.monotonic()
        try:
            found = self._undone(sorted(self._states))
        except WinceError as error:
            log.warning("it can't be asked now what was undone", error=error)
            return
        for source, identity in found.items():
            if self._begun_behind.get(source) != identity:
                log.warning("windows of a source were undone; it begins again", source=source)
                self._states.pop(source, None)
                self._carried.drop(source)

    def _fold(self, before: States, batch: Sequence[stage.Input]) -> tuple[States, list[Graded]]:
        """One source's batch through each of its protocols: an estimate is one protocol's, everything else concerns all."""
        after: dict[str, stage.State] = {}
        found: list[Graded] = []
        for name, state in before.items():
            mine = [one for one in batch if not isinstance(one, Estimate) or (one.protocol or self._default) == name]
            after[name], events = stage.step(state, mine)
            graded = _graded(events, state, after[name])
            if graded is not None:
                found.append(graded)
        return after, found

    def _publish(self, source: str, graded: Graded) -> Future[None]:
        schema, value = codec.encode(graded)
        headers = {"schema": schema.encode()}
        if not graded.assessments:
            return self._bus.publish(ASSESSMENTS, source, value, headers)
        with ExitStack() as spans:
            carried = [(one, self._carried.take(source, one.id)) for one in graded.assessments]
            parents = [spans.enter_context(traces.span("grade.publish", one, carried=parent)) for one, parent in carried]
            return self._bus.publish(ASSESSMENTS, source, value, headers | {"trace": parents[0]})

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Another folds these from now on: forget them."""
        gone = {partition.index for partition in partitions}
        with self._lock:
            for source in [source for source, index in self._indices.items() if index in gone]:
                self._states.pop(source, None)
                self._ended.pop(source, None)
                self._carried.drop(source)
                del self._indices[source]
            self._uncovered.drop(partitions)

    def _positions(self, batches: Mapping[str, list[tuple[Record, stage.Input]]], closed: Mapping[str, int], durable: Durable) -> Positions:
        now_s = time.monotonic()
        for source, batch in batches.items():
            for record, message in batch:
                self._indices[source] = record.partition
                self._uncovered.handled(record, source, _covered_at(message, closed[source]), now_s)
        if now_s - self._asked >= self._ask_every_s:
            try:
                self._uncovered.covered(durable(sorted(self._uncovered.sources())), now_s)
                self._asked = now_s
            except WinceError as error:  # positions stay where they are: more is read again than need be
                log.warning("stored snapshots can't be read now", error=error)
        return self._uncovered.positions()


def _covered_at(message: stage.Input, closed_us: int) -> int:
    """When a stored snapshot holds this message: the moment up to which it must have closed."""
    if isinstance(message, Estimate):
        return message.time_us + 1
    if isinstance(message, Beat):
        return message.time_us
    return closed_us + 1  # what people and the hospital say is in every snapshot that is made afterwards


def _graded(events: Sequence[Assessment | Alert | Question], before: stage.State, after: stage.State) -> Graded | None:
    """One message of everything that a step gave, with the state after it where a window closed; None where there is nothing."""
    closed = stage.snapshot_due(before, after)
    if not events and not closed:
        return None
    source, protocol = after.source, after.setup.protocol.name
    snapshot = Snapshot(source, protocol, stage.VERSION, after.closed_until_us, stage.dump(after)) if closed else None
    return Graded(
        source,
        tuple(event for event in events if isinstance(event, Assessment)),
        tuple(event for event in events if isinstance(event, Alert)),
        tuple(event for event in events if isinstance(event, Question)),
        snapshot,
    )
