"""Grade's owner changes in the middle of a window; record's replicas share the work: the same ids, nothing twice, order kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.integration.record_world import BED, FakeTarget, alert, change, stay, window
from tests.integration.test_record_sink import PROTOCOLS, count
from tests.support.verdicts import verdict_id
from tests.unit.pipeline.grade.feed import assessments, feed, setup
from tests.unit.pipeline.grade.test_stage import Against
from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ASSESSMENTS, CARE, ESTIMATES
from wince.domain.assessment import Assessment, Verdict
from wince.domain.care import Pause
from wince.domain.census import Revision
from wince.domain.frame import US
from wince.domain.ids import content_hash
from wince.domain.snapshot import Graded
from wince.domain.stay import Occupancy, Watch
from wince.pipeline.grade import stage
from wince.pipeline.record.sink import PostgresSink
from wince.runners.grade import Grading
from wince.runners.record import Recording
from wince.store.answers import answer
from wince.store.stays import save_watches


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Store:
    """What record stored: snapshots, and every message by id."""

    def __init__(self, personal: object = None) -> None:
        self.setup = setup(personal)
        self.snapshots: dict[str, stage.State] = {}
        self.messages: dict = {}
        self.begun: list[int] = []

    def commit(self, batch: Sequence[Graded]) -> None:
        for graded in batch:
            for one in (*graded.assessments, *graded.alerts, *graded.questions):
                assert self.messages.setdefault(one.id, one) == one
            if graded.snapshot is not None:
                state = stage.load(graded.snapshot.state, self.setup)
                before = self.snapshots.get(graded.source)
                if before is None or before.closed_until_us <= state.closed_until_us:
                    self.snapshots[graded.source] = state

    def begin(self, source: str) -> dict[str, stage.State]:
        found = self.snapshots.get(source) or stage.begin(source, self.setup)
        self.begun.append(found.closed_until_us)
        return {self.setup.protocol.name: found}

    def closed(self, sources: Sequence[str]) -> dict[str, int]:
        return {source: self.snapshots[source].closed_until_us for source in sources if source in self.snapshots}


@pytest.mark.parametrize("cut", [3, 17, 31, 52, 77])
def test_a_successor_gives_the_same_ids(cut):
    """The first owner ends without committing anything more after `cut` messages; whoever comes next gives the same story."""
    messages = feed(lambda at: (6.0 if 12 <= at < 20 else 0.5, 0.9, 0.0), 30)
    _, wanted = stage.step(stage.begin(messages[0].source, setup()), messages)
    with_bus, store = MemoryBus(partitions=4), Store()
    recording = Recording(with_bus, store.commit, lambda _: None)
    recording.start()

    def publish(some: Sequence) -> None:
        for message in some:
            schema, value = codec.encode(message)
            with_bus.publish(ESTIMATES, message.source, value, {"schema": schema.encode()})

    first = Grading(with_bus, store.begin, store.closed, default="activity", ask_every_s=0.0)
    first.batch = 4
    first.start()
    publish(messages[:cut])
    until(lambda: len(store.begun) == 1)
    first.stop()
    second = Grading(with_bus, store.begin, store.closed, default="activity", ask_every_s=0.0)
    second.start()
    publish(messages[cut:])
    until(lambda: {one.id for one in wanted} <= set(store.messages))
    second.stop()
    recording.stop()
    with_bus.close()
    assert {one.id: one for one in wanted} == store.messages
    assert len(store.begun) == 2


@pytest.mark.parametrize("cut", [8, 40, 60])
def test_a_nurse_s_word_holds_for_a_successor(cut):
    """No pain, said of a window with an alert: whoever folds on, before, at or after her word, gives the windows that one owner gives,
    or says that they rest on something else."""
    messages = feed(lambda at: (5.0, 0.9, 0.0), 60)
    source, begun = messages[0].source, stage.begin(messages[0].source, setup(Against()))
    _, (alert, *_) = stage.step(begun, messages[:40])
    word = Verdict(verdict_id(alert.assessment, "n7", 20_000_000), None, alert.assessment, "n7", 0, 20_000_000)
    _, wanted = stage.step(begun, [*messages[:40], answer(source, word), *messages[40:]])
    bus, store = MemoryBus(partitions=4), Store(Against())
    recording = Recording(bus, store.commit, lambda _: None)
    recording.start()

    def publish(topic: str, some: Sequence) -> None:
        for message in some:
            schema, value = codec.encode(message)
            bus.publish(topic, source, value, {"schema": schema.encode()})

    first = Grading(bus, store.begin, store.closed, default="activity", ask_every_s=0.0)
    first.batch = 4
    first.start()
    publish(ESTIMATES, messages[:40])
    until(lambda: alert.assessment in store.messages)
    publish(CARE, [word])
    publish(ESTIMATES, messages[40 : 40 + cut])
    first.stop()
    second = Grading(bus, store.begin, store.closed, default="activity", ask_every_s=0.0)
    second.start()
    publish(ESTIMATES, messages[40 + cut :])
    last = wanted[-1].id
    until(lambda: last in store.messages)
    second.stop()
    recording.stop()
    bus.close()
    ours = [one for one in wanted if isinstance(one, Assessment)]
    assert sum(one.personal for one in ours) >= 6
    assert [store.messages[one.id].personal for one in ours] == [one.personal for one in ours]
    assert [store.messages[one.id].grade for one in ours] == [one.grade for one in ours]


def test_two_record_replicas_share_the_sources(database):
    """Each source is one replica's at a time; every window is there once, every encounter's entries in order of time."""
    sources = [f"cam-{number}" for number in range(8)]
    save_watches(database, [Watch(source, f"{BED}{source}", 0, None, 0) for source in sources])
    for source in sources:
        lies = replace(stay(f"V-{source}"), bed=f"{BED}{source}")
        change(database, Revision(add=(lies,), recorded_us=lies.recorded_us), lies.encounter.value)
    bus, target, busy = MemoryBus(partitions=12), FakeTarget(), threading.Lock()
    worked: dict[str, set[str]] = {"one": set(), "two": set()}

    def committer(name: str) -> Callable[[Sequence[Graded]], None]:
        sink = PostgresSink(database, PROTOCOLS, [target])

        def commit(batch: Sequence[Graded]) -> None:
            sink.commit([one for graded in batch for one in (*graded.assessments, *graded.alerts)])
            with busy:
                worked[name] |= {graded.source for graded in batch}

        return commit

    replicas = [Recording(bus, committer(name), lambda _: None) for name in worked]
    for one in replicas:
        one.batch = 3
        one.start()
    for number in range(12):
        for source in sources:
            of = window(number, number // 3 % 3, source=source)
            graded = Graded(source, (of,), (alert(of),) if number % 9 == 8 else (), (), None)
            for _ in range(1 + number % 2):  # every second comes twice
                schema, value = codec.encode(graded)
                bus.publish(ASSESSMENTS, source, value, {"schema": schema.encode()})
    until(lambda: count(database, "assessment") == 12 * len(sources))
    for one in replicas:
        one.stop()
    bus.close()
    assert worked["one"]
    assert worked["two"]
    assert worked["one"] | worked["two"] == set(sources)
    with database.transaction() as tx:
        rows = tx.execute("SELECT encounter, effective, entry FROM outbox ORDER BY made").fetchall()
        alarms = tx.execute("SELECT count(*) FROM audit WHERE event = 'alarm'").fetchone()[0]
    assert alarms == 0
    assert len({entry for _, _, entry in rows}) == len(rows) > len(sources)
    for encounter in {row[0] for row in rows}:
        times = [effective for name, effective, _ in rows if name == encounter]
        assert times == sorted(times)


def test_a_stay_known_only_to_the_successor_is_no_alarm(database):
    """The first owner's windows were sent, and its snapshot was not stored, when an admission came late and another took over: it finds the
    same windows with another story. The first stands; the trail says why, and does not call it an alarm."""
    save_watches(database, [Watch("cam", BED, 0, None, 0)])
    calm_then_pain = feed(lambda at: (6.0 if 12 <= at < 20 else 0.5, 0.9, 0.0), 30)
    came = Occupancy("cam", 14 * US, stay())
    _, first = stage.step(stage.begin("cam", setup()), [Occupancy("cam", 0, None), *calm_then_pain])
    _, second = stage.step(stage.begin("cam", setup()), [Occupancy("cam", 0, None), came, *calm_then_pain])
    differ = {one.id for one in first} & {one.id for one in second if content_hash(one) not in map(content_hash, first)}
    assert differ, "else this shows nothing"
    sink = PostgresSink(database, PROTOCOLS, [FakeTarget()])
    sink.commit(first)
    for _ in range(2):
        assert sink.commit(second).alarms == ()
    lied = [replace(one, frames=1) for one in second if isinstance(one, Assessment) and one.end_us <= 10 * US]
    assert set(sink.commit(lied).alarms) == {one.id for one in lied}, "what was known up to there is the same: an alarm"
    with database.transaction() as tx:
        trail = "SELECT event, array_agg(entry ORDER BY entry) FROM audit WHERE event IN ('alarm', 'known-later') GROUP BY 1"
        said = tx.execute(trail.encode()).fetchall()
        stand = tx.execute("SELECT body FROM assessment ORDER BY start_us").fetchall()
    assert dict(said) == {"alarm": sorted(one.id for one in lied), "known-later": sorted(differ)}
    assert [codec.decode("wince.api.grade.v1.Assessment", bytes(body)) for (body,) in stand] == assessments(first)


def test_the_same_knowledge_gives_the_same_basis_whatever_the_batches_and_across_a_snapshot():
    """Nothing known: none. A message twice, or told again with what holds already, changes nothing."""
    messages = feed(lambda _: (0.5, 0.9, 0.0), 30)
    assert {one.basis for one in assessments(stage.step(stage.begin("cam", setup()), messages)[1])} == {""}
    known = [Occupancy("cam", 0, stay()), Pause("cam", 11 * US, 13 * US)]
    _, at_once = stage.step(stage.begin("cam", setup()), [*known, *messages])
    state, found = stage.begin("cam", setup()), []
    for one in (*known, *messages):
        state, events = stage.step(stage.load(stage.dump(state), setup()), [one, known[0]])
        found += events
    assert [one.basis for one in assessments(found)] == [one.basis for one in assessments(at_once)]
    assert len({one.basis for one in assessments(found)}) == 6
