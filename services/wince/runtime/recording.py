"""Runs the record stage over the bus: batches of what grade gave, committed as they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from wince.bus.interface import Bus, Record
from wince.bus.topics import ASSESSMENTS, CARE
from wince.domain.assessment import Verdict
from wince.domain.care import PatientState, Pause
from wince.domain.snapshot import Graded
from wince.runtime.consumer import Consumer
from wince.telemetry import metrics

Commit = Callable[[Sequence[Graded]], None]
"""Writes a batch in one transaction; returning means committed."""


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
        messages = [message for _, message in self.read(records, (Graded, Verdict, Pause, PatientState))]
        batch = [message for message in messages if isinstance(message, Graded)]
        verdicts = [message for message in messages if isinstance(message, Verdict)]
        if verdicts:
            self._decide(verdicts)
        if batch:
            self._commit(batch)
            now_us = time.time_ns() // 1000
            for one in batch:
                metrics.committed(one.assessments, one.alerts, one.questions, now_us)
            if ends := [one.end_us for graded in batch for one in graded.assessments]:
                metrics.consumed(self.group, max(ends), now_us)
            self._committed(batch)
