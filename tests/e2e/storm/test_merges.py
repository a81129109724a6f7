"""A merge of numbers: what was written stays, since the EHR links it again; what is new goes to the survivor."""

from collections.abc import Iterator

import pytest

from tests.integration.record_world import alert
from wince.domain.entry import Entry, Kind

from .draws import window_at
from .feed import Habits, write
from .hospital import SECOND, Event, Hospital
from .world import World, site_of

NOW = 1_793_606_400 * SECOND
HABITS = Habits()


@pytest.fixture
def world(postgres_dsn: str) -> Iterator[World]:
    opened = World(postgres_dsn, site_of(HABITS), NOW)
    try:
        opened.watch("cam-1", "ICU^1^A", NOW - 3600 * SECOND)
        yield opened
    finally:
        opened.close()


def _tell(world: World, event: Event) -> None:
    assert world.send(write(event, HABITS, f"M{event.n}", world.now)) == "AA"
    world.review()


def _alert(world: World, minute: int) -> None:
    window = window_at("cam-1", NOW + minute * 60 * SECOND, 2)
    world.now = window.end_us
    world.commit([window, alert(window)])


def _alerts(world: World) -> list[Entry]:
    return sorted((entry for entry in world.entries() if entry.kind is Kind.ALERT), key=lambda entry: entry.start_us)


@pytest.mark.parametrize("trigger", ["A40", "A47"])
def test_persons(world: World, trigger: str) -> None:
    hospital = Hospital(NOW)
    old, survivor = hospital.register(), hospital.register()
    _tell(world, hospital.admit(old, "ICU^1^A", 0))
    _alert(world, 1)
    _tell(world, hospital.merge([(old, survivor)], trigger))
    _alert(world, 2)
    first, second = _alerts(world)
    assert (first.patient.value, first.revision, first.status) == (old.number, 1, "preliminary")
    assert (second.patient.value, second.revision) == (survivor.number, 1)
    assert first.encounter == second.encounter


@pytest.mark.parametrize("trigger", ["A42", "A50"])
def test_visits(world: World, trigger: str) -> None:
    hospital = Hospital(NOW)
    event = hospital.admit(hospital.register(), "ICU^1^A", 0)
    _tell(world, event)
    _alert(world, 1)
    _tell(world, hospital.renumber(event.visits[0], trigger))
    _alert(world, 2)
    first, second = _alerts(world)
    assert (first.encounter.value, first.revision, first.status) == ("V000", 1, "preliminary")
    assert (second.encounter.value, second.revision) == ("V000-1", 1)
