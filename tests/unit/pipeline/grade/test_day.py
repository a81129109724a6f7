"""A day of a stay through grade and charting, from synthetic estimates on a fast clock."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np

from tests.unit.pipeline.grade.feed import PROTOCOL, alerts, assessments, setup
from wince.domain.charting import ChartState, chart
from wince.domain.entry import Entry, Kind
from wince.domain.estimate import Estimate, Reading
from wince.domain.frame import US, Beat
from wince.domain.ids import make, site_namespace
from wince.domain.reason import Reason
from wince.domain.scales import Band
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.pipeline.grade import stage

RATE = 2
PAINS = [(hour * 3600 + 1200 * part, 15 + 10 * part) for hour in range(24) for part in range(3) if (hour * 3 + part) % 4]
"""(begin, seconds): 54 painful stretches a day."""
NIGHT = (60_000, 75_000)
"""Dark, seconds."""


def test_a_day_is_forty_entries_and_no_missed_alert() -> None:
    """Every pain that could be seen overlaps an alert. Every alert is charted, beside at most 40 other entries. Nothing else alerts."""
    rng = random.Random(3)
    protocol = replace(PROTOCOL, detect=replace(PROTOCOL.detect, rate_hz=float(RATE)))
    visit = Identifier("urn:visit", "1")
    stay = Stay(make(site_namespace("test"), "stay", 1), "A^1^1", Identifier("urn:mrn", "1"), visit, 0, None, 0)
    plain = np.array([math.nan] * 6, np.float32)
    state, charted = stage.begin("cam", setup(protocol=protocol)), ChartState()
    state, _ = stage.step(state, [Occupancy("cam", 0, None)])
    entries: list[Entry] = []
    fired = []
    painful = {second for begin, length in PAINS for second in range(begin, begin + length)}
    for hour in range(24):
        batch: list[stage.Input] = []
        for second in range(hour * 3600, hour * 3600 + 3600):
            for part in range(RATE):
                at = second * US + part * US // RATE
                if NIGHT[0] <= second < NIGHT[1]:
                    batch.append(Estimate("cam", 0, at, Reason.DARK, None))
                    continue
                spike = 6 if second % 50 == 7 else 0  # two frames long: shorter than the debounce
                score = rng.uniform(5, 12) if second in painful else rng.uniform(0, 1.5) + spike
                batch.append(Estimate("cam", 0, at, None, Reading(score, 0.9, plain, 0.0), model_set="m"))
            batch.append(Beat("cam", (second + 1) * US, RATE, 0, 0))
        state, events = stage.step(state, batch)
        fired += alerts(events)
        for window in assessments(events):
            own = [one for one in alerts(events) if one.assessment == window.id]
            charted, written = chart(charted, window, own, stay=stay, rules=protocol.chart, issued_us=window.end_us)
            entries += written
    seen = [(begin, length) for begin, length in PAINS if not NIGHT[0] - length <= begin < NIGHT[1]]
    assert len(seen) > 40
    for begin, length in seen:
        assert sum(one.start_us < (begin + length) * US and one.end_us > begin * US for one in fired) == 1, f"pain at {begin} s"
    strange = [one for one in fired if not any(begin * US <= one.start_us < (begin + length) * US for begin, length in PAINS)]
    assert strange == []
    assert len(fired) == len(seen)
    of_alerts = [entry for entry in entries if entry.kind is Kind.ALERT]
    assert sum(entry.alerts for entry in of_alerts) == len(fired)
    assert sum(entry.alerts for entry in entries if entry.kind is Kind.SUMMARY) == len(fired)
    assert len(entries) - len(of_alerts) <= 40
    assert len(entries) >= 30
    assert sum(entry.kind in (Kind.UNASSESSABLE, Kind.ASSESSABLE) for entry in entries) <= 2


def test_five_grades_of_a_site() -> None:
    """A protocol with grades, cuts and alert grade of its own is graded by them."""
    names = ("a", "b", "c", "d", "e")
    own = replace(
        PROTOCOL,
        name="own",
        scale=replace(PROTOCOL.scale, low=0, high=100, grades=tuple(Band(name, 20.0 * n) for n, name in enumerate(names))),
        grade=replace(
            PROTOCOL.grade,
            alert=replace(PROTOCOL.grade.alert, grade="d"),
            conflict=replace(PROTOCOL.grade.conflict, min_score=100.0),
        ),
    )
    plain = np.zeros(6, np.float32)
    batch: list[stage.Input] = [
        Estimate("cam", n, n * US // 5, None, Reading(20.0 * (n // 25) + 1, 0.9, plain, 0.0), model_set="m") for n in range(125)
    ]
    _, events = stage.step(stage.begin("cam", setup(protocol=own)), [*batch, Beat("cam", 25 * US, 125, 0, 0)])
    assert [window.grade_name for window in assessments(events)] == list(names)
    assert [(one.start_us // US, one.grade_name) for one in alerts(events)] == [(15, "d"), (20, "e")]
    assert {window.protocol for window in assessments(events)} == {"own"}
