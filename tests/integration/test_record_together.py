"""What a census, a merge and a retraction come to together: cases that went wrong, one by one."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from tests.integration.mixed_truth import deliver
from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, question
from tests.integration.review_world import MIN, NOW, PROTOCOLS, latest, lies, say, seen, sink, standing, window
from tests.support.verdicts import verdict_id
from wince.domain import census
from wince.domain.assessment import Verdict
from wince.domain.census import Link
from wince.domain.entry import Kind
from wince.domain.ids import assessment_id, site_namespace
from wince.domain.stay import Identifier, Watch
from wince.domain.withheld import Consent, Scope
from wince.pipeline.record import aside
from wince.pipeline.record.retraction import Retractor
from wince.pipeline.record.sink import PostgresSink
from wince.store import aliases, asides, retractions
from wince.store.database import Database
from wince.store.retractions import Retraction
from wince.store.stays import save_watches
from wince.store.withheld import say as consent_say
from wince.store.withheld import switch_off

BAD = "ba" * 32
OTHER = "ICU^2^A"


@pytest.fixture
def watched(database: Database) -> Database:
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    return database


def merge(database: Database, kind: census.Kind, old: str, new: str) -> None:
    system = {census.Kind.PERSON: "urn:mrn", census.Kind.VISIT: "urn:visit"}[kind]
    with database.transaction() as tx:
        aliases.add(tx, [Link(kind, Identifier(system, old), Identifier(system, new), T0, T0)], UUID(int=1))


def summaries(database: Database) -> list[tuple[int, str]]:
    """(begin in minutes, visit) of those that stand."""
    return [((e.start_us - T0) // MIN, e.encounter.value) for e in _stands(database) if e.kind is Kind.SUMMARY]


def _stands(database: Database) -> Sequence:  # type: ignore[type-arg]
    return [e for e in latest(database, CAMERA) if e.status != "entered-in-error"]


def test_a_retracted_part_of_a_summary_comes_back_in_no_other_shape(watched: Database) -> None:
    """The first ten minutes are a bad model's. Its summary is split, the part with them retracted; then all of it is one person's again:
    the whole was given back, bad numbers and all."""
    say(watched, "V1", [lies("V1", BED, 0)])
    to = sink(watched)
    to.commit([replace(window(CAMERA, m, 0), model_set=BAD if m < 10 else "ab" * 32) for m in range(62)])
    say(watched, "V1", [lies("V1", BED, 0, 20)])
    say(watched, "V2", [lies("V2", BED, 20)])
    to.review()
    assert summaries(watched) == [(0, "V1"), (20, "V2")]
    with watched.transaction() as tx:
        retractions.ask(tx, Retraction(uuid4(), BAD, "", T0, NOW, "wrong weights", "n7", NOW))
    Retractor(watched, [FakeTarget()], lambda: None, clock=lambda: NOW).run()
    assert summaries(watched) == [(20, "V2")]
    say(watched, "V2", [])
    say(watched, "V1", [lies("V1", BED, 0)])
    to.review()
    assert summaries(watched) == []


def test_a_part_moves_though_another_part_was_retracted(watched: Database) -> None:
    """The last ten minutes are a bad model's; what stands of the others was left with whom it was not about."""
    say(watched, "V1", [lies("V1", BED, 0)])
    to = sink(watched)
    to.commit([replace(window(CAMERA, m, 0), model_set=BAD if m > 50 else "ab" * 32) for m in range(62)])
    say(watched, "V1", [lies("V1", BED, 0, 20)])
    say(watched, "V2", [lies("V2", BED, 20)])
    to.review()
    with watched.transaction() as tx:
        retractions.ask(tx, Retraction(uuid4(), BAD, "", T0, NOW, "wrong weights", "n7", NOW))
    Retractor(watched, [FakeTarget()], lambda: None, clock=lambda: NOW).run()
    assert summaries(watched) == [(0, "V1")]
    say(watched, "V1", [])
    say(watched, "V3", [lies("V3", BED, 0, 20)])
    to.review()
    assert summaries(watched) == [(0, "V3")]


def test_what_is_set_aside_twice_is_written_in_the_order_of_its_first_coming(watched: Database) -> None:
    """A window that came again behind later ones was written after them, and charted never."""
    say(watched, "V1", [lies("V1", BED, 0)])
    first, second = window(CAMERA, 1, 2), window(CAMERA, 2, 2)
    with watched.transaction() as tx:
        aside.set_aside(tx, CAMERA, [first, second, first], ValueError("x"), NOW)
        asides.again(tx, "")
    assert sink(watched).try_again() == 3
    assert [one.assessment for one in latest(watched, CAMERA)] == [first.id]


