"""Runs the record stage over the bus: batches of what grade gave, committed as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince import codec
from wince.bus.interface import Bus, Record, Subscription
from wince.bus.topics import ASSESSMENTS
from wince.domain.snapshot import Graded
from wince.errors import MessageError

Commit = Callable[[Sequence[Graded]], None]
"""Writes a batch in one transaction; returning means committed."""


class Recording:
    """Subscribes to assessments; hands every batch to the sink."""

    def __init__(self, bus: Bus, commit: Commit, committed: Commit) -> None:
        """`committed` is told afterwards."""
        self._bus, self._commit, self._committed = bus, commit, committed
        self._subscription: Subscription | None = None

    def start(self) -> None:
        """Begin to consume."""
        self._subscription = self._bus.consume([ASSESSMENTS], "record", self.handle)

    def stop(self) -> None:
        """Finish the batch in hand."""
        if self._subscription is not None:
            self._subscription.stop()

    def failed(self) -> BaseException | None:
        """What ended the consumer for good."""
        return self._subscription.failed() if self._subscription is not None else None

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
