"""Which records a successor of a fold must read again: those that no durable snapshot covers. Pure.

Here for grade, whose state is large and stored (`Uncovered`), and for estimate, whose state is the last seconds (`Recent`).

A record belongs to a source and is covered once a snapshot of that source has closed up to a moment. The position of a partition is
the offset of its oldest record that is not covered, of whichever source: all below it are needed no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from wince.bus.interface import Partition, Positions, Record


class Uncovered:
    """Records that were handled and that no snapshot covers yet. Bounded: a source holds its open window and what the store is behind;
    one of which nothing came for `keep_s` is given up (its topic has forgotten it by then: its window will be a gap)."""

    def __init__(self, keep_s: float = 900.0) -> None:
        self._keep_s = keep_s
        self._waiting: dict[Partition, dict[str, deque[tuple[int, int]]]] = {}
        """Per partition and source: (offset, moment up to which a snapshot must have closed), by offset."""
        self._behind: dict[Partition, int] = {}
        """Offset after the last that was handled."""
        self._seen: dict[str, float] = {}
        """When a source last said something, seconds."""

    def handled(self, record: Record, source: str, until_us: int, now_s: float) -> None:
        """A record was folded. It is covered by a snapshot of `source` that closed at `until_us` or later. A record that came before
        (read again after a failure) changes nothing."""
        partition = Partition(record.topic, record.partition)
        if record.offset < self._behind.get(partition, 0):
            return
        self._behind[partition] = record.offset + 1
        self._waiting.setdefault(partition, {}).setdefault(source, deque()).append((record.offset, until_us))
        self._seen[source] = now_s

    def sources(self) -> set[str]:
        """Of which records wait to be covered."""
        return {source for waiting in self._waiting.values() for source, records in waiting.items() if records}

    def covered(self, durable: Mapping[str, int], now_s: float) -> None:
        """Snapshots that are durable: by source, up to when they closed."""
        for waiting in self._waiting.values():
            for source, records in list(waiting.items()):
                closed_us = durable.get(source)
                while records and closed_us is not None and records[0][1] <= closed_us:
                    records.popleft()
                if not records or now_s - self._seen[source] > self._keep_s:
                    del waiting[source]

    def positions(self) -> Positions:
        """Where a successor must begin to read, per partition of which anything was handled."""
        found: dict[Partition, int] = {}
        for partition, behind in self._behind.items():
            waiting = self._waiting.get(partition, {})
            found[partition] = min((records[0][0] for records in waiting.values() if records), default=behind)
        return found

    def drop(self, partitions: Iterable[Partition]) -> None:
        """These are another's now."""
        for partition in partitions:
            self._waiting.pop(partition, None)
            self._behind.pop(partition, None)
        self._seen = {source: at for source, at in self._seen.items() if source in self.sources()}


class Recent:
    """Records whose content is still in a fold's memory: a successor reads them again and has the same memory. Bounded by the fold's own
    bound; a source of which nothing came for `keep_s` holds nothing back."""

    def __init__(self, keep_s: float = 10.0) -> None:
        self._keep_s = keep_s
        self._held: dict[Partition, dict[str, deque[tuple[int, int]]]] = {}
        """Per partition and source: (offset, time of the message), by offset."""
        self._behind: dict[Partition, int] = {}
        self._seen: dict[str, float] = {}

    def handled(self, record: Record, now_s: float, source: str = "", time_us: int | None = None) -> None:
        """A record was folded; of `source` and to be remembered where it has a time."""
        partition = Partition(record.topic, record.partition)
        if record.offset < self._behind.get(partition, 0):
            return
        self._behind[partition] = record.offset + 1
        if time_us is not None:
            self._held.setdefault(partition, {}).setdefault(source, deque()).append((record.offset, time_us))
            self._seen[source] = now_s

    def forget(self, oldest_us: Mapping[str, int], now_s: float) -> None:
        """What the fold still remembers: by source the time of the oldest message; sources without one hold nothing."""
        for held in self._held.values():
            for source, records in list(held.items()):
                since_us = oldest_us.get(source)
                while records and (since_us is None or records[0][1] < since_us):
                    records.popleft()
                if not records or now_s - self._seen[source] > self._keep_s:
                    del held[source]
        self._seen = {source: at for source, at in self._seen.items() if source in oldest_us}

    def positions(self) -> Positions:
        """Where a successor must begin to read, per partition of which anything was handled."""
        return {
            partition: min((records[0][0] for records in self._held.get(partition, {}).values()), default=behind)
            for partition, behind in self._behind.items()
        }

    def drop(self, partitions: Iterable[Partition]) -> set[str]:
        """These are another's now; gives the sources that were held of them."""
        gone: set[str] = set()
        for partition in partitions:
            gone |= set(self._held.pop(partition, {}))
            self._behind.pop(partition, None)
        return gone
