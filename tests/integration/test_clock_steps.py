"""Clocks that step, forward and back, with and without a restart, on the host of grade and record; and times of people and lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.record_world import CAMERA, T0, admit, stay, window
from tests.integration.test_undo_ahead import CALM, HOUR_S, PROTOCOLS, T0_S, Road
from tests.unit.pipeline.grade.feed import feed
from wince.care.postgres import PostgresCare
from wince.clock import wall_us
from wince.domain.ahead import Bound
from wince.domain.assessment import Verdict
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat
from wince.errors import InputError, MessageError
from wince.pipeline.record.sink import PostgresSink
from wince.serve import census_source
from wince.settings import Settings
from wince.store.database import Database


@pytest.fixture
def road(database: Database, tmp_path: Path) -> Iterator[Road]:
    before_us = (T0_S - HOUR_S) * US
    admit(database, replace(stay(start_us=before_us, recorded_us=before_us), birth_date=date(1950, 1, 1)))
    made = Road(database, tmp_path, Bound())
    yield made
    made.close()


def play(road: Road, seconds: int, at_s: int, offset_s: int) -> None:
    """The camera's own clock is right; that of grade and record is `offset_s` ahead of it."""
    for message in feed(lambda _: CALM, seconds, origin_s=at_s, ended=False):
        assert isinstance(message, Estimate | Beat)
        road.now_us = message.time_us + offset_s * US
        road.send([replace(message, source=CAMERA)], moves=False)


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S, 5, -5], ids=["hour-forward", "hour-back", "forward", "back"])
def test_a_step_of_the_host_loses_a_minute_at_most(road: Road, offset_s: int, restarted: bool) -> None:
    """Set for 40 seconds, then right again: what is graded before and after stands, no window is false, nothing is an alarm. Only an hour
    back looks like a camera of the future: its frames are set aside meanwhile."""
    play(road, 20, T0_S, 0)
    for at_s, ahead_s, seconds in ((20, offset_s, 40), (60, 0, 21)):
        if restarted:
            road.until(lambda at_s=at_s, ahead_s=ahead_s: len(road.windows()) >= (4 if at_s == 20 or offset_s == -HOUR_S else 12))
            road.close()
            road.start()
        play(road, seconds, T0_S + at_s, ahead_s)
    road.until(lambda: len(road.windows()) >= 16)
    graded = [second for second, grade in road.windows() if grade is not None]
    lost = range(20, 60) if offset_s == -HOUR_S else range(0)
    assert [second for second, _ in road.windows()] == list(range(0, 80, 5))
    assert graded == [second for second in range(0, 80, 5) if second not in lost]
    assert road.alarms() == 0
    assert road.verify().unproven == 0


def test_a_verdict_of_the_future_is_refused_by_field(database: Database) -> None:
    """Also beside a window of the future, as a replay has: a client's clock may be ahead by minutes, not more."""
    admit(database, stay())
    asked = window(0)
    PostgresSink(database, PROTOCOLS, []).commit([asked])
    care = PostgresCare(database, PROTOCOLS, lambda: T0)
    told = Verdict(uuid4(), None, asked.id, "n7", 1, T0 + 3600 * US)
    with pytest.raises(MessageError) as failed:
        care.give(told, "nurse")
    assert failed.value.field == "at_us"
    assert care.give(replace(told, at_us=T0 + 300 * US), "nurse").grade == 1


def test_a_census_list_of_the_future_is_refused(tmp_path: Path) -> None:
    """Its rows are held against its own moment, so that must not lie ahead."""
    file = tmp_path / "list.csv"
    file.write_text("patient,encounter,bed\nM1,V1,ICU^1^A\n")
    settings = Settings(state_dir=tmp_path, time_zone="UTC", patient_authority="MRN", census_visit_authority="VISIT")
    assert census_source.read_file(settings, file).rows
    with pytest.raises(InputError) as failed:
        census_source.read_file(settings, file, moment_us=wall_us() + 3600 * US)
    assert failed.value.field == "--at"
