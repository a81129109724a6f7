"""One suite over every census: memory, and PostgreSQL where its wheel is installed."""

import functools
import threading
from dataclasses import replace

import pytest

from wince.domain.census import Change, MessageKey, Movement, Outcome, Revision
from wince.domain.ids import site_namespace
from wince.domain.stay import Identifier
from wince.errors import IntegrityError
from wince.hl7.errors import Hl7Error
from wince.hospital.interface import Census, one_by_one
from wince.hospital.stays import revise

REVISE = functools.partial(revise, site_namespace("test"))
SECOND = 1_000_000


def moved(trigger, at_s, *, number, bed="ICU^1^A", visit="V1", patient="P1", known_s=None, digest="d", recorded_s=None) -> Movement:
    return Movement(
        key=MessageKey("HIS", "HOSP", str(number), f"{digest}{number}"),
        trigger=trigger,
        encounter=Identifier("urn:wince:authority:HOSP", visit),
        patient=Identifier("urn:wince:authority:HOSP", patient),
        bed=bed,
        at_us=at_s * SECOND,
        known_us=(at_s if known_s is None else known_s) * SECOND,
        recorded_us=(at_s + 1 if recorded_s is None else recorded_s) * SECOND,
        ward="ICU",
    )


def spans(stays):
    return [(s.encounter.value, s.bed, s.start_us // SECOND, s.end_us and s.end_us // SECOND) for s in stays]


def test_an_admission_is_a_stay_without_end(census: Census):
    applied = census.apply(moved("A01", 100, number=1), REVISE)
    assert applied.outcome is Outcome.APPLIED
    assert spans(applied.revision.add) == [("V1", "ICU^1^A", 100, None)]
    assert census.current() == list(applied.revision.add) == census.stays("ICU^1^A", 0, None)


def test_the_same_message_again_is_a_duplicate_and_changes_nothing(census: Census):
    census.apply(moved("A01", 100, number=1), REVISE)
    before = census.stays("ICU^1^A", 0, None)
    again = census.apply(moved("A01", 100, number=1, recorded_s=900), REVISE)
    assert (again.outcome, again.revision) == (Outcome.DUPLICATE, Revision())
    assert census.stays("ICU^1^A", 0, None) == before


def test_another_message_under_a_used_key_is_an_integrity_error(census: Census):
    census.apply(moved("A01", 100, number=1), REVISE)
    with pytest.raises(IntegrityError):
        census.apply(moved("A02", 200, number=1, bed="ICU^1^B", digest="other"), REVISE)
    assert spans(census.current()) == [("V1", "ICU^1^A", 100, None)]


def test_what_revise_raises_rolls_back_and_leaves_the_key_free(census: Census):
    def refuse(movements, believed, in_bed):
        raise Hl7Error("no", condition="204")

    with pytest.raises(Hl7Error):
        census.apply(moved("A01", 100, number=1), refuse)
    assert census.current() == []
    census.audit(MessageKey("HIS", "HOSP", "1", "raw"), "rejected", "PID-3 204")
    assert census.apply(moved("A01", 100, number=1, digest="corrected"), REVISE).outcome is Outcome.APPLIED
    assert len(census.current()) == 1


def test_a_refusal_with_another_digest_is_audited_once_and_never_raises(census: Census):
    for digest in ("a", "b", "a"):
        census.audit(MessageKey("HIS", "HOSP", "7", digest), "rejected", "PID-3 101")
        census.audit(MessageKey("HIS", "HOSP", "8", digest), "ignored", "ADT^A60")


def test_revise_sees_all_movements_in_order_of_arrival_and_the_believed_stays(census: Census):
    seen = []

    def spy(movements, believed, in_bed):
        seen.append(([m.key.control_id for m in movements], spans(believed)))
        return REVISE(movements, believed, in_bed)

    first, second = moved("A01", 100, number=1), moved("A02", 90, number=2, bed="ICU^1^B")
    census.apply(first, spy)
    census.apply(second, spy)
    census.apply(moved("A01", 50, number=3, visit="V2", patient="P2"), spy)
    assert seen == [(["1"], []), (["1", "2"], [("V1", "ICU^1^A", 100, None)]), (["3"], [])]


def test_movements_come_back_as_they_were_given(census: Census):
    kept = []
    given = replace(moved("A01", 100, number=1), recorded_us=123_456_789_012_345, patient=Identifier("urn:x", "Ö'ß\\|^ 0"))
    census.apply(given, REVISE)

    def spy(movements, believed, in_bed):
        kept.extend(movements)
        return REVISE(movements, believed, in_bed)

    census.apply(moved("A08", 200, number=2, patient="P9"), spy)
    assert kept[0] == given


def test_two_patients_claimed_for_one_bed_are_both_kept_and_noted(census: Census):
    census.apply(moved("A01", 100, number=1), REVISE)
    second = census.apply(moved("A01", 200, number=2, visit="V2", patient="P2"), REVISE)
    assert second.revision.notes == ("two_patients",)
    assert spans(census.stays("ICU^1^A", 0, None)) == [("V1", "ICU^1^A", 100, None), ("V2", "ICU^1^A", 200, None)]
    assert spans(census.stays("ICU^1^A", 0, 200 * SECOND)) == [("V1", "ICU^1^A", 100, None)]


def test_what_was_believed_at_a_moment_can_be_asked(census: Census):
    census.apply(moved("A01", 100, number=1, recorded_s=101), REVISE)
    census.apply(moved("A03", 200, number=2, recorded_s=300), REVISE)
    assert spans(census.stays("ICU^1^A", 0, None, as_of_us=250 * SECOND)) == [("V1", "ICU^1^A", 100, None)]
    assert spans(census.stays("ICU^1^A", 0, None, as_of_us=300 * SECOND)) == [("V1", "ICU^1^A", 100, 200)]
    assert census.stays("ICU^1^A", 0, None, as_of_us=100 * SECOND) == []
    assert census.stays("ICU^1^A", 200 * SECOND, None) == []
    assert census.current() == []


def test_a_stay_keeps_its_id_while_its_end_becomes_known(census: Census):
    opened = census.apply(moved("A01", 100, number=1), REVISE).revision.add[0]
    closed = census.apply(moved("A03", 200, number=2), REVISE).revision
    assert closed.supersede == (opened,)
    assert closed.add[0].id == opened.id
    reopened = census.apply(moved("A13", 250, number=3), REVISE).revision
    assert spans(reopened.add) == [("V1", "ICU^1^A", 100, None)]
    assert reopened.add[0].id == opened.id


def test_writers_beside_each_other_lose_nothing(census: Census):
    """Two threads move two patients through the same beds; every movement is kept once, each encounter ends in one stay."""
    errors = []

    def walk(visit):
        try:
            for step in range(12):
                number = f"{visit}-{step}"
                trigger = "A01" if step == 0 else "A02"
                census.apply(moved(trigger, 100 + step, number=number, visit=visit, patient=visit, bed=f"ICU^1^{step % 2}"), REVISE)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=walk, args=(visit,)) for visit in ("V1", "V2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(spans(census.current())) == [("V1", "ICU^1^1", 111, None), ("V2", "ICU^1^1", 111, None)]
    assert len(census.stays("ICU^1^0", 0, None)) == 12


def test_several_are_committed_all_or_none(census: Census):
    first, second = moved("A01", 100, number=1), moved("A01", 100, number=2, visit="V2", bed="ICU^2^A")
    decide = one_by_one(REVISE)
    other = moved("A02", 200, number=3, patient="P9")
    with pytest.raises(Hl7Error):
        census.commit_all([(Change.of(first), decide), (Change.of(second), decide), (Change.of(other), decide)])
    assert census.current() == []
    done = census.commit_all([(Change.of(first), decide), (Change.of(second), decide), (Change.of(first), decide)])
    assert [one.outcome for one in done] == [Outcome.APPLIED, Outcome.APPLIED, Outcome.DUPLICATE]
    assert [stay.encounter.value for stay in census.current()] == ["V1", "V2"]
