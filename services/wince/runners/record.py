"""Runs the record stage over the bus: batches of what grade gave, committed as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from wince.bus.interface import Bus, Record
from wince.bus.topics import ASSESSMENTS, CARE
from wince.clock import wall_us
from wince.domain.assessment import Verdict
from wince.domain.care import PatientState, Pause
from wince.domain.snapshot import Graded, Snapshot
from wince.pipeline.record.poison import is_poison
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.stage import Message
from wince.runners.consumer import Consumer
from wince.telemetry import logs, metrics, traces

log = logs.get(__name__)

Commit = Callable[[Sequence[Graded]], None]
"""Writes a batch in one transaction; returning means committed."""


class Writer:
    """Between the bus and the sink: what grade gave and nurses said is written, alarms are logged, delivery is woken."""

    def __init__(self, sink: PostgresSink, wake: Callable[[], None]) -> None:
        """`wake`: there is something new to deliver."""
        self._sink, self._wake = sink, wake

    def commit(self, batch: Sequence[Graded]) -> None:
        """Write a batch of grade's, its snapshots with it. Returning means committed; raises as the sink does, and then it was not."""
        messages: list[Message] = []
        for graded in batch:
            messages += (*graded.assessments, *graded.alerts, *graded.questions)
        self.write(messages, [graded.snapshot for graded in batch if graded.snapshot is not None])

    def write(self, messages: Sequence[Message], snapshots: Sequence[Snapshot] = ()) -> None:
        """Write messages and snapshots in one transaction; where one of them can't be written, each camera's in one of its own, and what
        can't be written is set aside: no message of one bed stops another. As `commit`."""
        try:
            done = self._sink.commit(messages, snapshots)
        except Exception as error:
            if not is_poison(error):
                raise
            log.error("a batch can't be written as a whole; each camera's messages are written apart", error=error)
            done = self._sink.apart(messages, snapshots)
        for alarm in done.alarms:
            log.error("other content under a known id; the first stands", assessment=alarm)
        if done.entries or done.tasks:
            self._wake()

    def tend(self) -> None:
        """Look again at what the census changed since, and try again what was set aside. Raises as the sink does; what was not done is
        done the next time."""
        found = self._sink.review()
        if self._sink.try_again() or found.entries or found.tasks:
            self._wake()


class Recording(Consumer):
    """Subscribes to assessments and to what nurses decide; hands every batch to the sink."""

    topics = (ASSESSMENTS, CARE)
    group = "record"

    def __init__(
        self, bus: Bus, commit: Commit, committed: Commit, decide: Callable[[Sequence[Verdict]], None] = lambda _verdicts: None
    ) -> None:
        """`committed` is told afterwards. `decide`: writes verdicts in one transaction; returning means committed."""
        super().__init__(bus)
        self._commit, self._committed, self._decide = commit, committed, decide

    def handle(self, records: Sequence[Record]) -> None:
        """Commit a batch; its offsets are committed when this returns."""
        found = self.read(records, (Graded, Verdict, Pause, PatientState))
        batch = [message for _, message in found if isinstance(message, Graded)]
        verdicts = [message for _, message in found if isinstance(message, Verdict)]
        if verdicts:
            self._decide(verdicts)
        if batch:
            with ExitStack() as spans:
                for record, message in found:
                    for one in message.assessments if isinstance(message, Graded) else ():
                        spans.enter_context(traces.span("record.commit", one, carried=record.headers.get("trace", b"")))
                self._commit(batch)
            now_us = wall_us()
            for graded in batch:
                metrics.committed(graded.assessments, graded.alerts, graded.questions, now_us)
            if ends := [one.end_us for graded in batch for one in graded.assessments]:
                metrics.consumed(self.group, max(ends), now_us)
            self._committed(batch)
