"""What can't be read goes to the dead letters, acknowledged before the runner goes on; the rest of the batch is handled."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from wince import codec
from wince.bus.interface import Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import ESTIMATES, dead_letters
from wince.codec import Encodable
from wince.domain.frame import Beat
from wince.runners.consumer import Consumer

SEED = b"Zzyzx^Patient"


class Reading(Consumer):
    topics, group = (ESTIMATES,), "test"

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__(bus)
        self.got: list[Encodable] = []
        self.came = threading.Event()

    def handle(self, records: Sequence[Record]) -> None:
        self.got += [message for _, message in self.read(records, (Beat,))]
        if len(self.got) == 2:
            self.came.set()


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    made = MemoryBus(flush_s=0.2)
    yield made
    made.close()


def test_unreadable_records_are_dead_letters_and_the_others_are_handled(bus: MemoryBus) -> None:
    """Bytes that are no message, an unknown schema, headers that are none of ours, a message of another kind, one under another's key:
    five letters, each with where it stood and why, with nothing of its content in the headers."""
    letters: list[Record] = []
    all_there = threading.Event()

    def collect(records: Sequence[Record]) -> None:
        letters.extend(records)
        if len(letters) == 5:
            all_there.set()

    bus.consume([dead_letters(ESTIMATES)], "letters", collect)
    schema, value = codec.encode(Beat("camera-1", 1_000_000, frames=5, dropped=0, corrupt=0))
    other_schema, other = codec.encode(Beat("camera-2", 1_000_000, frames=5, dropped=0, corrupt=0))
    good = {"schema": schema.encode()}
    bus.publish(ESTIMATES, "camera-1", value, good)
    bus.publish(ESTIMATES, "camera-1", SEED, good)
    bus.publish(ESTIMATES, "camera-1", SEED, {"schema": b"wince.api.none.v1.None"})
    strange = {"schema": b"Mueller Anna", "id": b"Mueller Anna", "trace": b"Mueller Anna", "mrn": b"4711"}
    bus.publish(ESTIMATES, "camera-1", SEED, strange)
    bus.publish(ESTIMATES, "camera-1", SEED, {"schema": b"wince.api.estimate.v1.Estimate"})
    bus.publish(ESTIMATES, "camera-1", other, {"schema": other_schema.encode()})
    bus.publish(ESTIMATES, "camera-1", value, good)
    reading = Reading(bus)
    reading.start()
    assert reading.came.wait(60)
    assert all_there.wait(60)
    reading.stop()
    assert reading.failed() is None
    assert reading.unreadable == 5
    assert [record.value for record in letters] == [SEED, SEED, SEED, SEED, other]
    assert [record.headers["position"].split(b"/")[1] for record in letters] == [b"1", b"2", b"3", b"4", b"5"]
    for record in letters:
        assert record.key == "camera-1"
        assert record.headers["topic"] == ESTIMATES.encode()
        assert record.headers["error"].startswith(b"message ")
        assert SEED not in b"".join(record.headers.values())
        assert b"Mueller" not in b"".join(record.headers.values())
        assert b"4711" not in b"".join(record.headers.values())
