"""What is charted: few entries, no alert lost, whatever a stay looks like."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wince.domain.assessment import Alert, Assessment
from wince.domain.charting import DAY_US, US, ChartRules, ChartState, chart, finish
from wince.domain.entry import Entry, Kind
from wince.domain.ids import alert_id, assessment_id, make, site_namespace, stay_id
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.store import plain

RULES = ChartRules(every_s=3600, max_per_day=40, min_gap_s=300, unassessable_after_windows=2)
SITE = site_namespace("test")
WINDOW = 5 * US
NAMES = ("quiet", "low", "high")


def stay(number: int = 1) -> Stay:
    encounter = Identifier("urn:visit", f"V{number}")
    return Stay(stay_id(SITE, encounter, "A^1^1", 0), "A^1^1", Identifier("urn:mrn", f"M{number}"), encounter, 0, None, 0)


def window(index: int, grade: int | None, length: int = WINDOW) -> Assessment:
    start = index * length
    score = None if grade is None else 2.0 * grade + 0.123
    return Assessment(
        assessment_id(SITE, "cam", "activity", start),
        "cam",
        "activity",
        start,
        start + length,
        grade,
        "" if grade is None else NAMES[grade],
        score,
        score,
        0.0 if grade is None else 0.9,
        None if grade is None else 0.8,
        Reason.DARK if grade is None else None,
        25,
    )


def alert(of: Assessment) -> Alert:
    return Alert(alert_id(of.id, of.start_us), of.id, of.source, of.protocol, of.start_us, of.end_us, 2, "high", 7.0)


def play(shape: Callable[[int], tuple[int | None, int]], windows: int, length: int = WINDOW) -> tuple[list[Entry], list[Alert]]:
    """shape(index) -> (grade, number of alerts); windows of `length` microseconds."""
    state, entries, alerts = ChartState(), [], []
    for index in range(windows):
        grade, count = shape(index)
        now = window(index, grade, length)
        fired = [replace(alert(now), id=make(now.id, "alert", k), peak=5.0 + k) for k in range(count)]
        alerts += fired
        state, written = chart(state, now, fired, stay=stay(), rules=RULES, issued_us=now.end_us)
        entries += written
    state, written = finish(state, issued_us=windows * length)
    return entries + written, alerts


def busiest_day(entries: list[Entry]) -> int:
    times = sorted(entry.end_us if entry.kind is not Kind.ALERT else entry.issued_us for entry in entries)
    return max((position + 1 - bisect_left(times, at - DAY_US + 1) for position, at in enumerate(times)), default=0)


def check(entries: list[Entry], alerts: list[Alert]) -> None:
    """At most 40 in any 24 h; every alert has its entry or is counted; ids are distinct; unassessable starts and ends alternate."""
    assert busiest_day(entries) <= 40
    charted = {entry.origin for entry in entries if entry.kind is Kind.ALERT}
    counted = sum(entry.alerts for entry in entries if entry.kind is Kind.SUMMARY)
    assert charted <= {one.id for one in alerts}
    assert len(charted) + counted == len(alerts)
    assert len({entry.id for entry in entries}) == len(entries)
    stretch = [entry.kind for entry in entries if entry.kind in (Kind.UNASSESSABLE, Kind.ASSESSABLE)]
    assert all(kind is (Kind.ASSESSABLE if position % 2 else Kind.UNASSESSABLE) for position, kind in enumerate(stretch))


RNG = random.Random(7)
NOISE = [RNG.choice((0, 1, 2, None)) for _ in range(20_000)]
SHAPES: dict[str, Callable[[int], tuple[int | None, int]]] = {
    "calm": lambda i: (0, 0),
    "one pain": lambda i: (2 if 5000 <= i < 5060 else 0, int(i == 5000)),
    "pain every hour": lambda i: (2 if i % 720 < 24 else 0, int(i % 720 == 0)),
    "flaps every window": lambda i: (2 * (i % 2), i % 2),
    "two alerts every window": lambda i: (2, 2),
    "unassessable half of the time": lambda i: (None if i % 4 < 2 else 0, 0),
    "never assessable": lambda i: (None, 0),
    "alerts in windows without a grade": lambda i: (None, int(i % 100 == 0)),
    "night in the dark, pain by day": lambda i: (None if 8000 < i < 12000 else (i // 50) % 3, int(i % 50 == 0 and (i // 50) % 3 == 2)),
    "noise": lambda i: (NOISE[i], int(NOISE[i] == 2)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_day_has_at_most_forty_entries_and_misses_no_alert(name: str) -> None:
    """26 h of 5 s windows."""
    entries, alerts = play(SHAPES[name], 26 * 720)
    check(entries, alerts)
    if name == "calm":
        assert [entry.kind for entry in entries] == [Kind.GRADE] + [Kind.SUMMARY] * 26
    if name == "one pain":
        assert [entry.kind for entry in entries if entry.kind is not Kind.SUMMARY] == [Kind.GRADE, Kind.ALERT, Kind.GRADE]
    if name == "never assessable":
        assert [entry.kind for entry in entries] == [Kind.UNASSESSABLE]
    if name == "two alerts every window":
        assert sum(entry.kind is Kind.ALERT for entry in entries) >= 15, "alerts have the room of the day"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((0, 1, 2, None)), st.integers(0, 2), st.integers(1, 60)), max_size=100))
def test_any_stay_keeps_the_budget(stretches: list[tuple[int | None, int, int]]) -> None:
    """Minute windows, stretches of up to an hour, alerts as each begins."""
    windows = [(grade, count if position == 0 else 0) for grade, count, length in stretches for position in range(length)]
    check(*play(lambda index: windows[index], len(windows), 60 * US))


def test_alert_and_its_grade_are_one_entry() -> None:
    """Entering the alert's grade in the alert's window gives the alert only; leaving it is charted later, once."""
    entries, _ = play(lambda i: (2 if 10 <= i < 13 else 0, int(i == 10)), 200)
    assert [(entry.kind, entry.grade) for entry in entries] == [(Kind.GRADE, 0), (Kind.ALERT, 2), (Kind.GRADE, 0)]
    assert entries[1].score == 5.0
    assert entries[2].end_us - entries[1].end_us >= 300 * US


def test_unassessable_stretch_once_at_both_ends() -> None:
    """A single dark window is nothing; a stretch is charted at its second window with its true begin, and at its end."""
    entries, _ = play(lambda i: (None if i == 5 or 20 <= i < 40 else 0, 0), 60)
    kinds = [(entry.kind, entry.start_us // WINDOW, entry.end_us // WINDOW) for entry in entries]
    assert kinds == [(Kind.GRADE, 0, 1), (Kind.UNASSESSABLE, 20, 22), (Kind.ASSESSABLE, 40, 41)]
    assert entries[1].reason is Reason.DARK
    assert entries[1].grade is entries[1].score is None


def test_first_window_unassessable_is_charted_at_once() -> None:
    entries, _ = play(lambda i: (None, 0), 1)
    assert [entry.kind for entry in entries] == [Kind.UNASSESSABLE]


def test_another_stay_begins_anew_and_the_old_one_gets_its_due() -> None:
    """Alerts that waited for a summary go to the patient who had them; nobody in the bed: nothing is written."""
    rules = ChartRules(3600, 29, 300, 2)
    state, entries = ChartState(), []
    for index in range(40):
        now = window(index, 2)
        state, written = chart(state, now, [alert(now)], stay=stay(1), rules=rules, issued_us=now.end_us)
        entries += written
    assert sum(entry.kind is Kind.ALERT for entry in entries) == rules.others == 4
    state, due = chart(state, window(40, 0), [], stay=stay(2), rules=rules, issued_us=0)
    assert [(entry.kind, entry.encounter.value, entry.alerts) for entry in due] == [(Kind.SUMMARY, "V1", 36), (Kind.GRADE, "V2", 0)]
    state, none = chart(state, window(41, 2), [alert(window(41, 2))], stay=None, rules=rules, issued_us=0)
    assert none == []
    assert state.stay is None


def test_state_survives_json_at_every_window() -> None:
    """Through text and back between all windows: the same entries; a window that comes again is not charted again."""
    state, plain_state, entries, again = ChartState(), ChartState(), [], []
    for index in range(1500):
        now = window(index, NOISE[index])
        fired = [alert(now)] if NOISE[index] == 2 else []
        state, written = chart(state, now, fired, stay=stay(), rules=RULES, issued_us=0)
        entries += written
        plain_state = plain.load(ChartState, plain.dump(plain_state))
        plain_state, written = chart(plain_state, now, fired, stay=stay(), rules=RULES, issued_us=0)
        again += written
        assert chart(plain_state, now, fired, stay=stay(), rules=RULES, issued_us=0) == (plain_state, [])
    assert entries == again
    assert state == plain_state
    assert len(plain.dump(state)) < 20_000


def test_summary_says_median_peak_and_share() -> None:
    """An hour: two thirds quiet, one third high, one window dark."""
    entries, _ = play(lambda i: (None if i == 7 else 2 if i % 3 == 2 else 0, 0), 721)
    summary = next(entry for entry in entries if entry.kind is Kind.SUMMARY)
    assert (summary.start_us, summary.end_us) == (0, 3600 * US)
    assert (summary.grade, summary.grade_name, summary.median, summary.peak) == (0, "quiet", 0.12, 4.123)
    assert summary.assessable_share == pytest.approx(0.9 * 719 / 720)


def test_ids_name_what_they_are_made_from() -> None:
    """Another encounter, kind or origin gives another id; no two lists of parts share a name."""
    assert make(SITE, "a", "b", "c") != make(SITE, "a", "b,1:c")
    assert assessment_id(SITE, "cam|1", "a", 0) != assessment_id(SITE, "cam", "1|a", 0)
    assert isinstance(stay().id, UUID)
    assert stay(1).id != stay(2).id
