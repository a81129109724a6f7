"""An alert that grows worse: the highest grade of an episode reaches the record, whatever window it comes in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.unit.pipeline.grade.feed import PROTOCOL, SITE, Look, alerts, assessments, feed, setup
from wince.domain.assessment import Alert, Assessment
from wince.domain.charting import ChartState, chart
from wince.domain.entry import Entry, Kind
from wince.domain.frame import US
from wince.domain.ids import stay_id
from wince.domain.reason import Reason
from wince.domain.scales import Band
from wince.domain.stay import Identifier, Stay
from wince.domain.window import Held
from wince.pipeline.grade import snapshot, stage
from wince.pipeline.grade.alerts import Episode, Fired, Limits, watch

NAMES = ("none", "mild", "moderate", "strong", "extreme")
FIVE = replace(
    PROTOCOL,
    scale=replace(PROTOCOL.scale, grades=tuple(Band(name, 2.0 * index) for index, name in enumerate(NAMES))),
    grade=replace(PROTOCOL.grade, alert=replace(PROTOCOL.grade.alert, grade="moderate")),
)
"""Five grades from 0, 2, 4, 6 and 8 on; called from moderate on, held for 1 s; over after 3 s."""
ENCOUNTER = Identifier("urn:visit", "V1")
STAY = Stay(stay_id(SITE, ENCOUNTER, "A^1^1", 0), "A^1^1", Identifier("urn:mrn", "M1"), ENCOUNTER, 0, None, 0)


def look(grade: int) -> Look:
    return (2.0 * grade + 0.5, 0.9, 0.0)


def play(stretches: Sequence[tuple[float, int | None]]) -> list[stage.Event]:
    """(seconds, grade; None: no face) one after the other; the state goes through its snapshot between all messages."""
    ends, at = [], 0.0
    for seconds, grade in stretches:
        at += seconds
        ends.append((at, grade))

    def seen(time: float) -> Look:
        grade = next(grade for end, grade in ends if time < end - 1e-9)
        return Reason.NONE if grade is None else look(grade)

    state, events = stage.begin("cam", setup(protocol=FIVE)), []
    for message in feed(seen, at):
        state, made = stage.step(state, [message])
        events += made
        state = snapshot.load(snapshot.dump(state), state.setup)
    return events


def told(events: Sequence[stage.Event]) -> list[tuple[float, float, str, float]]:
    return [(a.start_us / US, a.end_us / US, a.grade_name, a.peak) for a in alerts(events)]


def test_a_higher_grade_in_a_later_window_is_an_alert_of_its_own() -> None:
    """Strong from 1 s, extreme from 12 s: the second begins where the grade rose and belongs to that window."""
    events = play([(1, 0), (11, 3), (4, 4), (4, 0)])
    assert told(events) == [(1.0, 5.0, "strong", 6.5), (12.0, 15.0, "extreme", 8.5)]
    first, second = alerts(events)
    assert [one.assessment for one in (first, second)] == [assessments(events)[0].id, assessments(events)[2].id]
    assert first.id != second.id


def test_a_higher_grade_in_the_same_window_is_the_same_alert() -> None:
    assert told(play([(1, 0), (2, 3), (10, 4), (4, 0)])) == [(1.0, 5.0, "extreme", 8.5)]


def test_each_higher_grade_once_however_often_it_comes() -> None:
    """Up and down for a minute: moderate, strong and extreme are told once each, in the order in which they came."""
    events = play([(6, 2), (6, 3), (6, 2), (6, 3), (6, 4), (6, 3), (6, 4), (6, 2), (6, 4), (5, 0)])
    assert [name for _, _, name, _ in told(events)] == ["moderate", "strong", "extreme"]


def test_a_spike_is_no_higher_grade() -> None:
    """Two frames of extreme, which the debounce does not hold."""
    assert [name for _, _, name, _ in told(play([(7, 3), (0.4, 4), (6, 3)]))] == ["strong"]


def test_after_the_face_was_lost_for_a_moment_the_episode_goes_on() -> None:
    """Strong, out of sight for less than the episode lasts, then extreme: told. The same grade after it: not."""
    assert [name for _, _, name, _ in told(play([(6, 3), (1, None), (6, 4)]))] == ["strong", "extreme"]
    assert [name for _, _, name, _ in told(play([(6, 3), (1, None), (6, 3)]))] == ["strong"]
    assert [name for _, _, name, _ in told(play([(6, 4), (4, None), (6, 3)]))] == ["extreme", "strong"], "a new episode"


def charted(events: Sequence[stage.Event]) -> list[Entry]:
    state, entries, fired = ChartState(), [], []
    for event in events:
        if isinstance(event, Alert):
            fired.append(event)
        elif isinstance(event, Assessment):
            state, made = chart(state, event, fired, stay=STAY, rules=replace(FIVE.chart, every_s=60), issued_us=event.end_us)
            entries += made
            fired = []
    return entries


def test_the_record_says_extreme_and_its_summary_too() -> None:
    """A minute with one episode, strong and then extreme, summed: an entry for each, and a summary that is not below them."""
    events = play([(1, 0), (11, 3), (8, 4), (40, 0)])
    entries = charted(events)
    assert [(one.grade_name, one.score) for one in entries if one.kind is Kind.ALERT] == [("strong", 6.5), ("extreme", 8.5)]
    (summary,) = [one for one in entries if one.kind is Kind.SUMMARY]
    assert (summary.grade_name, summary.alerts, summary.peak) == ("extreme", 2, 8.5)
    assert len({one.id for one in entries}) == len(entries)


@pytest.mark.parametrize("seed", range(20))
def test_the_highest_grade_of_every_episode_is_told(seed: int) -> None:
    """Random frames in random windows, against the rule said in another way: once an episode has an alert, the highest grade that
    held in it so far is the grade of an alert; no grade is told twice; no two alerts share window and begin."""
    chance, limits = random.Random(seed), Limits(2, US, 3 * US)
    fired, told_before = list[Fired](), list[Fired]()
    episode, best, begun, grade = Episode(), 0, 0, None
    for index in range(3000):
        time = index * 200_000
        if index % 25 == 0:
            assert len({one.start_us for one in fired}) == len(fired)
            told_before, fired = [*told_before, *fired], []
        if index % chance.choice((3, 5, 8)) == 0:
            grade = chance.choice((0, 1, 2, 2, 3, 3, 4, None))
        held = Held(grade, None if grade is None else 2.0 * grade)
        was_open = episode.open
        episode = watch(episode, time, grade, held, limits, fired)
        if not episode.open:
            continue
        if not was_open:
            begun, best = len(told_before) + len(fired) - 1, fired[-1].grade
        best = max(best, grade or 0)
        grades = [one.grade for one in [*told_before, *fired][begun:]]
        assert max(grades) == best
        assert len(set(grades)) == len(grades)
    assert len(told_before) > 10


def test_an_open_episode_of_an_earlier_release_is_not_told_again() -> None:
    """Its state has no grade that was told: what its run holds, and the alert's own grade, count as told."""
    limits, fired = Limits(2, US, 3 * US), list[Fired]()
    old = Episode(True, 0, 5 * US, 6.0, 3)
    after = watch(old, 6 * US, 3, Held(3, 6.0), limits, fired)
    assert (fired, after.told) == ([], 3)
    watch(after, 7 * US, 4, Held(4, 8.0), limits, fired)
    assert [one.grade for one in fired] == [4]
