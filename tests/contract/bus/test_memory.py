"""What only the bus in memory can promise: exact bounds, and futures that mean *handled*."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from tests.contract.bus.conftest import Seen
from wince.bus.interface import Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import ALL, dead_letters
from wince.errors import ConfigError, MessageError, Unavailable


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    bus = MemoryBus(max_records=10, max_bytes=1000, flush_s=0.5)
    yield bus
    bus.close()


def blocked(bus: MemoryBus, topic: str, value: bytes = b"") -> threading.Thread:
    """A publisher that has no room."""

    def publishes() -> None:
        with suppress(Unavailable):
            bus.publish(topic, "a", value)

    thread = threading.Thread(target=publishes, daemon=True)
    thread.start()
    time.sleep(0.1)
    assert thread.is_alive()
    return thread


def test_publish_blocks_at_the_bound_and_goes_on_when_a_consumer_comes(bus: MemoryBus) -> None:
    """The eleventh record waits, before and after a group has subscribed."""
    for n in range(10):
        bus.publish("t", "a", str(n).encode())
    thread, seen = blocked(bus, "t", b"10"), Seen()
    bus.consume(["t"], "g", seen)
    thread.join(10)
    assert seen.wait(11).values() == [str(n).encode() for n in range(11)]


def test_the_bound_counts_bytes_of_keys_values_and_headers(bus: MemoryBus) -> None:
    """Two records of 500 bytes are all; one of 1001 never fits and is refused by name."""
    bare: dict[str, bytes] = {"id": b"", "trace": b""}
    bus.publish("t", "a", bytes(488), {"head": b"", **bare})
    bus.publish("t", "a", bytes(492), bare)
    blocked(bus, "t")
    with pytest.raises(MessageError):
        bus.publish("t", "a", bytes(1000))


def test_a_slow_group_holds_the_publisher_back_and_another_topic_goes_on(bus: MemoryBus) -> None:
    """The slowest group sets the pace of its own topics only."""
    go = threading.Event()
    bus.consume(["t"], "slow", lambda _: pytest.fail("never released") if not go.wait(20) else None, batch=1)
    fast = Seen()
    bus.consume(["t", "other"], "fast", fast)
    for _ in range(10):
        bus.publish("t", "a", b"")
    fast.wait(10)
    thread = blocked(bus, "t")
    bus.publish("other", "a", b"x").result(5)
    go.set()
    thread.join(10)
    assert not thread.is_alive()


def test_the_future_waits_for_every_group_and_for_the_retry(bus: MemoryBus) -> None:
    """Done means: handled by all, not: queued."""
    go = threading.Event()

    def waits(_: Sequence[Record]) -> None:
        if not go.is_set():
            raise RuntimeError("not yet")

    seen = Seen()
    bus.consume(["t"], "quick", seen)
    bus.consume(["t"], "late", waits)
    future = bus.publish("t", "a", b"1")
    seen.wait(1)
    assert not future.done()
    assert not future.cancel()
    go.set()
    assert future.result(10) is None


def test_records_of_all_topics_come_in_the_order_of_publishing(bus: MemoryBus) -> None:
    """One consumer sees a stay that was published before an estimate before it."""
    seen = Seen()
    for n in range(9):
        bus.publish(f"t{n % 3}", f"key {n}", str(n).encode())
    bus.consume(["t2", "t0", "t1"], "g", seen, batch=4)
    assert seen.wait(9).values() == [str(n).encode() for n in range(9)]


def test_a_handler_may_publish_while_the_bus_closes(bus: MemoryBus) -> None:
    """What was accepted is worked off through every stage; nobody else gets in."""
    end = Seen()

    def forwards(records: Sequence[Record]) -> None:
        time.sleep(0.1)
        for record in records:
            bus.publish("second", record.key, record.value)

    bus.consume(["first"], "one", forwards)
    bus.consume(["second"], "two", end)
    futures = [bus.publish("first", "a", str(n).encode()) for n in range(3)]
    bus.close()
    assert end.values() == [b"0", b"1", b"2"]
    assert all(future.result(0) is None for future in futures)
    with pytest.raises(Unavailable):
        bus.publish("first", "a", b"")


def test_what_nobody_handled_by_the_end_fails_its_future(bus: MemoryBus) -> None:
    """Close does not pretend."""
    future = bus.publish("t", "a", b"")
    bus.close()
    assert isinstance(future.exception(0), Unavailable)


def test_a_handler_can_stop_its_own_subscription(bus: MemoryBus) -> None:
    """It ends after the batch in hand, which counts as handled."""
    started = threading.Event()
    handled: list[Sequence[Record]] = []

    def once(records: Sequence[Record]) -> None:
        assert started.wait(10)
        subscription.stop()
        handled.append(records)

    future = bus.publish("t", "a", b"1")
    subscription = bus.consume(["t"], "g", once)
    started.set()
    assert future.result(10) is None
    bus.publish("t", "a", b"2")
    time.sleep(0.1)
    assert [[record.value for record in records] for records in handled] == [[b"1"]]
    assert subscription.failed() is None


def test_an_idle_bus_uses_no_processor_time(bus: MemoryBus) -> None:
    """Waiting is waiting: no polling."""
    bus.consume(["t"], "one", Seen())
    bus.consume(["t"], "two", Seen())
    before = time.process_time()
    time.sleep(1)
    assert time.process_time() - before < 0.2


def test_bounds_and_batches_must_be_at_least_one() -> None:
    """Zero would mean that nothing ever moves."""
    with pytest.raises(ConfigError):
        MemoryBus(max_records=0)
    bus = MemoryBus()
    with pytest.raises(ConfigError):
        bus.consume(["t"], "g", Seen(), batch=0)
    bus.close()


def test_topic_names_carry_a_version_and_have_a_dead_letter_topic() -> None:
    """What the operator sees in the broker."""
    names = ("faces", "estimates", "assessments", "care", "stays")
    assert [dead_letters(topic) for topic in ALL] == [f"wince.{name}.v1.dlq" for name in names]
