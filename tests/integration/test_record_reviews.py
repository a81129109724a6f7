"""What stands in the record is what the census as now known says: the cases that went wrong, one by one."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, alert, question
from tests.integration.review_world import MIN, NOW, PROTOCOLS, latest, lies, say, seen, sink, standing, window
from tests.support.verdicts import verdict_id
from wince.domain import census
from wince.domain.assessment import Verdict
from wince.domain.audit import verify
from wince.domain.census import Link
from wince.domain.entry import Kind
from wince.domain.ids import make
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Watch
from wince.pipeline.record.reviewer import Reviewer
from wince.serve.camera_list import bind
from wince.settings import Camera
from wince.store import aliases, audit, doubts, reviews
from wince.store.database import Database
from wince.store.stays import save_watches

OTHER = "ICU^2^A"


@pytest.fixture
def watched(database: Database) -> Database:
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    return database


def events(database: Database) -> Counter[str]:
    return Counter(row.event for row in audit.rows(database))


def bound(database: Database) -> list[tuple[object, object]]:
    with database.transaction() as tx:
        return tx.execute(
            "SELECT s.encounter, a.unbound FROM assessment a LEFT JOIN stay s ON s.id = a.stay ORDER BY a.start_us"
        ).fetchall()


def test_a_visit_whose_patient_is_corrected_stops_nobody(watched: Database) -> None:
    """The withdrawing revision and the new entry were made under one id: record failed on every batch of every bed, for ever."""
    say(watched, "V1", [lies("V1", BED, -60, patient="P1")])
    sink(watched).commit([window(CAMERA, 0)])
    say(watched, "V1", [lies("V1", BED, -60, patient="P2")])
    save_watches(watched, [Watch("cam-2", OTHER, 0, None, 0)])
    say(watched, "V9", [lies("V9", OTHER, -60)])
    assert [one.encounter.value for one in sink(watched).commit([window("cam-2", 3)]).entries if one.source == "cam-2"] == ["V9"]
    assert sorted((one.patient.value, one.status) for one in latest(watched, CAMERA)) == [("P1", "entered-in-error"), ("P2", "preliminary")]
    assert len({one.id for one in latest(watched, CAMERA)}) == 2


def test_a_correction_finds_entries_of_a_stay_that_got_another_begin(watched: Database) -> None:
    """The admission was ten minutes earlier; then it is known that another lay there for the last half hour."""
    say(watched, "V1", [lies("V1", BED, 0)])
    sink(watched).commit(seen(CAMERA, [60]))
    say(watched, "V1", [lies("V1", BED, -10)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {60: ["V1"]}
    say(watched, "V1", [lies("V1", BED, -10, 30)])
    say(watched, "V2", [lies("V2", BED, 40)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {60: ["V2"]}


def test_a_camera_that_moved_late_moves_what_it_saw(database: Database) -> None:
    def at(minute: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(T0 / 1e6, dt.UTC) + dt.timedelta(minutes=minute)

    bind(database, [Camera(id=CAMERA, bed=BED, push=True, since=at(0))], T0)
    say(database, "V1", [lies("V1", BED, 0)])
    say(database, "V2", [lies("V2", OTHER, 0)])
    sink(database).commit(seen(CAMERA, [10, 60]))
    bind(database, [Camera(id=CAMERA, bed=OTHER, push=True, since=at(30))], T0 + 70 * MIN)
    sink(database).review()
    assert standing(database, CAMERA) == {10: ["V1"], 60: ["V2"]}


def test_what_was_withdrawn_is_restored_when_the_transfer_is_cancelled(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    (made,) = sink(watched).commit(seen(CAMERA, [60])).entries
    say(watched, "V1", [lies("V1", BED, 0, 40), lies("V1", OTHER, 40)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {}
    say(watched, "V1", [lies("V1", BED, 0)])
    sink(watched).review()
    (back,) = latest(watched, CAMERA)
    assert back == replace(made, revision=3, issued_us=NOW)
    assert (events(watched)["withdrawn"], events(watched)["restored"]) == (1, 1)
    assert verify(audit.rows(watched, payloads=True)).erased == 0


def test_an_admission_that_arrives_late_is_charted_late(watched: Database) -> None:
    """Alerts, the grade, and what charting goes on with: as if it had been known."""
    target = sink(watched)
    (asked,) = target.commit([*seen(CAMERA, [10, 20]), window(CAMERA, 21, 0)]).tasks
    assert asked.patient is None
    say(watched, "V3", [lies("V3", BED, 0)])
    done = target.review()
    assert standing(watched, CAMERA) == {10: ["V3"], 20: ["V3"]}
    assert [one.status for one in done.tasks] == ["cancelled"]
    assert events(watched)["charted_late"] == len(done.entries) > 1
    assert bound(watched) == [("V3", None)] * 3
    assert [one.kind for one in target.commit([window(CAMERA, 21, 0), window(CAMERA, 22, 0)]).entries] == []
    assert target.review().entries == ()
    assert Kind.SUMMARY in {one.kind for one in target.commit([window(CAMERA, 80, 0)]).entries}


def test_two_claims_withdraw_and_one_restores(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    sink(watched).commit(seen(CAMERA, [10]))
    say(watched, "V2", [lies("V2", BED, 5)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {}
    assert bound(watched) == [(None, "two_patients")]
    say(watched, "V1", [lies("V1", BED, 0, 5)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {10: ["V2"]}
    say(watched, "V2", [])
    say(watched, "V1", [lies("V1", BED, 0)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {10: ["V1"]}


def test_a_summary_over_two_patients_is_written_apart_and_comes_back_whole(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    target = sink(watched)
    target.commit([window(CAMERA, minute, 1 + minute % 2) for minute in range(62)])
    whole = [one for one in latest(watched, CAMERA) if one.kind is Kind.SUMMARY]
    assert [one.encounter.value for one in whole] == ["V1"]
    say(watched, "V1", [lies("V1", BED, 0, 30)])
    say(watched, "V2", [lies("V2", BED, 40)])
    target.review()
    parts = [one for one in latest(watched, CAMERA) if one.kind is Kind.SUMMARY and one.status != "entered-in-error"]
    assert [(one.encounter.value, (one.start_us - T0) // MIN, (one.end_us - T0) // MIN) for one in parts] == [("V1", 0, 29), ("V2", 40, 60)]
    say(watched, "V2", [])
    say(watched, "V1", [lies("V1", BED, 0)])
    target.review()
    back = [one for one in latest(watched, CAMERA) if one.kind is Kind.SUMMARY and one.status != "entered-in-error"]
    assert [replace(one, revision=1, issued_us=0) for one in back] == [replace(one, issued_us=0) for one in whole]


def test_what_is_in_doubt_is_asked_once_and_charted_when_trust_returns(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    target = sink(watched)
    target.commit(seen(CAMERA, [1]))
    with watched.transaction() as tx:
        number = doubts.begin(tx, BED, T0 + 5 * MIN, "silent")
    asked = [*target.commit(seen(CAMERA, [10])).tasks, *target.commit(seen(CAMERA, [11, 12])).tasks]
    assert [(one.reason, one.patient) for one in asked] == [(Reason.DOUBTFUL, None)]
    assert standing(watched, CAMERA) == {1: ["V1"]}
    with watched.transaction() as tx:
        doubts.end(tx, number, T0 + 5 * MIN)
    target.review()
    assert standing(watched, CAMERA) == {1: ["V1"], 10: ["V1"], 11: ["V1"], 12: ["V1"]}


def test_a_nurse_s_verdict_follows(watched: Database) -> None:
    """It was given while nobody was known in the bed, then belonged to one, then to another."""
    target = sink(watched)
    target.commit(seen(CAMERA, [10]))
    at = T0 + 20 * MIN
    of = window(CAMERA, 10)
    target.commit([Verdict(verdict_id(of.id, "n7", at), None, of.id, "n7", 2, at)])
    assert latest(watched, CAMERA) == []
    for visit, rows in (("V1", [lies("V1", BED, 0)]), ("V1", []), ("V2", [lies("V2", BED, 0)])):
        say(watched, visit, rows)
        target.review()
        who = [visit] if rows else []
        assert [*standing(watched, CAMERA, Kind.VERDICT).values()] == ([who] if who else [])
    stands = [one for one in latest(watched, CAMERA) if one.status != "entered-in-error"]
    assert {(one.kind, one.status, one.nurse, one.encounter.value) for one in stands} == {
        (Kind.VERDICT, "final", "n7", "V2"), (Kind.ALERT, "final", "n7", "V2")}  # fmt: skip


def test_an_alert_that_began_with_another_is_nobody_s(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0, 10)])
    say(watched, "V2", [lies("V2", BED, 10)])
    of = window(CAMERA, 10)
    target = sink(watched)
    target.commit([of, replace(alert(of), start_us=of.start_us - 3 * US)])
    assert standing(watched, CAMERA) == {}
    say(watched, "V1", [])
    say(watched, "V2", [lies("V2", BED, 9)])
    target.review()
    assert [*standing(watched, CAMERA).values()] == [["V2"]]


def test_the_better_known_begin_of_a_stay_begins_nothing(watched: Database) -> None:
    """The same patient, visit and bed: the grade is not charted again, the summary is the one that was due."""
    target = sink(watched)
    say(watched, "V1", [lies("V1", BED, 0)])
    assert len(target.commit([window(CAMERA, 1, 1)]).entries) == 1
    say(watched, "V1", [lies("V1", BED, -10)])
    assert target.commit([window(CAMERA, 2, 1)]).entries == ()


def test_long_reviews_go_in_slices_and_others_write_between(watched: Database) -> None:
    target = sink(watched)
    target.commit([one for minute in range(40) for one in seen(CAMERA, [minute])])
    say(watched, "V1", [lies("V1", BED, 0)])
    slices = Reviewer(watched, PROTOCOLS, [FakeTarget()], lambda: NOW, most=7)
    slices.review(2)
    assert 0 < len(standing(watched, CAMERA)) < 40
    target.commit([window("cam-2", 1)])
    slices.review()
    assert standing(watched, CAMERA) == {minute: ["V1"] for minute in range(40)}
    kinds = Counter(one.kind for one in latest(watched, CAMERA))
    assert kinds == {Kind.ALERT: 40}, "one run: no grade or summary for each slice"
    with watched.transaction() as tx:
        assert not reviews.waiting(tx)


def test_what_was_retracted_for_another_reason_stays_so(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    (made,) = sink(watched).commit(seen(CAMERA, [10])).entries
    with watched.transaction() as tx:
        tx.execute(
            "INSERT INTO entry(id, revision, kind, origin, assessment, stay, source, start_us, end_us, status, body)"
            " SELECT id, 2, kind, origin, assessment, stay, source, start_us, end_us, 'entered-in-error',"
            " replace(replace(body, '\"preliminary\"', '\"entered-in-error\"'), '\"revision\":1', '\"revision\":2')"
            " FROM entry WHERE id = %s",
            (made.id,),
        )
        reviews.ask(tx, from_us=0, why="test")
    assert sink(watched).review().entries == ()


def test_entries_of_the_release_before_are_found_by_what_they_say(watched: Database) -> None:
    """Their ids hold no patient; they are corrected under these ids, and nothing is there twice."""
    say(watched, "V1", [lies("V1", BED, 0)])
    (made,) = sink(watched).commit(seen(CAMERA, [10])).entries
    old = make(made.origin, "entry", made.encounter.system, made.encounter.value, made.kind.value)
    with watched.transaction() as tx:
        tx.execute("UPDATE entry SET id = %s, body = replace(body, %s, %s)", (old, str(made.id), str(old)))
    for rows in ([], [lies("V1", BED, 0)]):
        say(watched, "V1", rows)
        sink(watched).review()
    (back,) = latest(watched, CAMERA)
    assert (back.id, back.revision, back.status) == (old, 3, "preliminary")


def test_questions_of_a_moved_window_move(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    target = sink(watched)
    target.commit([window(CAMERA, 10), question(window(CAMERA, 10))])
    say(watched, "V1", [])
    say(watched, "V2", [lies("V2", BED, 0)])
    done = target.review()
    assert [(one.encounter and one.encounter.value, one.status) for one in done.tasks] == [("V1", "cancelled"), ("V2", "requested")]


def test_what_was_written_to_a_number_that_was_merged_stands(watched: Database) -> None:
    """The EHR re-links what it has; what is new goes to the number that stands."""
    say(watched, "V1", [lies("V1", BED, 0, patient="OLD")])
    target = sink(watched)
    (made,) = target.commit(seen(CAMERA, [10])).entries
    with watched.transaction() as tx:
        link = Link(census.Kind.PERSON, Identifier("urn:mrn", "OLD"), Identifier("urn:mrn", "NEW"), T0, T0)
        aliases.add(tx, [link], UUID(int=1))
    say(watched, "V1", [lies("V1", BED, 0, patient="NEW")])
    assert target.review().entries == ()
    assert latest(watched, CAMERA) == [made]
    (new,) = [one for one in target.commit(seen(CAMERA, [11])).entries if one.kind is Kind.ALERT]
    assert (made.patient.value, new.patient.value) == ("OLD", "NEW")
    say(watched, "V1", [lies("V1", BED, 0, 5, patient="NEW")])
    target.review()
    say(watched, "V1", [lies("V1", BED, 0, patient="NEW")])
    target.review()
    assert standing(watched, CAMERA) == {10: ["V1"], 11: ["V1"]}
    assert {one.id for one in latest(watched, CAMERA)} >= {made.id, new.id}
