"""Estimate over the bus where members see clips: a successor has its predecessor's memory, because it reads it again."""

import threading

import pytest

from tests.unit.pipeline.estimate.test_clips import STEP, Seers, face
from wince import codec
from wince.bus.interface import Partition, Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import ESTIMATES, FACES, dead_letters
from wince.domain.ahead import Bound
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.readers import Reader
from wince.runners.ahead import Ahead
from wince.runners.estimate import Estimating, media_clock
from wince.runners.positions import Recent


class Collected:
    """Estimates as they came, by source; waits for a count."""

    def __init__(self, bus):
        self.made = []
        self._came = threading.Condition()
        bus.consume([ESTIMATES], "test", self._take)

    def _take(self, records):
        with self._came:
            self.made += [codec.decode(record.headers["schema"].decode(), record.value) for record in records]
            self._came.notify_all()

    def wait(self, count):
        with self._came:
            assert self._came.wait_for(lambda: len(self.made) >= count, 60)

    def first(self):
        """What grade heeds: of each source and time the first, where nothing later came before."""
        heeded, last = [], {}
        for one in self.made:
            if isinstance(one, Estimate) and one.time_us > last.get(one.source, -1):
                last[one.source] = one.time_us
                heeded.append((one.source, one.time_us, one.reason))
        return sorted(heeded)


@pytest.fixture
def bus():
    made = MemoryBus(flush_s=1, partitions=2)
    yield made
    made.close()


def publish(bus, messages):
    for message in messages:
        schema, value = codec.encode(message)
        bus.publish(FACES, message.source, value, {"schema": schema.encode()})


def messages(first, last, sources=("bed1", "bed2", "bed3")):
    for at in range(first, last):
        yield from (face(at * STEP, source) for source in sources)


def test_a_successor_s_clips_are_whole(bus):
    """Two consumers one after the other give what one would have given."""
    collected = Collected(bus)
    one = Estimating(bus, [Reader("icu", Seers(), 10 * US)], media_clock)
    one.start()
    publish(bus, messages(0, 12))
    collected.wait(36)
    one.stop()
    assert not any(state.clips.sources for state in one.states.values())  # given up with the partitions
    second = Estimating(bus, [Reader("icu", Seers(), 10 * US)], media_clock)
    second.start()
    publish(bus, messages(12, 24))
    collected.wait(72 + 3 * 3)  # three faces of each source are read again
    second.stop()
    wanted = [(f"bed{bed}", at * STEP, Reason.GAP if at < 3 else None) for bed in (1, 2, 3) for at in range(24)]
    assert collected.first() == wanted


def test_without_such_members_everything_is_committed(bus):
    class Plain:
        model_set = "x"

        def score(self, faces):
            return [Score(None, Reason.UNCERTAIN)] * len(faces)

    collected = Collected(bus)
    for first in (0, 4):
        one = Estimating(bus, [Reader("activity", Plain(), 10 * US)], media_clock)
        one.start()
        publish(bus, messages(first, first + 4))
        collected.wait(3 * (first + 4))
        one.stop()
    assert len(collected.made) == 24
    assert not any(state.clips.sources for state in one.states.values())


def record(offset, source="a", partition=0):
    return Record(FACES, source, b"", {}, partition, offset)


def test_positions_hold_back_what_is_remembered_and_no_more():
    recent, where = Recent(), Partition(FACES, 0)
    for offset in range(4):
        recent.handled(record(offset), 0.0, "a", offset * STEP)
    recent.handled(record(4, "b"), 0.0, "b", 0)
    recent.handled(record(5), 0.0)  # a beat
    recent.forget({"a": 2 * STEP, "b": 0}, 0.0)
    assert recent.positions() == {where: 2}
    recent.forget({"b": 0}, 1.0)
    assert recent.positions() == {where: 4}
    recent.forget({"b": 0}, 20.0)  # silent for so long that nobody waits for it
    assert recent.positions() == {where: 6}
    recent.handled(record(3), 21.0, "a", 3 * STEP)  # came before
    assert recent.positions() == {where: 6}
    recent.handled(record(6), 22.0, "a", 6 * STEP)
    assert recent.drop([where]) == {"a"}
    assert recent.positions() == {}


def test_a_beat_that_ends_a_source_holds_nothing_back(bus):
    one = Estimating(bus, [Reader("icu", Seers(), 10 * US)], media_clock)
    records = []
    for offset, message in enumerate([*messages(0, 4, ("a",)), Beat("a", US, 4, 0, 0, ended=True)]):
        schema, value = codec.encode(message)
        records.append(Record(FACES, "a", value, {"schema": schema.encode()}, 0, offset))
    collected = Collected(bus)
    assert one.handle(records[:4]) == {Partition(FACES, 0): 0}
    assert one.handle(records[4:]) == {Partition(FACES, 0): 5}
    collected.wait(5)


def test_a_stray_message_of_the_future_forgets_no_clip(bus):
    """A beat or a face a day ahead is a dead letter; the clips go on as if it had not come. A clock that stays ahead is let through."""
    collected, letters, now = Collected(bus), [], [0]
    bus.consume([dead_letters(FACES)], "letters", letters.extend)
    one = Estimating(bus, [Reader("icu", Seers(), 10 * US)], media_clock, ahead=Ahead(Bound(hold_us=0), lambda: now[0]))
    one.start()
    publish(bus, messages(0, 12, ["bed1"]))
    collected.wait(12)
    publish(bus, [Beat("bed1", 86_400 * US, 0, 0, 0), face(86_400 * US, "bed1")])
    publish(bus, messages(12, 24, ["bed1"]))
    collected.wait(24)
    assert [reason for _, _, reason in collected.first()] == [Reason.GAP] * 3 + [None] * 21
    assert len(letters) == 2
    publish(bus, [face(86_400 * US + at * STEP, "bed1") for at in range(60)])
    collected.wait(24 + 30)
    one.stop()
