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
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.bus.memory import MemoryBus
from wince.bus.names import Names
from wince.testing.peers import KafkaPeer, available


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


class Broker:
    """A cluster; each client as another process would have it. A single broker is shared with another site: names have a prefix."""

    def __init__(self, peer: KafkaPeer, names: Names) -> None:
        self._peer, self._names = peer, names
        self._clients: list[KafkaBus] = []

    def client(self, *, max_records: int = 1000, max_bytes: int = 4 << 20) -> Bus:
        options = KafkaOptions(self._peer.bootstrap, connect_s=30, names=self._names)
        self._clients.append(KafkaBus(options, max_records=max_records, max_bytes=max_bytes, flush_s=5))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()


BUSES = [
    pytest.param(0, id="memory"),
    pytest.param(1, id="kafka-1", marks=pytest.mark.peer),
    pytest.param(3, id="kafka-3", marks=pytest.mark.peer),
]


@pytest.fixture(params=BUSES, scope="session")
def kind(request: pytest.FixtureRequest) -> int:
    """0: memory; else the number of brokers. Of session scope, so that all tests of one kind run together, whatever their file."""
    return int(request.param)


@pytest.fixture
def network(kind: int, peers: "Peers") -> Iterator[Network]:
    """Every implementation in turn."""
    made = Broker(peers.of(kind), Names("north." if kind == 1 else "")) if kind else Memory()
    yield made
    made.close()


class Peers:
    """Clusters of this test session, each started when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._peers: dict[int, KafkaPeer] = {}

    def of(self, nodes: int) -> KafkaPeer:
        if reason := available():
            assert not os.environ.get("CI"), reason
            pytest.skip(reason)
        for other in [peer for number, peer in self._peers.items() if number != nodes]:
            other.stop()
        if nodes not in self._peers:
            self._peers[nodes] = KafkaPeer(self._directory / str(nodes), nodes=nodes)
        self._peers[nodes].start()
        return self._peers[nodes]

    def close(self) -> None:
        for peer in self._peers.values():
            peer.stop()


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    made = Peers(tmp_path_factory.mktemp("kafka"))
    yield made
    made.close()


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

    def wait(self, count: int, timeout_s: float = 90) -> "Seen":
        """Until `count` records were handled; fails the test where they don't come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.records) >= count, timeout_s), f"{len(self.records)} of {count} records came"
        return self


def eventually(condition: Callable[[], bool], timeout_s: float = 90) -> bool:
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
