"""Grade's owner changes in the middle of a window; record's replicas share the work: the same ids, nothing twice, order kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.integration.record_world import BED, FakeTarget, alert, change, stay, window
from tests.integration.test_record_sink import PROTOCOLS, count
from tests.unit.pipeline.grade.feed import feed, setup
from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ASSESSMENTS, ESTIMATES
from wince.domain.census import Revision
from wince.domain.snapshot import Graded
from wince.domain.stay import Watch
from wince.pipeline.grade import stage
from wince.pipeline.record.postgres import PostgresSink
from wince.runtime.grading import Grading
from wince.runtime.recording import Recording
from wince.store.stays import save_watches


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Store:
    """What record stored: snapshots, and every message by id."""

    def __init__(self) -> None:
        self.snapshots: dict[str, stage.State] = {}
        self.messages: dict = {}
        self.begun: list[int] = []

    def commit(self, batch: Sequence[Graded]) -> None:
        for graded in batch:
            for one in (*graded.assessments, *graded.alerts, *graded.questions):
                assert self.messages.setdefault(one.id, one) == one
            if graded.snapshot is not None:
                state = stage.load(graded.snapshot.state, setup())
                before = self.snapshots.get(graded.source)
                if before is None or before.closed_until_us <= state.closed_until_us:
                    self.snapshots[graded.source] = state

    def begin(self, source: str) -> stage.State:
        found = self.snapshots.get(source) or stage.begin(source, setup())
        self.begun.append(found.closed_until_us)
        return found

    def closed(self, sources: Sequence[str]) -> dict[str, int]:
        return {source: self.snapshots[source].closed_until_us for source in sources if source in self.snapshots}


@pytest.mark.parametrize("cut", [3, 17, 31, 52, 77])
def test_a_successor_gives_the_same_ids(cut):
    """The first owner ends without committing anything more after `cut` messages; whoever comes next gives the same story."""
    messages = feed(lambda at: (6.0 if 12 <= at < 20 else 0.5, 0.9, 0.0), 30)
    _, wanted = stage.step(stage.begin(messages[0].source, setup()), messages, 0)
    with_bus, store = MemoryBus(partitions=4), Store()
    recording = Recording(with_bus, store.commit, lambda _: None)
    recording.start()

    def publish(some: Sequence) -> None:
        for message in some:
            schema, value = codec.encode(message)
            with_bus.publish(ESTIMATES, message.source, value, {"schema": schema.encode()})

    first = Grading(with_bus, store.begin, lambda: 0, store.closed, ask_every_s=0.0)
    first.batch = 4
    first.start()
    publish(messages[:cut])
    until(lambda: len(store.begun) == 1)
    first.stop()
    second = Grading(with_bus, store.begin, lambda: 0, store.closed, ask_every_s=0.0)
    second.start()
    publish(messages[cut:])
    until(lambda: {one.id for one in wanted} <= set(store.messages))
    second.stop()
    recording.stop()
    with_bus.close()
    assert {one.id: one for one in wanted} == store.messages
    assert len(store.begun) == 2


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
        sink = PostgresSink(database, PROTOCOLS, target)

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
