"""The bus: what joins the stages. Values are protobuf bytes; the key is the source (upstream of record)."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One message on a topic."""

    topic: str
    key: str
    value: bytes
    headers: dict[str, bytes] = field(default_factory=dict)
    """schema, id, trace."""
    partition: int = 0
    offset: int = -1
    """Set by the bus on delivery."""


Handler = Callable[[Sequence[Record]], None]
"""Handles a batch. Returning means: done, may be committed. Raising means: the same batch comes again."""


class Bus(Protocol):
    """Order is kept per key; delivery is at least once; memory is bounded: publish blocks when a consumer is slow."""

    def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create what is missing; existing topics stay as they are."""
        ...

    def publish(self, topic: str, key: str, value: bytes, headers: dict[str, bytes] | None = None) -> "Future[None]":
        """Returns when the message has been accepted into the (bounded) send queue; the future is done when it will survive:
        acknowledged by the broker, or, on the memory bus, handled by every group that is subscribed to the topic."""
        ...

    def consume(self, topics: Sequence[str], group: str, handler: Handler, *, batch: int = 500) -> "Subscription":
        """Start to hand batches to `handler` on a thread of its own, from the group's committed position (earliest at first)."""
        ...

    def close(self) -> None:
        """Stop consumers, flush what was accepted, release everything. Idempotent."""
        ...


class Subscription(Protocol):
    """A running consumer."""

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the batch in hand, commit it, end. Idempotent."""
        ...

    def failed(self) -> BaseException | None:
        """What ended the consumer for good; None while it runs or after a plain stop."""
        ...
