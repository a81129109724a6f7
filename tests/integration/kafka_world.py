"""Load on a Kafka cluster, with a tally: what was acknowledged, what came; and the cluster itself, where this machine can start it."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from wince.bus.interface import Record
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.testing.peers import KafkaPeer, available


@contextmanager
def kafka(directory: Path, nodes: int, **options: object) -> Iterator[KafkaPeer]:
    """A cluster; skips visibly where there can be none."""
    if reason := available():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with KafkaPeer(directory, nodes=nodes, **options) as peer:  # type: ignore[arg-type]
        yield peer


def bus(peer: KafkaPeer, **options: int) -> KafkaBus:
    """A client of its own."""
    there = "plaintext" if peer.bootstrap.startswith("127.") else "insecure-plaintext"  # machines of kafka_cut.py, joined by no real wire
    return KafkaBus(KafkaOptions(peer.bootstrap, security=there, connect_s=30), **options)


def eventually(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Does `condition` become true in time?"""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Load:
    """Publishes numbers on some keys at a steady rate, and consumes them as another client."""

    def __init__(self, peer: KafkaPeer, topic: str, *, keys: int = 4, per_s: int = 400, size: int = 500) -> None:
        self.topic, self._keys, self._pause, self._size = topic, [f"camera-{n}" for n in range(keys)], keys / per_s, size
        self.sender, self.receiver = bus(peer), bus(peer)
        self.sender.ensure_topics([topic])
        self.came: list[tuple[str, int]] = []
        self.acknowledged: set[tuple[str, int]] = set()
        self.refused: list[BaseException] = []
        self.sent = 0
        self._stop = threading.Event()
        self.receiver.consume([topic], "tally", self._take)
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def _publish(self) -> None:
        while not self._stop.is_set():
            for key in self._keys:
                future = self.sender.publish(self.topic, key, str(self.sent).encode().ljust(self._size))
                future.add_done_callback(lambda done, one=(key, self.sent): self._answer(one, done.exception()))
            self.sent += 1
            self._stop.wait(self._pause)

    def _answer(self, one: tuple[str, int], error: BaseException | None) -> None:
        if error is None:
            self.acknowledged.add(one)
        else:
            self.refused.append(error)

    def _take(self, records: Sequence[Record]) -> None:
        self.came.extend((record.key, int(record.value)) for record in records)

    def wait_for_more(self, count: int = 200, timeout_s: float = 60) -> None:
        """Until that many more were acknowledged and came: the cluster works."""
        acknowledged, came = len(self.acknowledged), len(self.came)
        assert eventually(lambda: len(self.acknowledged) >= acknowledged + count and len(self.came) >= came + count, timeout_s), (
            f"stuck: {len(self.acknowledged) - acknowledged} acknowledged, {len(self.came) - came} came"
        )

    def end(self, timeout_s: float = 60, *, but: set[tuple[str, int]] | None = None) -> None:
        """Stop publishing; wait until all that was acknowledged came, `but` what need not."""
        self._stop.set()
        self._thread.join(30)
        assert eventually(lambda: len(self.acknowledged) + len(self.refused) == self.sent * len(self._keys), timeout_s)
        eventually(lambda: self.acknowledged - (but or set()) <= set(self.came), timeout_s)

    def close(self) -> None:
        """Release the clients."""
        self._stop.set()
        self._thread.join(30)
        self.sender.close()
        self.receiver.close()

    @property
    def lost(self) -> set[tuple[str, int]]:
        """Acknowledged, but never came."""
        return self.acknowledged - set(self.came)

    @property
    def doubled(self) -> int:
        """Came more than once."""
        return sum(count - 1 for count in Counter(self.came).values())

    def in_order(self) -> bool:
        """Without repeats, numbers of a key only rise."""
        for key in self._keys:
            numbers = list(dict.fromkeys(number for one, number in self.came if one == key))
            if numbers != sorted(numbers):
                return False
        return True


def in_sync(peer: KafkaPeer, topic: str) -> bool:
    """Whether every replica of the topic is in sync: two wounds at once are more than three replicas promise to bear."""
    client = bus(peer)
    try:
        admin = client._options.admin()
        try:
            return all(len(one["isr_nodes"]) == 3 for one in admin.describe_topics([topic])[0]["partitions"])
        finally:
            admin.close()
    finally:
        client.close()
