"""What every bus promises, whatever it is made of: order per key, at least once, positions that last, bounded memory."""

import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from tests.contract.bus.conftest import Network, Seen, eventually, resident
from wince.bus.interface import Bus, Record
from wince.errors import WinceError


def numbers(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def send(bus: Bus, topic: str, count: int, keys: Sequence[str] = ("a",), start: int = 0) -> "list[Future[None]]":
    return [bus.publish(topic, keys[n % len(keys)], str(n).encode()) for n in range(start, start + count)]


def without_repeats(values: Sequence[bytes]) -> list[bytes]:
    return list(dict.fromkeys(values))


def test_a_record_arrives_as_it_was_sent(network: Network, topic: str) -> None:
    """Topic, key, value, headers; partition and offset are set by the bus."""
    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    bus.ensure_topics([topic])
    bus.consume([topic], "g", seen)
    headers = {"schema": b"Beat", "id": b"7", "trace": b"t"}
    bus.publish(topic, "bed 1 \u00e9", b"\x00\xff", headers).result(90)
    (record,) = seen.wait(1).records
    assert (record.topic, record.key, record.value, record.headers) == (topic, "bed 1 \u00e9", b"\x00\xff", headers)
    assert record.offset >= 0
    assert record.partition >= 0


def test_every_record_has_an_id_and_a_trace(network: Network, topic: str) -> None:
    """The same message has the same id whenever it is published, another one another; the trace is that of the span, or one of its own."""
    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1)))
    with use_span(span):
        bus.publish(topic, "a", b"1", {"schema": b"Beat"})
    bus.publish(topic, "a", b"1", {"schema": b"Beat"})
    bus.publish(topic, "a", b"2", {"schema": b"Beat"})
    bus.consume([topic], "g", seen)
    one, again, other = (record.headers for record in seen.wait(3).records)
    assert one["id"] == again["id"] != other["id"]
    assert one["trace"] == b"00-%032x-%016x-01" % (0xABC, 0xDEF)
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-00", again["trace"])
    assert {frozenset(headers) for headers in (one, again, other)} == {frozenset({"schema", "id", "trace"})}


def test_what_was_published_before_the_group_came_waits_for_it(network: Network, topic: str) -> None:
    """The first position of a group is the earliest record."""
    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    send(bus, topic, 20)
    bus.consume([topic], "g", seen)
    assert seen.wait(20).values() == numbers(20)


def test_order_holds_within_a_key_and_batches_are_bounded(network: Network, topic: str) -> None:
    """Across keys any order is right."""
    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    keys = [f"camera-{n}" for n in range(7)]
    send(bus, topic, 700, keys)
    bus.consume([topic], "g", seen, batch=32)
    seen.wait(700)
    for index, key in enumerate(keys):
        assert seen.values(key) == [str(n).encode() for n in range(index, 700, 7)]
    assert max(len(batch) for batch in seen.batches) <= 32


def test_offsets_of_a_partition_rise_by_one(network: Network, topic: str) -> None:
    """So that a duplicate can be told by (topic, partition, offset)."""
    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    bus.consume([topic], "g", seen)
    send(bus, topic, 60, "abcdef")
    by_partition: dict[int, list[int]] = {}
    for record in seen.wait(60).records:
        by_partition.setdefault(record.partition, []).append(record.offset)
    assert all(offsets == list(range(offsets[0], offsets[0] + len(offsets))) for offsets in by_partition.values())


def test_every_group_gets_every_record(network: Network, topic: str) -> None:
    """Groups don't take from each other."""
    bus, one, two = network.client(), Seen(), Seen()
    bus.ensure_topics([topic])
    bus.consume([topic], "one", one)
    bus.consume([topic], "two", two)
    send(bus, topic, 50)
    assert one.wait(50).values() == two.wait(50).values() == numbers(50)


