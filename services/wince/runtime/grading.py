"""Runs the grade fold over the bus: one state per source, a snapshot at every closed window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from wince import codec
from wince.bus.interface import Bus, Record
from wince.bus.topics import ASSESSMENTS, CARE, ESTIMATES, STAYS
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.snapshot import Graded, Snapshot
from wince.errors import MessageError
from wince.pipeline.grade import stage
from wince.runtime.consumer import Consumer

Begin = Callable[[str], stage.State]
"""State of a source that is not known yet: from its snapshot, or new."""


class Grading(Consumer):
    """Subscribes to estimates, stays and care; publishes what closed, with the state after it."""

    def __init__(self, bus: Bus, begin: Begin, now_us: Callable[[], int]) -> None:
        super().__init__(bus, [STAYS, CARE, ESTIMATES], "grade", self.handle)
        self._begin, self._now_us = begin, now_us
        self._states: dict[str, stage.State] = {}
        self._lock = threading.Lock()

    def handle(self, records: Sequence[Record]) -> None:
        """Fold a batch; returns when everything that came of it will survive. A state is kept only then."""
        batches: dict[str, list[stage.Input]] = {}
        for record in records:
            message = codec.decode(record.headers["schema"].decode(), record.value)
            if not isinstance(message, stage.Input):
                raise MessageError(f"{type(message).__name__} is nothing that grade takes", field=record.topic)
            batches.setdefault(message.source, []).append(message)
        with self._lock:
            after: dict[str, stage.State] = {}
            futures = []
            for source, batch in batches.items():
                before = self._states.get(source) or self._begin(source)
                state, events = stage.step(before, batch, self._now_us())
                after[source] = state
                graded = _graded(source, events, before, state)
                if graded is not None:
                    schema, value = codec.encode(graded)
                    futures.append(self._bus.publish(ASSESSMENTS, source, value, {"schema": schema.encode()}))
            for future in futures:
                future.result()
            self._states |= after


def _graded(source: str, events: Sequence[Assessment | Alert | Question], before: stage.State, after: stage.State) -> Graded | None:
    """One message of everything that a step gave, with the state after it where a window closed; None where there is nothing."""
    closed = stage.snapshot_due(before, after)
    if not events and not closed:
        return None
    return Graded(
        source,
        tuple(event for event in events if isinstance(event, Assessment)),
        tuple(event for event in events if isinstance(event, Alert)),
        tuple(event for event in events if isinstance(event, Question)),
        Snapshot(source, stage.VERSION, after.closed_until_us, stage.dump(after)) if closed else None,
    )
