"""Folds survive on any bus: who owns a partition is told so, and a successor begins at the oldest record still needed."""

import threading
from collections.abc import Sequence

from tests.contract.bus.conftest import Network, Seen, eventually
from wince.bus.interface import Bus, Partition, Positions, Record


class Fold:
    """Sums numbers per key up to each tenth; a "snapshot" in `stored` per key, everything after it is needed again."""

    def __init__(self, stored: dict[str, list[int]], name: str = "", told: list[str] | None = None) -> None:
        self.stored, self.name, self.told = stored, name, told if told is not None else []
        self.states: dict[str, list[int]] = {}
        self.at: dict[str, Partition] = {}
        self.needed: dict[Partition, dict[str, int]] = {}
        self.owned: set[Partition] = set()
        self.foreign: list[Record] = []
        self.lock = threading.Lock()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        with self.lock:
            self.told.append(f"{self.name}+")
            self.owned |= set(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        with self.lock:
            self.told.append(f"{self.name}-")
            self.owned -= set(partitions)
            for key in [key for key, at in self.at.items() if at in set(partitions)]:
                self.states.pop(key)
                del self.at[key]
            for partition in partitions:
                self.needed.pop(partition, None)

    def handle(self, records: Sequence[Record]) -> Positions:
        with self.lock:
            handled = {}
            for record in records:
                at = Partition(record.topic, record.partition)
                if at not in self.owned:
                    self.foreign.append(record)
                self.at[record.key] = at
                state = self.states.setdefault(record.key, list(self.stored.get(record.key, [])))
                number = int(record.value)
                if number > (state[-1] if state else -1):
                    state.append(number)
                needed = self.needed.setdefault(at, {})
                needed.setdefault(record.key, record.offset)
                if len(state) % 10 == 0:
                    self.stored[record.key] = list(state)
                    del needed[record.key]
                handled[at] = record.offset + 1
            return {at: min(self.needed[at].values(), default=offset) for at, offset in handled.items()}


def send(bus: Bus, topic: str, keys: Sequence[str], numbers: Sequence[int]) -> None:
    for number in numbers:
        for key in keys:
            bus.publish(topic, key, str(number).encode())


def test_a_successor_reads_from_the_oldest_record_still_needed(network: Network, topic: str) -> None:
    """25 numbers, snapshots at the 10th and 20th: the next owner is given 20 to 24 again, nothing before, and then what is new."""
    bus, stored = network.client(), dict[str, list[int]]()
    bus.ensure_topics([topic])
    first = Fold(stored)
    subscription = bus.consume([topic], "fold", first.handle, on_assigned=first.assigned, on_revoked=first.revoked)
    send(bus, topic, ["a"], range(25))
    assert eventually(lambda: first.states.get("a", [])[-1:] == [24])
    subscription.stop()
    assert first.states == {}, "told to forget"
    seen = Seen()
    second = network.client().consume([topic], "fold", seen)
    send(bus, topic, ["a"], range(25, 30))
    values = [int(value) for value in seen.wait(10).values()]
    assert values == list(range(20, 30))
    second.stop()


def test_positions_do_not_bring_the_same_records_twice_to_one_owner(network: Network, topic: str) -> None:
    """What is still needed by a successor is not handed out again while the owner stays; and its future is done."""
    bus, handled = network.client(), list[bytes]()
    bus.ensure_topics([topic])

    def keeps_all(records: Sequence[Record]) -> Positions:
        handled.extend(record.value for record in records)
        return {}

    subscription = bus.consume([topic], "g", keeps_all, batch=5)
    futures = [bus.publish(topic, "a", str(number).encode()) for number in range(30)]
    assert [future.result(90) for future in futures] == [None] * 30
    assert eventually(lambda: len(handled) == 30)
    subscription.stop()
    assert handled == [str(number).encode() for number in range(30)]
    seen = Seen()
    network.client().consume([topic], "g", seen)
    assert seen.wait(30).values() == handled, "nothing was committed"


def test_positions_go_neither_backwards_nor_ahead_of_what_was_handled(network: Network, topic: str) -> None:
    """A position of 10**9 commits what was handled; one of 0 afterwards takes nothing back."""
    bus, answers = network.client(), [10**9, 0]
    bus.ensure_topics([topic])

    def odd(records: Sequence[Record]) -> Positions:
        return {Partition(topic, record.partition): answers[min(int(record.value) // 10, 1)] for record in records}

    first = Seen()

    def both(records: Sequence[Record]) -> Positions:
        first(records)
        return odd(records)

    subscription = bus.consume([topic], "g", both)
    for future in [bus.publish(topic, "a", str(number).encode()) for number in range(10)]:
        future.result(90)
    first.wait(10)
    bus.publish(topic, "a", b"10").result(90)
    first.wait(11)
    subscription.stop()
    bus.publish(topic, "a", b"11")
    seen = Seen()
    network.client().consume([topic], "g", seen)
    assert seen.wait(2).values() == [b"10", b"11"]


def test_an_owner_is_told_before_the_first_record_and_after_the_last(network: Network, topic: str) -> None:
    """Three owners one after the other, two of them at once for a while: nobody is handed a partition that it does not own, every
    number is folded once per key, in order."""
    bus, stored, told = network.client(), dict[str, list[int]](), list[str]()
    bus.ensure_topics([topic])
    keys = [f"camera-{number}" for number in range(16)]
    one, two, three = (Fold(stored, name, told) for name in ("one", "two", "three"))
    first = bus.consume([topic], "fold", one.handle, batch=7, on_assigned=one.assigned, on_revoked=one.revoked)
    send(bus, topic, keys, range(15))
    assert eventually(lambda: len(stored) == 16)
    second = network.client().consume([topic], "fold", two.handle, batch=7, on_assigned=two.assigned, on_revoked=two.revoked)
    assert eventually(lambda: bool(two.owned) and bool(one.owned) and not two.owned & one.owned)
    send(bus, topic, keys, range(15, 37))
    first.stop()
    third = network.client().consume([topic], "fold", three.handle, batch=7, on_assigned=three.assigned, on_revoked=three.revoked)
    assert eventually(lambda: bool(three.owned) and not two.owned & three.owned)
    send(bus, topic, keys, range(37, 60))
    assert eventually(lambda: all(stored[key] == list(range(60)) for key in keys))
    second.stop()
    third.stop()
    assert [fold.foreign for fold in (one, two, three)] == [[], [], []]
    assert [fold.owned for fold in (one, two, three)] == [set(), set(), set()]
    assert {"one+", "one-", "two+", "two-", "three+", "three-"} <= set(told)


def test_no_record_comes_before_the_owner_could_take_the_partition(network: Network, topic: str) -> None:
    """Loading a snapshot fails twice (the database is away); then the records come."""
    bus, calls, seen = network.client(), list[str](), Seen()
    bus.ensure_topics([topic])

    def assigned(partitions: Sequence[Partition]) -> None:
        assert partitions
        calls.append("assigned")
        if len(calls) <= 2:
            raise RuntimeError("not now")

    def handle(records: Sequence[Record]) -> None:
        calls.append("records")
        seen(records)

    bus.publish(topic, "a", b"1")
    subscription = bus.consume([topic], "g", handle, on_assigned=assigned)
    seen.wait(1)
    assert calls[:3] == ["assigned"] * 3
    assert "records" not in calls[:3]
    assert subscription.failed() is None


def test_topics_of_equal_size_are_shared_out_alike(network: Network, topic: str) -> None:
    """Two topics, two consumers: what is said of a key on either topic comes to the same one."""
    bus, other = network.client(), topic + ".b"
    bus.ensure_topics([topic, other])
    owned: list[set[Partition]] = [set(), set()]
    seen = [Seen(), Seen()]

    def gain(place: int, partitions: Sequence[Partition]) -> None:
        owned[place] |= set(partitions)

    def lose(place: int, partitions: Sequence[Partition]) -> None:
        owned[place] -= set(partitions)

    for place in (0, 1):
        network.client().consume(
            [topic, other],
            "g",
            seen[place],
            on_assigned=lambda partitions, place=place: gain(place, partitions),
            on_revoked=lambda partitions, place=place: lose(place, partitions),
        )
    assert eventually(lambda: all(owned) and not owned[0] & owned[1])
    keys = [f"camera-{number}" for number in range(20)]
    send(bus, topic, keys, [1])
    send(bus, other, keys, [2])
    assert eventually(lambda: len({(record.topic, record.key) for one in seen for record in one.records}) == 40)
    for place in (0, 1):
        assert {at.index for at in owned[place] if at.topic == topic} == {at.index for at in owned[place] if at.topic == other}
    assert all(seen[place].records for place in (0, 1))
