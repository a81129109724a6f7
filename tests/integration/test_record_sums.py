"""Summaries: each says what the census says of its windows, and counts every alert of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.integration.mixed_world import BEDS, PROTOCOLS, alert, window
from tests.integration.record_world import T0, FakeTarget
from tests.integration.review_world import MIN, NOW, latest, lies, say
from wince.domain.entry import Entry, Kind
from wince.domain.stay import Watch
from wince.pipeline.record import review_rows
from wince.pipeline.record.reviewer import Reviewer
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.stage import Message
from wince.store import audit, doubts, reviews
from wince.store.database import Database, Tx
from wince.store.stays import save_watches

CAMERA, BED = "cam-1", BEDS[0]


@pytest.fixture
def watched(database: Database) -> Database:
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    return database


def sink(database: Database) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW)


def windows(minutes: Sequence[int]) -> list[Message]:
    return [window(CAMERA, "activity", minute, 0) for minute in minutes]


def sums(database: Database) -> list[tuple[int, int, str, int]]:
    """(first minute, end, visit, alerts) of those that stand."""
    return [
        ((one.start_us - T0) // MIN, (one.end_us - T0) // MIN, one.encounter.value, one.alerts)
        for one in latest(database, CAMERA)
        if one.kind is Kind.SUMMARY and one.status != "entered-in-error"
    ]


def summary(database: Database) -> Entry:
    (found,) = [one for one in latest(database, CAMERA) if one.kind is Kind.SUMMARY]
    return found


def two(database: Database) -> None:
    """One lay there in minute 2, and somebody else before and after that."""
    say(database, "V1", [lies("V1", BED, -60, 2), lies("V1", BED, 3, number=1)])
    say(database, "V2", [lies("V2", BED, 2, 3)])


def ask_once(database: Database) -> None:
    """One look at all of it, instead of one for each thing that was said."""
    with database.transaction() as tx:
        tx.execute("DELETE FROM review")
        reviews.ask(tx, from_us=0, why="test")


def test_a_summary_counts_an_alert_that_came_after_it(watched: Database) -> None:
    """It said "quiet" over an alert that was charted."""
    say(watched, "V1", [lies("V1", BED, -60)])
    target = sink(watched)
    target.commit(windows(range(5)))
    before = summary(watched)
    late = alert(window(CAMERA, "activity", 2, 0), 0)
    target.commit([late])
    after = summary(watched)
    assert (before.grade, before.alerts, after.revision) == (0, 0, 2)
    assert (after.grade, after.grade_name, after.alerts, after.score, after.peak) == (2, late.grade_name, 1, late.peak, late.peak)
    assert replace(after, revision=1, grade=0, grade_name=before.grade_name, alerts=0, score=before.score, peak=before.peak) == before
    assert [row.event for row in audit.rows(watched)].count("corrected") == 1
    target.commit([late])
    assert summary(watched) == after


def test_an_alert_that_no_summary_can_miss_asks_for_nothing(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, -60)])
    target = sink(watched)
    target.commit(windows(range(2)))
    with watched.transaction() as tx:
        tx.execute("DELETE FROM review")
    target.commit([alert(window(CAMERA, "activity", 1, 0), 0)])
    assert not any(row.event == "reviewed" for row in audit.rows(watched))
    target.commit(windows(range(2, 5)))
    assert sums(watched) == [(0, 5, "V1", 1)]


def test_a_part_counts_no_alert_whose_run_began_in_doubt(watched: Database) -> None:
    """What is summed again asks who lay there in all of the run, though the review is about a later time."""
    say(watched, "V1", [lies("V1", BED, -60)])
    with watched.transaction() as tx:
        doubts.begin(tx, BED, T0 - 3 * MIN, "test", T0 - MIN)
    first = window(CAMERA, "activity", 0, 0)
    sink(watched).commit([alert(first, 2), *windows(range(5))])
    assert sums(watched) == [(0, 5, "V1", 0)]
    say(watched, "V1", [lies("V1", BED, -60, 3)])
    sink(watched).review()
    assert sums(watched) == [(0, 3, "V1", 0)]


def test_a_review_of_long_ago_reads_no_alerts_of_all_the_time_since(watched: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    say(watched, "V1", [lies("V1", BED, -60, 100)])
    say(watched, "V2", [lies("V2", BED, 100)])
    target = sink(watched)
    target.commit(windows([0, 1]))
    target.commit(windows([6000, 6001]))
    read: list[int] = []
    fired = review_rows.fired

    def noted(tx: Tx, source: str, low: int, high: int) -> tuple[int, int]:
        read.append((high - low) // MIN)
        return fired(tx, source, low, high)

    monkeypatch.setattr(review_rows, "fired", noted)
    with watched.transaction() as tx:
        reviews.ask(tx, sources=[CAMERA], from_us=T0, to_us=T0 + MIN, why="test")
    target.review()
    assert read
    assert max(read) < 10


@pytest.mark.parametrize("whose", ["V1", "V2"])
def test_a_window_that_comes_into_a_stretch_that_was_summed_without_it_is_summed_once(watched: Database, whose: str) -> None:
    """It had nobody when it came; then it is the same patient's, or another's."""
    say(watched, "V1", [lies("V1", BED, -60)])
    target = sink(watched)
    target.commit(windows([0, 1, 3, 4]))
    with watched.transaction() as tx:
        number = doubts.begin(tx, BED, T0 + 2 * MIN, "test", T0 + 3 * MIN)
    target.commit(windows([2]))
    assert sums(watched) == [(0, 2, "V1", 0), (3, 5, "V1", 0)]
    if whose == "V2":
        two(watched)
    with watched.transaction() as tx:
        doubts.end(tx, number, T0 + 2 * MIN)
    ask_once(watched)
    target.review()
    assert sums(watched) == {"V1": [(0, 5, "V1", 0)], "V2": [(0, 2, "V1", 0), (2, 3, "V2", 0), (3, 5, "V1", 0)]}[whose]
    ask_once(watched)
    assert target.review().entries == ()


@pytest.mark.parametrize("most", [2, 4000])
@pytest.mark.parametrize("known", ["first", "when it was charted", "late"])
def test_no_summary_spans_windows_that_are_missing_while_another_lay_there(watched: Database, known: str, most: int) -> None:
    reviewer = Reviewer(watched, PROTOCOLS, [FakeTarget()], lambda: NOW, most=most)
    if known == "first":
        two(watched)
    elif known == "when it was charted":
        say(watched, "V1", [lies("V1", BED, -60)])
    sink(watched).commit(windows([0, 1]))
    sink(watched).commit(windows([3, 4]))
    two(watched)
    ask_once(watched)
    reviewer.review()
    sink(watched).commit(windows([5, 6, 7]))
    assert (
        sums(watched)
        == {
            "first": [(3, 8, "V1", 0)],
            "when it was charted": [(0, 2, "V1", 0), (3, 5, "V1", 0)],
            "late": [(0, 2, "V1", 0), (3, 8, "V1", 0)],
        }[known]
    )
