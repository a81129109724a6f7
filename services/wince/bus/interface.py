"""The bus: what joins the stages. Values are protobuf bytes; the key is the source (upstream of record).

Ownership. The partitions of a group's topics are shared out among its running consumers; a partition has one owner at a time.
Topics with the same number of partitions are shared out alike: who owns partition 3 of one owns partition 3 of the others, and
since a key has the same index on all of them, everything about one source comes to one consumer. When a consumer joins, leaves
or dies, partitions change hands:

1. the old owner finishes the batch in hand, its position is committed, and its `on_revoked` is called (a dead one's is not);
2. the new owner's `on_assigned` is called, before the first record of these partitions;
3. the new owner is handed records from the committed position on.

A fold that keeps state per key therefore drops the state of revoked partitions, loads the snapshot of a key when its first record
comes, and returns from its handler, instead of None, the positions that its successor needs: per partition the offset of the
oldest record that no snapshot covers. What stays with its owner while others come and go is neither revoked nor handed out again; what
was revoked and comes back later begins at the committed position like any other.
"""

from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A partition of a topic."""

    topic: str
    index: int


Positions = Mapping[Partition, int]
"""Per partition the offset at which a successor must begin to read: everything below it is needed no more. Offsets rise within a
partition, but not by one where a compacted topic has holes."""

Handler = Callable[[Sequence[Record]], Positions | None]
"""Handles a batch. Raising means: the handler gets the same batch again.

Returning None means: done, all of it may be committed. Returning positions commits exactly these: a partition that is not named
keeps its committed position, one never committed stays at the earliest record. A position is kept where it would go backwards or
beyond what was handled. Records between position and present are not handed out again while the owner stays the same.
"""

Owned = Callable[[Sequence[Partition]], None]
"""Told of partitions gained or lost, on the thread that runs the handler, never while the handler runs.

`on_assigned` may block (for seconds: longer looks like a dead consumer to the group) and may raise: it is called again, with backoff,
and no record comes before it has returned. `on_revoked` should only forget; what it raises is logged."""


class Bus(Protocol):
    """Order is kept per key; delivery is at least once; memory is bounded: publish blocks when a consumer is slow."""

    def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create what is missing, with its dead-letter topic where it is one of ours; existing topics stay as they are."""
        ...

    def publish(self, topic: str, key: str, value: bytes, headers: dict[str, bytes] | None = None) -> "Future[None]":
        """Returns when the message has been accepted into the (bounded) send queue; the future is done when it will survive:
        acknowledged by the broker, or, on the memory bus, handled by every group that is subscribed to the topic.

        `headers`: schema; id and trace are added where they are missing (`bus/headers.py`)."""
        ...

    def consume(
        self,
        topics: Sequence[str],
        group: str,
        handler: Handler,
        *,
        batch: int = 500,
        gather_s: float = 0.0,
        on_assigned: Owned | None = None,
        on_revoked: Owned | None = None,
    ) -> "Subscription":
        """Start to hand batches to `handler` on a thread of its own, from the group's committed position (earliest at first).

        `gather_s`: how long a record may wait for others to be handed over with it: a small batch costs as much as a large one. A bus
        in memory, where that is not so, does not wait.

        All consumers of a group name the same topics.
        """
        ...

    def failed(self) -> BaseException | None:
        """What ended the sending for good, so that nothing published from now on would arrive; None where there is nothing."""
        ...

    def close(self) -> None:
        """Stop consumers, flush what was accepted, release everything. Idempotent."""
        ...


class Subscription(Protocol):
    """A running consumer."""

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the batch in hand, commit it, give the partitions up (`on_revoked`), end. Idempotent."""
        ...

    def failed(self) -> BaseException | None:
        """What ended the consumer for good; None while it runs or after a plain stop."""
        ...