def test_windows_of_a_protocol_that_is_not_loaded_keep_no_others_waiting(watched: Database) -> None:
    """Its windows had no patient; then they have one. Others' entries of that camera are put right; its own follow."""
    both = {**PROTOCOLS, "old": replace(PROTOCOLS["activity"], name="old")}
    to = PostgresSink(watched, both, [FakeTarget()], clock=lambda: NOW)
    say(watched, "V1", [lies("V1", BED, 0, 3)])
    other = replace(window(CAMERA, 5), id=assessment_id(site_namespace("test"), CAMERA, "old", T0), protocol="old")
    to.commit([*seen(CAMERA, [1]), other])
    say(watched, "V1", [])
    with watched.transaction() as tx:
        tx.execute("DELETE FROM review")
    say(watched, "V2", [lies("V2", BED, 0)])
    sink(watched).review()
    assert standing(watched, CAMERA) == {1: ["V2"]}
    with watched.transaction() as tx:
        assert tx.execute("SELECT count(*), max(error) FROM review").fetchone() == (1, "these protocols are not loaded: old")
        tx.execute("UPDATE review SET next_at = now()")
    sink(watched).review()
    with watched.transaction() as tx:
        assert tx.execute("UPDATE review SET next_at = now()").rowcount == 1
    assert [one.protocol for one in to.review().entries] == ["old"]
    with watched.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM review").fetchone() == (0,)


def test_a_merge_ends_nothing_that_charting_had_begun(watched: Database) -> None:
    """The next window came before the review: the stretch without a grade got no end, the grade was charted anew."""
    say(watched, "V1", [lies("V1", BED, 0, patient="OLD")])
    to = sink(watched)
    to.commit([window(CAMERA, m, 0 if m < 5 else None) for m in range(20)])
    merge(watched, census.Kind.PERSON, "OLD", "NEW")
    say(watched, "V1", [lies("V1", BED, 0, patient="NEW")])
    to.commit([window(CAMERA, 21, 0)])
    assert [(e.kind.value, e.patient.value) for e in latest(watched, CAMERA)] == [
        ("grade", "OLD"),
        ("unassessable", "OLD"),
        ("assessable", "NEW"),
    ]


def test_a_visit_that_was_merged_has_one_question_and_its_verdict_confirms(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0, patient="P")])
    to = sink(watched)
    asked, later = window(CAMERA, 1), window(CAMERA, 5)
    to.commit([*seen(CAMERA, [1]), question(asked)])
    merge(watched, census.Kind.VISIT, "V1", "V2")
    say(watched, "V1", [])
    say(watched, "V2", [lies("V2", BED, 0, patient="P")])
    to.review()
    to.commit([later, question(later)])
    at_us = T0 + 3000 * US
    to.commit([Verdict(verdict_id(asked.id, "n7", at_us), None, asked.id, "n7", 2, at_us)])
    assert [(e.kind.value, e.status, e.encounter.value) for e in latest(watched, CAMERA) if e.assessment == asked.id] == [
        ("alert", "final", "V1"),
        ("verdict", "final", "V2"),
    ]
    with watched.transaction() as tx:
        assert tx.execute("SELECT state FROM question").fetchall() == [("superseded",)]


def test_an_alert_of_a_bed_that_was_off_is_another_s_whose_bed_was_not(watched: Database) -> None:
    """The camera had been moved to another bed; its windows were kept, and its alerts were thrown away."""
    say(watched, "V2", [lies("V2", OTHER, 0)])
    with watched.transaction() as tx:
        switch_off(tx, Scope.BED, BED, "wrong grades", "n7", T0)
    to = sink(watched)
    assert to.commit(seen(CAMERA, [5])).entries == ()
    save_watches(watched, [Watch(CAMERA, OTHER, T0, None, 1)])
    to.review()
    assert standing(watched, CAMERA) == {5: ["V2"]}


def test_an_alert_of_who_had_not_consented_is_charted_when_that_was_a_mistake(watched: Database) -> None:
    say(watched, "V1", [lies("V1", BED, 0)])
    to = sink(watched)
    for given in (False, True):
        with watched.transaction() as tx:
            consent_say(tx, Consent("encounter", Identifier("urn:visit", "V1"), given, T0, "n7"), uuid4(), "n7", NOW)
        to.commit(seen(CAMERA, [5]))
        to.review()
        assert standing(watched, CAMERA) == ({5: ["V1"]} if given else {})


def test_a_part_that_begins_earlier_than_it_did_has_one_next_revision(watched: Database) -> None:
    """Its revisions were read in order of their begin: the one before the last was taken for the last, and the review failed for ever."""
    say(watched, "V1", [lies("V1", BED, 0)])
    to = sink(watched)
    to.commit([window(CAMERA, m, 0) for m in range(62)])
    for since in (30, None, 20, 10):
        say(watched, "V2", [] if since is None else [lies("V2", BED, since)])
        say(watched, "V1", [lies("V1", BED, 0, since)])
        to.review()
        with watched.transaction() as tx:
            assert tx.execute("SELECT error FROM review").fetchall() == []
        assert summaries(watched) == ([(0, "V1")] if since is None else [(0, "V1"), (since, "V2")])


def test_a_part_that_begins_earlier_goes_out_behind_its_older_revisions(watched: Database) -> None:
    """The outbox was read by begin: the newest revision went out first, then the older ones, and what was withdrawn here stood there."""
    target = FakeTarget()
    to = sink(watched, target)
    say(watched, "V1", [lies("V1", BED, 0)])
    to.commit([window(CAMERA, m, 0) for m in range(62)])
    for since in (30, None, 20, None, 10):
        say(watched, "V2", [] if since is None else [lies("V2", BED, since)])
        say(watched, "V1", [lies("V1", BED, 0, since)])
        to.review()
    deliver(watched, target, [CAMERA])
    sent = [revision for entry, revision, _, _ in target.calls if entry == str(_stands(watched)[-1].id)]
    assert len(sent) > 1
    assert sent == sorted(sent)
