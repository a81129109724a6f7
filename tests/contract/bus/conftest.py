"""The buses under contract. A new implementation is one more branch here; the suite does not change."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from wince.bus.interface import Bus, Record
from wince.bus.memory import MemoryBus


class Network(Protocol):
    """What joins the clients of one test: the memory of this process, or a broker."""

    def client(self, *, max_records: int = 1000, max_bytes: int = 4 << 20) -> Bus:
        """A bus to publish and consume with. On a broker: a new client each time, as another process would have.

        `max_records`, `max_bytes`: what a client, or a group's queue, may hold in memory.
        """
        ...


class Memory:
    """One bus is the whole network."""

    def __init__(self) -> None:
        self._bus: MemoryBus | None = None

    def client(self, *, max_records: int = 1000, max_bytes: int = 4 << 20) -> Bus:
        if self._bus is None:
            self._bus = MemoryBus(max_records=max_records, max_bytes=max_bytes, flush_s=1)
        return self._bus

    def close(self) -> None:
        if self._bus is not None:
            self._bus.close()


@pytest.fixture(params=["memory"])
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    """Every implementation in turn."""
    memory = Memory()
    yield memory
    memory.close()


@pytest.fixture
def topic() -> str:
    """A topic of this test's own, so that a broker may be shared."""
    return f"test.{uuid.uuid4().hex[:12]}.v1"


class Seen:
    """A handler that notes what it was given; `before` runs first and may raise."""

    def __init__(self, before: Callable[[Sequence[Record]], None] | None = None) -> None:
        self.batches: list[list[Record]] = []
        self._before = before
        self._changed = threading.Condition()

    def __call__(self, records: Sequence[Record]) -> None:
        if self._before is not None:
            self._before(records)
        with self._changed:
            self.batches.append(list(records))
            self._changed.notify_all()

    @property
    def records(self) -> list[Record]:
        return [record for batch in list(self.batches) for record in batch]

    def values(self, key: str | None = None) -> list[bytes]:
        return [record.value for record in self.records if key is None or record.key == key]

    def wait(self, count: int, timeout_s: float = 20) -> "Seen":
        """Until `count` records were handled; fails the test where they don't come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.records) >= count, timeout_s), f"{len(self.records)} of {count} records came"
        return self


def eventually(condition: Callable[[], bool], timeout_s: float = 20) -> bool:
    """Does `condition` become true in time?"""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
