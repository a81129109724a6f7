"""Runs the record stage over the bus: batches of what grade gave, committed as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince import codec
from wince.bus.interface import Bus, Record
from wince.bus.topics import ASSESSMENTS
from wince.domain.snapshot import Graded
from wince.errors import MessageError
from wince.runtime.consumer import Consumer

Commit = Callable[[Sequence[Graded]], None]
"""Writes a batch in one transaction; returning means committed."""


class Recording(Consumer):
    """Subscribes to assessments; hands every batch to the sink."""

    def __init__(self, bus: Bus, commit: Commit, committed: Commit) -> None:
        """`committed` is told afterwards."""
        super().__init__(bus, [ASSESSMENTS], "record", self.handle)
        self._commit, self._committed = commit, committed

    def handle(self, records: Sequence[Record]) -> None:
        """Commit a batch."""
        batch = [_graded(record) for record in records]
        self._commit(batch)
        self._committed(batch)


def _graded(record: Record) -> Graded:
    message = codec.decode(record.headers["schema"].decode(), record.value)
    if not isinstance(message, Graded):
        raise MessageError(f"{type(message).__name__} is nothing that record takes", field=record.topic)
    return message
