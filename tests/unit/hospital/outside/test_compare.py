"""A list against what is believed: each kind of difference, and that the hospital's newer word wins."""

from __future__ import annotations

from uuid import uuid4

from wince.domain.outside import CensusList, Compared, Difference, Listed
from wince.domain.stay import Identifier, Stay
from wince.hospital.outside.compare import compare, implausible

HOSP = "urn:wince:authority:HOSP"
MOMENT = 1_000_000_000


def visit(number: int) -> Identifier:
    return Identifier(HOSP, f"V{number}")


def listed(number: int, bed: str, patient: int | None = None) -> Listed:
    return Listed(Identifier(HOSP, f"P{patient or number}"), visit(number), bed)


def stay(number: int, bed: str, *, start_us: int = 0, end_us: int | None = None, patient: int | None = None) -> Stay:
    who = Identifier(HOSP, f"P{patient or number}")
    return Stay(uuid4(), bed, who, visit(number), start_us, end_us, 0, ward=bed.partition("^")[0])


def census(*rows: Listed, wards: frozenset[str] = frozenset()) -> CensusList:
    return CensusList("csv", MOMENT, rows, wards | {row.ward for row in rows})


def against(found: CensusList, *stays: Stay, heard: dict[int, int] | None = None, grace_us: int = 0) -> Compared:
    known = {stay.encounter: 0 for stay in stays} | {visit(number): at for number, at in (heard or {}).items()}
    return compare(found, stays, known, grace_us=grace_us)


def kinds(compared: Compared) -> list[tuple[str, Difference]]:
    return [(one.bed, one.kind) for one in compared.differing]


def test_the_same_is_no_difference() -> None:
    compared = against(census(listed(1, "ICU^1^A")), stay(1, "ICU^1^A"))
    assert (compared.agreed, compared.differing) == (1, ())


def test_who_is_missing_here_is_the_only_one_that_contradicts_nothing() -> None:
    (one,) = against(census(listed(1, "ICU^1^A"))).differing
    assert (one.kind, one.contradicts, one.listed) == (Difference.MISSING_HERE, False, (listed(1, "ICU^1^A"),))


def test_who_is_missing_there_counts_in_wards_that_the_list_tells() -> None:
    stays = (stay(1, "ICU^1^A"), stay(2, "ICU^2^A"), stay(3, "NICU^1^A"))
    assert kinds(against(census(listed(1, "ICU^1^A")), *stays)) == [("ICU^2^A", Difference.MISSING_THERE)]
    whole = census(listed(1, "ICU^1^A"), wards=frozenset({"NICU"}))
    assert kinds(against(whole, *stays)) == [("ICU^2^A", Difference.MISSING_THERE), ("NICU^1^A", Difference.MISSING_THERE)]


def test_another_bed_names_both() -> None:
    (one,) = against(census(listed(1, "ICU^2^A")), stay(1, "ICU^1^A")).differing
    assert (one.kind, one.bed, one.beds) == (Difference.ANOTHER_BED, "ICU^2^A", {"ICU^1^A", "ICU^2^A"})


def test_another_patient_in_the_bed_or_of_the_visit() -> None:
    assert kinds(against(census(listed(2, "ICU^1^A")), stay(1, "ICU^1^A"))) == [("ICU^1^A", Difference.ANOTHER_PATIENT)]
    assert kinds(against(census(listed(1, "ICU^1^A", 9)), stay(1, "ICU^1^A"))) == [("ICU^1^A", Difference.ANOTHER_PATIENT)]
    assert kinds(against(census(listed(1, "ICU^2^A", 9)), stay(1, "ICU^1^A"))) == [("ICU^2^A", Difference.ANOTHER_PATIENT)]
    two = (stay(1, "ICU^1^A"), stay(2, "ICU^1^A"))
    assert kinds(against(census(listed(1, "ICU^1^A")), *two)) == [("ICU^1^A", Difference.ANOTHER_PATIENT)]


def test_a_visit_that_ended_is_not_opened_again() -> None:
    gone = stay(1, "ICU^1^A", end_us=MOMENT - 1)
    assert kinds(against(census(listed(1, "ICU^1^A")), gone)) == [("ICU^1^A", Difference.IN_NO_BED)]


def test_two_in_a_bed_and_one_in_two() -> None:
    both = census(listed(1, "ICU^1^A"), listed(2, "ICU^1^A"))
    assert kinds(against(both, stay(1, "ICU^1^A"))) == [("ICU^1^A", Difference.TWO_IN_BED)]
    twice = census(listed(1, "ICU^1^A"), listed(1, "ICU^2^A"))
    assert kinds(against(twice)) == [("ICU^1^A", Difference.TWO_IN_BED), ("ICU^2^A", Difference.TWO_IN_BED)]


def test_the_hospitals_newer_word_wins() -> None:
    """A move that was told after the list's moment, or within the grace before it, is no difference."""
    moved = stay(1, "ICU^1^A")
    found = census(listed(1, "ICU^2^A"), listed(2, "ICU^3^A"))
    assert kinds(against(found, moved, stay(2, "ICU^3^A"), heard={1: MOMENT + 1})) == []
    assert kinds(against(found, moved, stay(2, "ICU^3^A"), heard={1: MOMENT - 5}, grace_us=10)) == []
    assert kinds(against(found, moved, stay(2, "ICU^3^A"), heard={1: MOMENT - 5})) == [("ICU^2^A", Difference.ANOTHER_BED)]
    assert against(found, moved, stay(2, "ICU^3^A"), heard={1: MOMENT + 1}).newer == 1


def test_a_list_that_agrees_in_nothing_is_not_believed() -> None:
    stays = [stay(number, f"ICU^{number}^A") for number in (1, 2, 3)]
    strange = census(*(listed(number + 10, f"ICU^{number}^A") for number in (1, 2, 3)))
    assert implausible(against(strange, *stays))
    assert not implausible(against(strange, *stays[:2]))
    assert not implausible(against(census(listed(1, "ICU^1^A"), *strange.rows[1:]), *stays))
