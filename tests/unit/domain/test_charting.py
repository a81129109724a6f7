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
from wince.domain.charting import DAY_US, US, ChartRules, ChartState, chart, chart_late, finish
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
    """shape(index) -> (grade, number of alerts); windows of `length` microseconds. A window's alerts lie apart, at most 9 of them."""
    state, entries, alerts = ChartState(), [], []
    for index in range(windows):
        grade, count = shape(index)
        now = window(index, grade, length)
        part = length // 20
        at = [now.start_us + 2 * k * part for k in range(count)]
        fired = [
            replace(alert(now), id=alert_id(now.id, start), peak=5.0 + k, start_us=start, end_us=start + part) for k, start in enumerate(at)
        ]
        alerts += fired
        state, written = chart(state, now, fired, stay=stay(), rules=RULES, issued_us=now.end_us)
        entries += written
    state, written = finish(state, issued_us=windows * length)
    return entries + written, alerts


def busiest_day(entries: list[Entry]) -> int:
    """Most entries in any 24 hours that are no alerts."""
    times = sorted(entry.end_us for entry in entries if entry.kind is not Kind.ALERT)
    return max((position + 1 - bisect_left(times, at - DAY_US + 1) for position, at in enumerate(times)), default=0)


def covered(entries: list[Entry]) -> list[UUID]:
    """The alerts that have an entry, as often as they have one."""
    return [one for entry in entries if entry.kind is Kind.ALERT for one in (entry.origin, *entry.gathered)]


def check(entries: list[Entry], alerts: list[Alert]) -> None:
    """At most 40 in any 24 h besides alerts; every alert is charted once, when its window closes, in an entry that covers it; summaries
    count all alerts of their stretch and are never below them; ids are distinct; unassessable starts and ends alternate."""
    assert busiest_day(entries) <= 40
    assert sorted(covered(entries)) == sorted(one.id for one in alerts)
    spans = {one: entry for entry in entries if entry.kind is Kind.ALERT for one in (entry.origin, *entry.gathered)}
    for one in alerts:
        entry = spans[one.id]
        assert entry.start_us <= one.start_us <= one.end_us <= entry.end_us
        assert (entry.peak or 0) >= one.peak
        assert entry.alerts == 1 + len(entry.gathered)
    for entry in entries:
        if entry.kind is Kind.SUMMARY:
            within = [one for one in alerts if entry.start_us <= one.start_us < entry.end_us]
            assert entry.alerts == len(within)
            assert not within or (entry.grade_name, entry.score) == ("high", entry.peak)
            assert (entry.peak or 0) >= max((one.peak for one in within), default=0)
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


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((0, 1, 2, None)), st.integers(0, 2), st.integers(1, 60)), max_size=100))
def test_any_stay_keeps_the_budget_and_charts_every_alert(stretches: list[tuple[int | None, int, int]]) -> None:
    """Minute windows, stretches of up to an hour, alerts as each begins."""
    windows = [(grade, count if position == 0 else 0) for grade, count, length in stretches for position in range(length)]
    check(*play(lambda index: windows[index], len(windows), 60 * US))


def test_a_day_with_four_alerts_an_hour_charts_each_of_them() -> None:
    """24 h, an alert of a minute every quarter of an hour: 95 alerts, 95 entries, and 24 summaries that say so."""
    entries, alerts = play(lambda i: (2 if i % 180 < 12 and i >= 180 else 0, int(i % 180 == 0 and i >= 180)), 24 * 720 + 1)
    alerted = [entry for entry in entries if entry.kind is Kind.ALERT and entry.end_us <= DAY_US]
    assert (len(alerted), len(alerts)) == (95, 96)
    summaries = [entry for entry in entries if entry.kind is Kind.SUMMARY]
    assert [entry.alerts for entry in summaries] == [3] + [4] * 23
    assert {entry.grade_name for entry in summaries} == {"high"}
    check(entries, alerts)


