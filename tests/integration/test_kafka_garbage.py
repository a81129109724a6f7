"""Garbage on every topic of a real broker, by those who may write there: whoever reads it goes on, and every record is taken or set aside.

The same records as `tests/fuzz/kafka.py`, compressed, so that some are larger than the broker's own bound; and with keys, values and
headers left out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from tests.fuzz import kafka as fuzz
from tests.integration.kafka_closed import Closed, read
from tests.integration.kafka_world import eventually, kafka
from wince.bus.interface import Record
from wince.bus.topics import ALL, FACES, TOPICS, dead_letters
from wince.local import kafka_users, maven
from wince.runners.consumer import Consumer

pytestmark = [pytest.mark.peer, pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started")]
CASES = 250
At = tuple[str, int, int]
"""Topic, partition, offset."""


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    with kafka(tmp_path / "kafka", 1, closed=True, heap_mb=256) as peer:
        yield Closed(peer, kafka_users.admit(peer.administrator()))


def test_every_record_is_taken_or_set_aside_by_each_who_reads_it(closed: Closed) -> None:
    """And a right one behind them is taken; nobody failed, and no letter is there twice or says nothing."""
    taken: dict[str, set[At]] = {}
    with ExitStack() as stack:
        readers: dict[str, Consumer] = {}
        for service, make in fuzz.READERS.items():
            readers[service] = make(stack.enter_context(closed.bus(service)))
            readers[service].read = noting(readers[service].read, taken.setdefault(service, set()))  # type: ignore[method-assign]
        writers = {topic: stack.enter_context(writer(closed, topic)) for topic in ALL}
        sent = [at for seed in range(CASES) for one in fuzz.case(random.Random(seed)).records if (at := put(writers, one)) is not None]
        assert {topic for topic, _, _ in sent} == set(ALL)
        for reader in readers.values():
            stack.callback(reader.stop)
            reader.start()
        unnamed = put(writers, unnamed_header())
        last = [put(writers, fuzz.right(topic, fuzz.RIGHT[topic][0], 0)) for topic in ALL]
        wanted = {service: {at for at in (*sent, *last) if at and service in TOPICS[at[0]].readers} for service in readers}
        aside: dict[str, Counter[At]] = {}

        def settled() -> bool:
            aside.update({topic: letters(closed, topic) for topic in ALL})
            return all(all(at in taken[service] or aside[at[0]][at] for at in some) for service, some in wanted.items())

        assert eventually(settled, 60)
        assert [reader.failed() for reader in readers.values()] == [None] * len(readers)
        for topic, found in aside.items():
            for at, times in found.items():
                missing = [service for service in TOPICS[topic].readers if at not in taken[service]]
                assert times == len(missing), (at, times, missing)
        assert unnamed not in taken["estimate"] | set(aside[FACES])
        assert {at for at in last if at} <= set().union(*taken.values())
        assert sum(reader.unreadable for reader in readers.values()) == sum(sum(found.values()) for found in aside.values()) > CASES


class NotUtf8(str):
    """A header's name as a client in another encoding writes it."""

    def encode(self, *_: object) -> bytes:
        """Latin-1."""
        return b"\xe9\xff"


def unnamed_header() -> Any:
    """Nobody can read it by kafka-python: it must not stop those behind it on its partition."""
    made = fuzz.right(FACES, fuzz.RIGHT[FACES][0], 0)
    made.headers = [*made.headers, (NotUtf8("x"), b"y")]
    return made


def noting(read_them: Callable[..., Any], into: set[At]) -> Callable[..., Any]:
    """The reader's own, which tells what it took."""

    def noted(records: Sequence[Record], kinds: tuple[type, ...]) -> list[tuple[Record, Any]]:
        found: list[tuple[Record, Any]] = read_them(records, kinds)
        into.update((record.topic, record.partition, record.offset) for record, _ in found)
        return found

    return noted


class Writer(KafkaProducer):  # type: ignore[misc]
    """A foreign producer; a context manager."""

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def writer(closed: Closed, topic: str) -> Writer:
    client = closed.options(TOPICS[topic].writers[0]).client()
    return Writer(**client, compression_type="gzip", max_request_size=64 << 20, linger_ms=0)


def put(writers: dict[str, Writer], one: Any) -> At | None:
    """Sends a record; where it lies. None where the client itself can't write it."""
    headers = [(name, content or b"") for name, content in one.headers]
    found = writers[one.topic].send(one.topic, one.value, one.key, headers, partition=None if one.key else one.offset % 12).get(30)
    return (found.topic, found.partition, found.offset)


def letters(closed: Closed, topic: str) -> Counter[At]:
    """What lies in its dead-letter topic, by where it stood. Each says why, and who else it was."""
    found: Counter[At] = Counter()
    for letter in read(closed.peer.administrator().client(), dead_letters(topic), None, raw=True):
        headers = dict(letter.headers)
        partition, _, offset = headers["position"].decode().partition("/")
        assert headers["topic"] == topic.encode()
        assert headers["error"].startswith(b"message ")
        assert fuzz.SECRET not in headers["error"]
        found[topic, int(partition), int(offset)] += 1
    return found
