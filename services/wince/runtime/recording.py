"""Runs the record stage over the bus: batches of what grade gave, committed as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince.bus.interface import Bus, Record
from wince.bus.topics import ASSESSMENTS
from wince.domain.snapshot import Graded
from wince.runtime.consumer import Consumer

Commit = Callable[[Sequence[Graded]], None]
"""Writes a batch in one transaction; returning means committed."""


class Recording(Consumer):
    """Subscribes to assessments; hands every batch to the sink."""

    topics = (ASSESSMENTS,)
    group = "record"

    def __init__(self, bus: Bus, commit: Commit, committed: Commit) -> None:
        """`committed` is told afterwards."""
        super().__init__(bus)
        self._commit, self._committed = commit, committed

    def handle(self, records: Sequence[Record]) -> None:
        """Commit a batch; its offsets are committed when this returns."""
        batch = [message for _, message in self.read(records, (Graded,)) if isinstance(message, Graded)]
        if batch:
            self._commit(batch)
            self._committed(batch)