def test_alerts_are_gathered_only_where_their_runs_overlap_or_touch() -> None:
    """Two runs that touch and one inside them are one entry, which covers them and carries the highest; one apart is another."""
    now = window(10, 2)
    at = now.start_us
    runs = {"a": (0, US, 1, 4.0), "b": (US, 2 * US, 2, 6.0), "inside": (0, US // 2, 2, 5.0), "apart": (3 * US, 4 * US, 2, 9.0)}
    fired = [
        replace(alert(now), id=make(now.id, name), start_us=at + low, end_us=at + high, grade=grade, grade_name=NAMES[grade], peak=peak)
        for name, (low, high, grade, peak) in runs.items()
    ]
    _, entries = chart(ChartState(), now, fired, stay=stay(), rules=RULES, issued_us=0)
    first, second = entries
    assert (first.origin, set(first.gathered)) == (make(now.id, "b"), {make(now.id, "a"), make(now.id, "inside")})
    assert (first.start_us - at, first.end_us - at, first.grade_name, first.peak, first.alerts) == (0, 2 * US, "high", 6.0, 3)
    assert (second.origin, second.gathered, second.alerts) == (make(now.id, "apart"), (), 1)


def test_a_late_alert_is_charted_at_once_and_counted_in_the_summary_that_runs() -> None:
    """However many entries were written: 100 alerts that come one by one after their windows."""
    state, late = ChartState(), []
    windows = [window(index, 0) for index in range(100)]
    for now in windows:
        state, _ = chart(state, now, [], stay=stay(), rules=RULES, issued_us=now.end_us)
    for now in windows:
        state, written = chart_late(state, now, alert(now), stay=stay(), rules=RULES, issued_us=0)
        late += written
    assert [entry.origin for entry in late] == [alert(now).id for now in windows]
    state, entries = chart(state, window(720, 0), [], stay=stay(), rules=RULES, issued_us=0)
    (summary,) = [entry for entry in entries if entry.kind is Kind.SUMMARY]
    assert (summary.alerts, summary.grade_name) == (100, "high")
    state, written = chart_late(state, windows[0], alert(windows[0]), stay=stay(2), rules=RULES, issued_us=0)
    assert [entry.encounter.value for entry in written] == ["V2"], "of somebody else who is charted no more"
    assert state.period.alerts == 0


OLD = (
    '{"chart":{"changed_us":100,"grade":0,"out_charted":false,"out_since_us":null,"out_windows":0,"period":{"confidences":{"0.8":1},'
    '"grades":{"0":1},"last":%s,"medians":{"0.12":1},"names":{"0":"quiet"},"peak":7.0,"reasons":{},"share":0.9,"since_us":0,'
    '"uncharted":3,"windows":1},"seen_us":5000000,"spent":[5000000],"stay":%s},"asked":null,"waiting":[]}'
)


def test_a_state_of_an_earlier_release_still_owes_its_alerts() -> None:
    """Alerts that had no room in the budget then are counted in the next summary, or in a last one."""
    state = plain.load(ChartState, plain.dump(ChartState()))
    text = OLD.removeprefix('{"chart":').removesuffix(',"asked":null,"waiting":[]}')
    state = plain.load(ChartState, text % (plain.dump(window(0, 0)), plain.dump(stay())))
    _, entries = finish(state, issued_us=0)
    assert [(entry.kind, entry.alerts, entry.peak) for entry in entries] == [(Kind.SUMMARY, 3, 7.0)]
    _, entries = chart(state, window(720, 0), [], stay=stay(), rules=RULES, issued_us=0)
    assert [(entry.kind, entry.alerts) for entry in entries] == [(Kind.SUMMARY, 3)]


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


def test_another_stay_begins_anew() -> None:
    """Every alert goes to the patient who had it; nobody in the bed: nothing is written."""
    state, entries = ChartState(), []
    for index in range(40):
        now = window(index, 2)
        state, written = chart(state, now, [alert(now)], stay=stay(1), rules=RULES, issued_us=now.end_us)
        entries += written
    assert [entry.kind for entry in entries] == [Kind.ALERT] * 40
    state, due = chart(state, window(40, 0), [], stay=stay(2), rules=RULES, issued_us=0)
    assert [(entry.kind, entry.encounter.value, entry.alerts) for entry in due] == [(Kind.GRADE, "V2", 0)]
    state, none = chart(state, window(41, 2), [alert(window(41, 2))], stay=None, rules=RULES, issued_us=0)
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