def test_several_topics_come_to_one_handler(network: Network, topic: str) -> None:
    """Each in its own order."""
    bus, seen, other = network.client(), Seen(), topic + ".b"
    bus.ensure_topics([topic, other])
    bus.consume([topic, other], "g", seen)
    send(bus, topic, 10)
    send(bus, other, 10)
    records = seen.wait(20).records
    assert [r.value for r in records if r.topic == topic] == [r.value for r in records if r.topic == other] == numbers(10)


def test_consumers_of_a_group_share_and_keep_the_order_of_each_key(network: Network, topic: str) -> None:
    """While a second consumer joins and the first one leaves, nothing is lost and no key goes backwards."""
    active: list[int] = []
    overlaps: list[int] = []

    def holds(records: Sequence[Record]) -> None:
        mine = {record.partition for record in records}
        overlaps.extend(mine & set(active))
        active.extend(mine)
        time.sleep(0.02 if len(overlaps) + len(together.batches) < 10 else 0.002)
        for partition in mine:
            active.remove(partition)

    bus, together = network.client(), Seen(holds)
    bus.ensure_topics([topic])
    keys = [f"camera-{n}" for n in range(16)]
    first = bus.consume([topic], "g", together, batch=5)
    send(bus, topic, 320, keys)
    together.wait(1)
    second = network.client().consume([topic], "g", together, batch=5)
    send(bus, topic, 320, keys, start=320)
    first.stop()
    send(bus, topic, 320, keys, start=640)
    assert eventually(lambda: len(set(together.values())) == 960)
    for index, key in enumerate(keys):
        assert without_repeats(together.values(key)) == [str(n).encode() for n in range(index, 960, 16)]
    assert not overlaps, "two consumers had one partition in hand"
    second.stop()


def test_a_batch_whose_handler_raises_comes_again_the_same(network: Network, topic: str) -> None:
    """Nothing behind it is handled before it."""
    tries: list[list[bytes]] = []

    def twice_wrong(records: Sequence[Record]) -> None:
        tries.append([record.value for record in records])
        if len(tries) <= 2:
            raise RuntimeError("not now")

    bus, seen = network.client(), Seen(twice_wrong)
    bus.ensure_topics([topic])
    send(bus, topic, 30)
    subscription = bus.consume([topic], "g", seen, batch=10)
    assert without_repeats(seen.wait(30).values()) == numbers(30)
    assert tries[1][: len(tries[0])] == tries[0]
    assert tries[2][: len(tries[0])] == tries[0]
    assert subscription.failed() is None


def test_a_handler_killed_in_the_middle_loses_nothing(network: Network, topic: str) -> None:
    """The consumer that died says so; the next one of the group starts at the batch that was in hand."""
    half: list[bytes] = []

    def dies_at_25(records: Sequence[Record]) -> None:
        for record in records:
            if record.value == b"25":
                raise SystemExit(9)
            half.append(record.value)

    bus = network.client()
    bus.ensure_topics([topic])
    send(bus, topic, 60)
    dead = bus.consume([topic], "g", dies_at_25, batch=10)
    assert eventually(lambda: dead.failed() is not None)
    assert isinstance(dead.failed(), SystemExit)
    seen = Seen()
    network.client().consume([topic], "g", seen)
    assert eventually(lambda: b"59" in seen.values())
    assert without_repeats([*half, *seen.values()]) == numbers(60)
    assert seen.values()[0] in numbers(26), "it can't start behind what was never handled"


