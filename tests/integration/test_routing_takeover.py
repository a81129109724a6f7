"""Two protocols over one camera, and grade's owner changes in the middle: the same windows of both, none lost and none twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.integration.test_services_takeover import until
from tests.unit.pipeline.grade.feed import PROTOCOL, SITE, feed
from tests.unit.pipeline.grade.test_stage import occupied
from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ESTIMATES, STAYS
from wince.domain.estimate import Estimate
from wince.domain.routing import Role, Routing, Rule
from wince.domain.snapshot import Graded
from wince.pipeline.grade import stage
from wince.runners.grade import Grading
from wince.runners.record import Recording

OTHER = replace(PROTOCOL, name="other", window=replace(PROTOCOL.window, length_s=10.0))
RULES = Routing("activity", (Rule("activity"), Rule("other", Role.SHADOW)), {"activity": PROTOCOL.population, "other": OTHER.population})
SETUPS = {one.name: stage.Setup(one, SITE, None, RULES) for one in (PROTOCOL, OTHER)}


class Store:
    """What record stored, by protocol."""

    def __init__(self) -> None:
        self.snapshots: dict[str, stage.State] = {}
        self.messages: dict = {}
        self.begun: list[tuple[int, ...]] = []

    def commit(self, batch: Sequence[Graded]) -> None:
        for graded in batch:
            for one in (*graded.assessments, *graded.alerts, *graded.questions):
                assert self.messages.setdefault(one.id, one) == one
            if graded.snapshot is not None:
                state = stage.load(graded.snapshot.state, SETUPS[graded.snapshot.protocol])
                before = self.snapshots.get(graded.snapshot.protocol)
                if before is None or before.closed_until_us <= state.closed_until_us:
                    self.snapshots[graded.snapshot.protocol] = state

    def begin(self, source: str) -> Mapping[str, stage.State]:
        found = {name: self.snapshots.get(name) or stage.begin(source, setup) for name, setup in SETUPS.items()}
        self.begun.append(tuple(state.closed_until_us for state in found.values()))
        return found

    def closed(self, sources: Sequence[str]) -> dict[str, int]:
        """As `serve.begin.closed`: the protocol that is furthest behind counts."""
        if len(self.snapshots) < len(SETUPS):
            return {}
        return dict.fromkeys(sources, min(state.closed_until_us for state in self.snapshots.values()))


def both(seconds: float) -> list[stage.Input]:
    """A feed whose faces were read for two protocols; the second reads half as much."""
    messages: list[stage.Input] = []
    for one in feed(lambda at: (6.0 if 12 <= at < 20 else 0.5, 0.9, 0.0), seconds):
        if isinstance(one, Estimate):
            assert one.reading is not None
            half = replace(one.reading, score=one.reading.score / 2)
            messages += [replace(one, protocol="activity"), replace(one, protocol="other", reading=half)]
        else:
            messages.append(one)
    return messages


@pytest.mark.parametrize("cut", [5, 40, 71, 93, 150])
def test_a_successor_gives_the_same_windows_of_every_protocol(cut):
    """It reads again from the oldest record that the snapshot of any protocol lacks; who closed it already gives nothing twice."""
    messages, bus, store = both(30), MemoryBus(partitions=4), Store()
    wanted = {}
    for name, setup in SETUPS.items():
        mine = [one for one in messages if not isinstance(one, Estimate) or one.protocol == name]
        _, events = stage.step(stage.begin("cam", setup), [occupied(0, 1), *mine])
        wanted |= {one.id: one for one in events}
    assert {one.protocol for one in wanted.values()} == {"activity", "other"}
    recording = Recording(bus, store.commit, lambda _: None)
    recording.start()

    def publish(topic: str, some: Sequence) -> None:
        for message in some:
            schema, value = codec.encode(message)
            bus.publish(topic, message.source, value, {"schema": schema.encode()})

    first = Grading(bus, store.begin, store.closed, default="activity", ask_every_s=0.0)
    first.batch = 4
    first.start()
    publish(STAYS, [occupied(0, 1)])
    until(lambda: len(store.begun) == 1)
    publish(ESTIMATES, messages[:cut])
    first.stop()
    second = Grading(bus, store.begin, store.closed, default="activity", ask_every_s=0.0)
    second.start()
    publish(ESTIMATES, messages[cut:])
    until(lambda: set(wanted) <= set(store.messages))
    second.stop()
    recording.stop()
    bus.close()
    assert {one.id: replace(one, basis="") if hasattr(one, "basis") else one for one in store.messages.values()} == {
        key: replace(one, basis="") if hasattr(one, "basis") else one for key, one in wanted.items()
    }
