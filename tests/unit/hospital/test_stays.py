"""Movements -> intervals: each event, late and reordered ones, what is taken back."""

import itertools
from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wince.domain.binding import occupancies
from wince.domain.census import MessageKey, Movement
from wince.domain.ids import site_namespace
from wince.domain.stay import Identifier, Watch
from wince.hl7.errors import Hl7Error
from wince.hospital.memory import MemoryCensus
from wince.hospital.stays import changed, intervals, revise

SITE = site_namespace("s")
U = 120 * 1_000_000
"""Unit of the times below, microseconds: further apart than a sender's clock steps back."""
VISIT = Identifier("urn:x", "V1")
_count = itertools.count()


def m(trigger, at, bed="A", known=None, patient="P", born=None, recorded=None) -> Movement:
    return Movement(
        MessageKey("H", "F", str(next(_count)), ""),
        trigger,
        VISIT,
        Identifier("urn:x", patient),
        bed,
        at * U,
        (at if known is None else known) * U,
        at if recorded is None else recorded,
        born,
    )


def where(*movements):
    return [(i.bed, i.start_us // U, i.end_us and i.end_us // U) for i in intervals(movements)]


def nobody(_bed):
    return []


@pytest.mark.parametrize("opening", ["A01", "A04", "A02", "A08"])
def test_each_of_the_four_puts_the_patient_into_the_bed(opening):
    """A feed may start in the middle of a visit: a transfer or an update of an unknown visit says where the patient is."""
    assert where(m(opening, 10)) == [("A", 10, None)]


def test_transfer_ends_one_stay_and_begins_the_next():
    assert where(m("A01", 10), m("A02", 20, "B"), m("A03", 30)) == [("A", 10, 20), ("B", 20, 30)]


def test_an_update_in_the_same_bed_changes_nothing():
    assert where(m("A01", 10), m("A08", 20)) == [("A", 10, None)]


def test_an_update_with_another_bed_moves_from_its_time_on_and_corrects_where_it_says_since_when():
    assert where(m("A01", 10), m("A08", 20, "B")) == [("A", 10, 20), ("B", 20, None)]
    assert where(m("A01", 10), m("A08", 10, "B", known=20)) == [("B", 10, None)]


def test_an_update_or_transfer_after_the_discharge_reopens_nothing_but_a_new_admission_does():
    assert where(m("A01", 10), m("A03", 30), m("A08", 40), m("A02", 41, "B")) == [("A", 10, 30)]
    assert where(m("A01", 10), m("A03", 30), m("A01", 50, "C")) == [("A", 10, 30), ("C", 50, None)]


def test_a_discharge_that_comes_before_its_admission_is_not_forgotten():
    assert where(m("A03", 30)) == []
    assert where(m("A03", 30), m("A01", 10)) == [("A", 10, 30)]


def test_a_late_transfer_lands_between():
    assert where(m("A01", 10), m("A02", 30, "C"), m("A02", 20, "B")) == [("A", 10, 20), ("B", 20, 30), ("C", 30, None)]


def test_cancelled_admission_leaves_nothing_until_the_patient_is_admitted_anew():
    assert where(m("A01", 10), m("A02", 20, "B"), m("A11", 25)) == []
    assert where(m("A01", 10), m("A11", 25), m("A08", 26)) == []
    assert where(m("A01", 10), m("A11", 25), m("A01", 30, "D")) == [("D", 30, None)]


def test_a_cancellation_that_overtakes_what_it_cancels_still_cancels_it():
    assert where(m("A11", 25), m("A01", 10)) == []
    assert where(m("A01", 10), m("A12", 25, "A"), m("A02", 20, "B")) == [("A", 10, None)]
    assert where(m("A01", 10), m("A13", 25), m("A03", 20)) == [("A", 10, None)]


def test_cancelled_transfer_undoes_the_last_one_only():
    assert where(m("A01", 10), m("A02", 20, "B"), m("A02", 30, "C"), m("A12", 40, "B")) == [("A", 10, 20), ("B", 20, None)]


def test_cancelled_discharge_goes_on_without_a_break_and_may_name_another_bed():
    assert where(m("A01", 10), m("A03", 30), m("A13", 40)) == [("A", 10, None)]
    assert where(m("A01", 10), m("A03", 30), m("A13", 40, "B")) == [("A", 10, 40), ("B", 40, None)]


@pytest.mark.parametrize("trigger", ["A02", "A06", "A17"])
def test_an_update_shows_what_was_known_then_and_undoes_no_movement_entered_later(trigger):
    """A08 at 30, entered then; after it a transfer is entered that happened at 20. The same with a cancellation's PV1-3."""
    assert where(m("A01", 10), m("A08", 30), m(trigger, 20, "B", known=40)) == [("A", 10, 20), ("B", 20, None)]
    assert where(m("A01", 10), m("A02", 15, "C"), m("A12", 30), m(trigger, 20, "B", known=40)) == [("A", 10, 20), ("B", 20, None)]
    assert where(m("A01", 10), m("A08", 30), m("A21", 20, known=40)) == [("A", 10, 20)]
    assert where(m("A01", 10), m("A08", 30, "B"), m("A01", 5, known=40)) == [("A", 5, 30), ("B", 30, None)]


def test_what_an_update_said_again_of_a_cancelled_transfer_never_was():
    """The patient never left, whichever time the cancellation gives."""
    for at in (20, 40):
        assert where(m("A01", 10), m("A02", 20, "B"), m("A08", 30, "B"), m("A12", at, "A", known=40)) == [("A", 10, None)]
        twice = (m("A01", 10), m("A02", 20, "B"), m("A02", 25, "C"), m("A12", 30, "B"), m("A12", at, "A", known=40))
        assert where(*twice) == [("A", 10, None)]


def test_an_admission_or_discharge_told_again_replaces_the_first_telling():
    assert where(m("A01", 10), m("A01", 15, known=16)) == [("A", 15, None)]
    assert where(m("A01", 10), m("A03", 30), m("A03", 35)) == [("A", 10, 35)]
    assert where(m("A04", 5, "ED"), m("A01", 10)) == [("ED", 5, 10), ("A", 10, None)]


def test_a_deleted_bed_is_no_bed():
    assert where(m("A01", 10), m("A02", 20, ""), m("A02", 30, "B")) == [("A", 10, 20), ("B", 30, None)]


def test_revision_says_what_is_late_what_could_not_be_cancelled_and_who_was_changed():
    first, late, undo, other = m("A01", 10), m("A02", 5, "B"), m("A12", 40), m("A08", 50, patient="Q")
    assert revise(SITE, [first], [], nobody).notes == ()
    assert "late" in revise(SITE, [first, late], [], nobody).notes
    assert revise(SITE, [first, undo], [], nobody).notes == ("nothing_to_cancel",)
    changed = revise(SITE, [first, other], revise(SITE, [first], [], nobody).add, nobody)
    assert changed.notes == ("patient_changed",)
    assert [(s.patient.value, s.start_us // U) for s in changed.add] == [("Q", 10)]
    assert changed.add[0].id == changed.supersede[0].id


@pytest.mark.parametrize("trigger", ["A01", "A02", "A03", "A04", "A11", "A12", "A13"])
def test_only_an_update_may_give_a_visit_to_another_patient(trigger):
    with pytest.raises(Hl7Error) as caught:
        revise(SITE, [m("A01", 10), m(trigger, 20, patient="Q")], [], nobody)
    assert (caught.value.field, caught.value.condition) == ("PID-3", "204")


def test_a_voided_visit_number_may_be_used_for_another_patient():
    told = [m("A01", 10), m("A11", 20), m("A01", 30, patient="Q")]
    assert [s.patient.value for s in revise(SITE, told, [], nobody).add] == ["Q"]


def test_a_late_message_about_a_void_visit_is_taken_whoever_it_names():
    """The admission was entered for somebody else, corrected, and deleted; it arrives last, and must not block its sender."""
    told = [m("A23", 30, patient="Q"), m("A01", 10)]
    assert revise(SITE, told, [], nobody).add == ()


def test_recorded_time_never_runs_backwards_when_the_clock_does():
    first = revise(SITE, [m("A01", 10, recorded=1000)], [], nobody)
    second = revise(SITE, [m("A01", 10, recorded=1000), m("A03", 20, recorded=500)], first.add, nobody)
    assert second.recorded_us == second.add[0].recorded_us == 1001


def test_a_birth_date_is_kept_when_a_later_message_has_none():
    told = [m("A01", 10, born=date(1950, 1, 2)), m("A02", 20, "B")]
    assert {s.birth_date for s in revise(SITE, told, [], nobody).add} == {date(1950, 1, 2)}


movement = st.builds(
    m,
    st.sampled_from(["A01", "A02", "A03", "A04", "A08", "A11", "A12", "A13"]),
    st.integers(0, 50),
    st.sampled_from(["A", "B", "C", ""]),
    known=st.integers(0, 1000),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(movement, max_size=8, unique_by=lambda one: one.known_us), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(movements, random):
    shuffled = list(movements)
    random.shuffle(shuffled)
    assert intervals(shuffled) == intervals(movements)


@settings(max_examples=200, deadline=None)
@given(st.lists(movement, max_size=8))
def test_intervals_are_disjoint_ordered_and_never_empty(movements):
    found = intervals(movements)
    for one in found:
        assert one.bed
        assert one.end_us is None or one.end_us > one.start_us
    for one, after in itertools.pairwise(found):
        assert one.end_us is not None
        assert one.end_us <= after.start_us


@settings(max_examples=100, deadline=None)
@given(st.lists(movement, min_size=1, max_size=8))
def test_applying_one_by_one_ends_where_all_at_once_would(movements):
    believed = []
    for count in range(1, len(movements) + 1):
        revision = revise(SITE, movements[:count], believed, nobody)
        believed = [stay for stay in believed if stay not in revision.supersede] + list(revision.add)
        assert len({stay.id for stay in believed}) == len(believed)
    said = sorted((s.start_us, s.end_us, s.bed) for s in believed)
    assert said == [(i.start_us, i.end_us, i.bed) for i in intervals(movements)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(movement, st.booleans()), min_size=1, max_size=8))
def test_who_is_told_only_what_changed_knows_everything(told):
    """A consumer that takes each told step as replacing all later ones ends with the view that a newcomer would be given."""
    census, known = MemoryCensus(), []
    watches = [Watch("cam", "A", 0, None, 0)]
    for one, second in told:
        visit = Identifier("urn:x", "V2" if second else "V1")
        applied = census.apply(replace(one, encounter=visit), partial(revise, SITE))
        from_us = changed(applied.revision).get("A")
        if from_us is not None:
            for step in occupancies(watches, census.stays("A", from_us, None), "cam", 1 << 62, from_us):
                known = [old for old in known if old.at_us < step.at_us] + [step]
    if known:
        fresh = occupancies(watches, census.stays("A", 0, None), "cam", 1 << 62, 0)
        assert _merged(known) == _merged(fresh)


def _merged(steps):
    """(from, stay, ambiguous) where they change; nobody before the first."""
    found = [(-1, None, False)]
    for step in steps:
        now = (step.stay and step.stay.id, step.ambiguous)
        if found[-1][1:] != now:
            found.append((step.at_us, *now))
    return found