def test_a_stopped_consumer_finishes_its_batch_and_the_next_goes_on_behind_it(network: Network, topic: str) -> None:
    """stop() commits what is in hand; a clean stop gives no duplicate."""
    entered, go = threading.Event(), threading.Event()

    def waits(_: Sequence[Record]) -> None:
        entered.set()
        assert go.wait(90)

    bus, first, second = network.client(), Seen(waits), Seen()
    bus.ensure_topics([topic])
    send(bus, topic, 40)
    subscription = bus.consume([topic], "g", first, batch=10)
    assert entered.wait(90)
    stopper = threading.Thread(target=subscription.stop)
    stopper.start()
    time.sleep(0.05)
    go.set()
    stopper.join(60)
    assert not stopper.is_alive()
    count = len(first.values())
    assert 1 <= count <= 10
    subscription.stop()
    assert subscription.failed() is None
    send(bus, topic, 20, start=40)
    bus.consume([topic], "g", second)
    assert first.values() + second.wait(60 - count).values() == numbers(60)


def test_a_failing_consumer_can_be_stopped_and_leaves_its_batch(network: Network, topic: str) -> None:
    """Failing for ever is no reason to hang at the end."""

    def never(_: Sequence[Record]) -> None:
        raise RuntimeError("never")

    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    send(bus, topic, 5)
    subscription = bus.consume([topic], "g", never)
    time.sleep(0.2)
    start = time.monotonic()
    subscription.stop()
    assert time.monotonic() - start < 8
    bus.consume([topic], "g", seen)
    assert seen.wait(5).values() == numbers(5)


def test_a_handler_that_notes_offsets_tolerates_duplicates(network: Network, topic: str) -> None:
    """The contract of handlers: effects by (topic, partition, offset), so twice is once."""
    effects: dict[tuple[str, int, int], bytes] = {}
    calls = 0

    def effect_then_crash(records: Sequence[Record]) -> None:
        nonlocal calls
        calls += 1
        for record in records:
            effects[record.topic, record.partition, record.offset] = record.value
        if calls % 2:
            raise RuntimeError("after the effect, before the commit")

    bus = network.client()
    bus.ensure_topics([topic])
    send(bus, topic, 40)
    bus.consume([topic], "g", effect_then_crash, batch=20)
    assert eventually(lambda: len(effects) == 40)
    assert sorted(effects.values(), key=int) == numbers(40)


def test_the_future_is_done_when_the_record_will_survive(network: Network, topic: str) -> None:
    """Every future of a consumed topic resolves to None."""
    bus, seen = network.client(), Seen()
    bus.ensure_topics([topic])
    bus.consume([topic], "g", seen)
    assert [future.result(90) for future in send(bus, topic, 30)] == [None] * 30


def test_a_slow_consumer_costs_no_memory(network: Network, topic: str) -> None:
    """80 MB through a handler slower than the publisher, with room for 4 MiB: the process stays small."""
    bus = network.client(max_records=1000, max_bytes=4 << 20)
    bus.ensure_topics([topic])
    count = 0

    def slow(records: Sequence[Record]) -> None:
        nonlocal count
        count += len(records)
        time.sleep(0.001 * len(records))

    bus.consume([topic], "g", slow, batch=50)
    value = bytes(40_000)
    base = peak = resident()
    for number in range(2000):
        bus.publish(topic, f"camera-{number % 5}", value)
        peak = max(peak, resident())
    assert eventually(lambda: count >= 2000)
    assert peak - base < 40 << 20


def test_close_ends_a_publisher_and_all_consumers(network: Network, topic: str) -> None:
    """A publisher in the middle gets a named error instead of hanging; closing twice is closing."""
    bus = network.client(max_records=50)
    bus.ensure_topics([topic])
    bus.consume([topic], "g", lambda _: time.sleep(0.02), batch=10)
    ended: list[BaseException] = []

    def publishes() -> None:
        try:
            while True:
                bus.publish(topic, "a", bytes(100))
        except WinceError as error:
            ended.append(error)

    publisher = threading.Thread(target=publishes)
    publisher.start()
    time.sleep(0.3)
    bus.close()
    bus.close()
    publisher.join(60)
    assert not publisher.is_alive()
    assert [error.code for error in ended if isinstance(error, WinceError)] == ["unavailable"]
    with pytest.raises(WinceError):
        bus.consume([topic], "g", Seen())
