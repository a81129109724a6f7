"""Messages through the listener, into every census: what each event means for who lies where (HL7 v2.5.1 chapter 3)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tests.contract.census.feed import ICU1, ICU2, ICU3, Feed, mrg, pid, pv1
from wince.hospital.interface import Census
from wince.hospital.memory import MemoryCensus
from wince.hospital.site import Site
from wince.testing.hl7 import code


@pytest.fixture
def feed(census: Census) -> Feed:
    return Feed(census, Site())


def of(census: Census, **site: object) -> Feed:
    return Feed(census, Site(**site))  # type: ignore[arg-type]


def test_an_outpatient_who_becomes_an_inpatient_leaves_the_old_bed(feed: Feed) -> None:
    feed.tell("A04", "0800", pid(), pv1("ED^1^A"))
    feed.tell("A06", "0900", pid(), pv1(ICU1))
    assert (feed.lies("ED^1^A", "0830"), feed.lies("ED^1^A", "0930"), feed.lies(ICU1, "0930")) == ("70001/V900", "", "70001/V900")


def test_a_change_of_class_under_another_visit_number_ends_the_old_visit(feed: Feed) -> None:
    feed.tell("A04", "0800", pid(), pv1("ED^1^A", "V900"))
    feed.tell("A06", "0900", pid(), pv1(ICU1, "V901"), mrg("70001", visit="V900"))
    feed.tell("A08", "0930", pid(), pv1("ED^1^A", "V900"))
    assert (feed.lies("ED^1^A", "0830"), feed.lies("ED^1^A", "0945"), feed.lies(ICU1, "0945")) == ("70001/V900", "", "70001/V901")


def test_an_update_without_a_bed_changes_none(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(born=""), pv1())
    feed.tell("A08", "0900", pid(), pv1(""))
    assert feed.lies(ICU1, "0930") == "70001/V900"
    assert {str(stay.birth_date) for stay in feed.census.current()} == {"1950-01-01"}


def test_an_update_of_a_pre_admission_plans_a_bed(feed: Feed) -> None:
    feed.tell("A05", "0800", pid(), pv1(kind="P"))
    feed.tell("A08", "0900", pid(), pv1(kind="P"))
    assert feed.lies(ICU1, "0930") == ""


def test_a_swap_moves_both_in_one_transaction(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A01", "0800", pid("80002"), pv1(ICU2, "V901"))
    feed.tell("A17", "0900", pid(), pv1(ICU2), pid("80002"), pv1(ICU1, "V901"))
    assert (feed.lies(ICU1, "0830"), feed.lies(ICU2, "0830")) == ("70001/V900", "80002/V901")
    assert (feed.lies(ICU1, "0930"), feed.lies(ICU2, "0930")) == ("80002/V901", "70001/V900")
    assert code(feed.say("A17", "1000", pid(), pv1(ICU1))) == "AE"
    assert code(feed.say("A01", "1000", pid(), pv1(ICU1), pid("80002"), pv1(ICU2, "V901"))) == "AE"


def test_a_leave_empties_the_bed_and_the_return_fills_it(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A21", "0900", pid(), pv1())
    feed.tell("A08", "0915", pid(), pv1())
    assert feed.lies(ICU1, "0930") == "", "an update doesn't bring anybody back"
    feed.tell("A22", "1000", pid(), pv1(""))
    assert feed.lies(ICU1, "1030") == "70001/V900"
    feed.tell("A53", "1045", pid(), pv1(""))
    assert feed.lies(ICU1, "1050") == "", "the return never was"
    feed.tell("A52", "1055", pid(), pv1(""))
    assert [feed.lies(ICU1, at) for at in ("0930", "1030", "1100")] == ["70001/V900"] * 3, "the leave never was"


def test_a_return_may_name_another_bed(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A21", "0900", pid(), pv1())
    feed.tell("A22", "1000", pid(), pv1(ICU2))
    assert (feed.lies(ICU1, "1030"), feed.lies(ICU2, "1030")) == ("", "70001/V900")


def test_departing_and_arriving(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A09", "0900", pid(), pv1())
    assert feed.lies(ICU1, "0905") == ""
    feed.tell("A10", "0910", pid(), pv1(ICU1, temporary=ICU3))
    assert (feed.lies(ICU1, "0915"), feed.lies(ICU3, "0915")) == ("", "70001/V900")
    feed.tell("A32", "0920", pid(), pv1())
    assert (feed.lies(ICU1, "0925"), feed.lies(ICU3, "0925")) == ("", "")
    feed.tell("A33", "0930", pid(), pv1())
    assert feed.lies(ICU1, "0935") == "70001/V900"
    feed.tell("A09", "0940", pid(), pv1())
    feed.tell("A10", "0950", pid(), pv1(ICU2))
    assert feed.lies(ICU2, "0955") == "70001/V900"


def test_a_deleted_visit_never_was(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A23", "0900", pid(), pv1())
    assert feed.lies(ICU1, "0830") == ""


def test_admission_and_discharge_have_times_of_their_own(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1(admitted="20261121073000"))
    feed.tell("A03", "1000", pid(), pv1(admitted="20261121073000", discharged="202611210930"))
    assert [feed.lies(ICU1, at) for at in ("0729", "0730", "0929", "0930")] == ["", "70001/V900", "70001/V900", ""]
    feed.tell("A01", "1100", pid("80002"), pv1(visit="V901", admitted="20261121"), event="20261121103000")
    assert (feed.lies(ICU1, "1029"), feed.lies(ICU1, "1030")) == ("", "80002/V901")


def test_a_visit_time_that_is_none_costs_that_field(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1(admitted="20261121"))
    assert (feed.lies(ICU1, "0759"), feed.lies(ICU1, "0800")) == ("", "70001/V900")


def test_a_birth_date_that_is_none_costs_that_field(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(born="00000000"), pv1())
    assert [stay.birth_date for stay in feed.census.current()] == [None]


def test_a_merge_binds_what_was_to_the_survivor(feed: Feed) -> None:
    for number, trigger in enumerate(("A40", "A34", "A39", "A30", "A36", "A47", "A46", "A43", "A18")):
        bed, other, old, new, visit = f"ICU^{number}^A", f"ICU^{number}^B", f"1{number}", f"2{number}", f"V{number}"
        feed.tell("A01", "0800", pid(old), pv1(bed, visit))
        before = feed.ids(bed)
        feed.tell(trigger, "0900", pid(new), mrg(old))
        assert [feed.lies(bed, at) for at in ("0830", "0930")] == [f"{new}/{visit}"] * 2, trigger
        assert feed.ids(bed) == before, "the stay is the same: only its number is another"
        feed.tell("A03", "1000", pid(new), pv1(bed, visit))
        feed.tell("A01", "1100", pid(f"3{number}"), pv1(bed, f"W{number}"))
        feed.tell("A08", "1130", pid(old), pv1(other, f"X{number}"))
        assert [feed.lies(bed, at) for at in ("1030", "1130")] == ["", f"3{number}/W{number}"]
        assert feed.lies(other, "1145") == f"{new}/X{number}"


def test_a_merge_of_several_patients_and_a_chain(feed: Feed) -> None:
    for number, bed in enumerate((ICU1, ICU2, ICU3)):
        feed.tell("A01", "0800", pid(f"P{number}"), pv1(bed, f"V{number}"))
    feed.tell("A40", "0900", pid("Q0"), mrg("P0"), pid("Q1"), mrg("P1"))
    feed.tell("A40", "0910", pid("R"), mrg("Q1"))
    feed.tell("A08", "0920", pid("P1"), pv1(ICU2, "V1"))
    assert [feed.lies(bed, "0930") for bed in (ICU1, ICU2, ICU3)] == ["Q0/V0", "R/V1", "P2/V2"]
    feed.tell("A40", "0940", pid("Q1"), mrg("R"))
    assert feed.lies(ICU2, "0950") == "Q1/V1", "the merge is turned round"


def test_a_merge_that_comes_before_what_it_is_about(feed: Feed) -> None:
    feed.tell("A40", "0900", pid("79999"), mrg("70001"))
    feed.tell("A01", "0800", pid("70001"), pv1())
    feed.tell("A02", "0930", pid("79999"), pv1(ICU2))
    assert (feed.lies(ICU1, "0830"), feed.lies(ICU2, "0945")) == ("79999/V900", "79999/V900")


def test_a_merge_of_other_numbers_says_nothing_here(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A47", "0900", pid(), "MRG|987^^^SSA^SS")
    assert feed.lies(ICU1, "0930") == "70001/V900"
    assert code(feed.say("A40", "0900", pid())) == "AE"


@pytest.mark.parametrize("trigger", ["A42", "A50"])
def test_a_visit_number_is_changed(feed: Feed, trigger: str) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    before = feed.ids(ICU1)
    feed.tell(trigger, "0900", pid(), mrg("70001", visit="V900"), pv1("", "V990"))
    assert [feed.lies(ICU1, at) for at in ("0830", "0930")] == ["70001/V990"] * 2
    assert feed.ids(ICU1) == before
    feed.tell("A02", "1000", pid(), pv1(ICU2, "V900"))
    feed.tell("A03", "1100", pid(), pv1("", "V990"))
    assert [feed.lies(ICU2, at) for at in ("1030", "1130")] == ["70001/V990", ""]


@pytest.mark.parametrize("trigger", ["A44", "A45"])
def test_a_visit_moves_to_another_person(feed: Feed, trigger: str) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A01", "0800", pid(), pv1(ICU2, "V901"))
    feed.tell(trigger, "0900", pid("80002"), mrg("70001", visit="V900"), *([pv1("", "V900")] if trigger == "A45" else []))
    assert (feed.lies(ICU1, "0830"), feed.lies(ICU2, "0930")) == ("80002/V900", "70001/V901")
    feed.tell("A02", "1000", pid("80002"), pv1(ICU3))
    assert feed.lies(ICU3, "1030") == "80002/V900"


def test_a_move_of_an_account_without_a_visit_says_nothing(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A44", "0900", pid("80002"), mrg("70001", account="A1"))
    assert feed.lies(ICU1, "0930") == "70001/V900"


def test_where_the_account_number_is_the_visits(census: Census) -> None:
    feed = of(census, visit_number="PID-18")
    feed.tell("A01", "0800", pid(account="A1"), pv1(visit=""))
    assert feed.lies(ICU1, "0830") == "70001/A1"
    feed.tell("A49", "0900", pid(account="A2"), mrg("70001", account="A1"))
    feed.tell("A44", "0930", pid("80002", account="A2"), mrg("70001", account="A2"))
    assert feed.lies(ICU1, "1000") == "80002/A2"
    assert code(feed.say("A01", "1000", pid(), pv1())) == "AE"


IGNORED = [
    *("A05", "A14", "A15", "A16", "A38", "A25", "A26", "A27", "A20", "A24", "A37", "A28", "A29", "A31", "A51", "A49", "A48", "A35"),
    *("A41", "A54", "A55", "A60", "A61", "A62", "A99", "Z01"),
]


def test_what_says_nothing_of_beds_is_taken(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    for trigger in IGNORED:
        feed.tell(trigger, "0900", pid("80002"), pv1(ICU1, "V901"), mrg("70001", visit="V900", account="A1"))
        assert feed.lies(ICU1, "0930") == "70001/V900", trigger


def test_a_visit_never_heard_of_is_admitted_where_a_bed_is_named(feed: Feed) -> None:
    for trigger in ("A02", "A08", "A06", "A07", "A10", "A22", "A12", "A13"):
        feed.tell(trigger, "0800", pid(trigger), pv1(f"{trigger}^1^1", trigger))
        assert [feed.lies(f"{trigger}^1^1", at) for at in ("0759", "0800")] == ["", f"{trigger}/{trigger}"]


def test_the_end_of_a_visit_never_heard_of_changes_no_bed(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A03", "0900", pid(), pv1(visit="V900^^^OTHER^VN"))
    feed.tell("A11", "0900", pid("80002"), pv1(visit="V777"))
    assert feed.lies(ICU1, "0930") == "70001/V900"


def test_a_training_message_is_about_nobody(census: Census) -> None:
    feed = of(census)
    for number, processing in enumerate(("T", "D", "t")):
        feed.tell("A01", "0800", pid(f"7000{number}"), pv1(), processing=processing)
    assert feed.lies(ICU1, "0830") == ""
    test_system = of(census, production=False)
    test_system.tell("A01", "0800", pid(), pv1(), processing="T", control="x")
    assert test_system.lies(ICU1, "0830") == "70001/V900"


def test_a_bed_of_another_facility_is_another_bed(census: Census) -> None:
    feed = of(census, facilities=("NORTH",))
    feed.tell("A01", "0800", pid(), pv1(f"{ICU1}^SOUTH"))
    feed.tell("A01", "0800", pid("80002"), pv1(f"{ICU1}^NORTH", "V901"))
    assert (feed.lies(ICU1, "0830"), feed.lies(f"{ICU1}^SOUTH", "0830")) == ("80002/V901", "70001/V900")


def test_the_record_number_is_the_typed_one_of_the_sites_authority(census: Census) -> None:
    feed = of(census, authority="NORTH&1.2.3&ISO")
    feed.tell("A01", "0800", pid("88^^^SOUTH^MR~70001^^^NORTH^MR"), pv1())
    feed.tell("A02", "0900", pid("70001^^^X&1.2.3&ISO^mr"), pv1(ICU2))
    assert feed.lies(ICU2, "0930") == "70001/V900"
    assert code(feed.say("A01", "1000", pid("88^^^SOUTH^MR"), pv1(ICU1, "V901"))) == "AE"


@pytest.mark.parametrize(
    ("numbers", "mrn"),
    [
        ("70001^^^HOSP^PI~987654321^^^SSA", "70001"),
        ("987654321^^^SSA~70001^^^HOSP^MRN", "70001"),
        ("5^^^HOSP^PI~70001^^^HOSP^mr", "70001"),
        ("70001^^^HOSP&1.2.3&ISO^MR~70001^^^HOSP^MR", "70001"),
        ("7\\X30\\001^^^HOSP^MR", "70001"),
        ("70001^^^HOSP", "70001"),
        ("7&1^^^HOSP^DL~70001^^^HOSP^MR", "70001"),
        ("987654321^^^SSA~5^^^HOSP^SS", None),
        ("1^^^NORTH^MR~2^^^SOUTH^MR", None),
    ],
)
def test_which_number_names_the_patient(feed: Feed, numbers: str, mrn: str | None) -> None:
    answer = feed.say("A01", "0800", pid(numbers), pv1())
    assert code(answer) == ("AE" if mrn is None else "AA")
    assert feed.lies(ICU1, "0830") == (f"{mrn}/V900" if mrn else "")


def test_local_times_are_the_sites_whatever_offset_another_field_has(census: Census) -> None:
    feed = of(census, zone=ZoneInfo("America/New_York"))
    feed.tell("A01", "0800", pid(), pv1(), sent="20261121080000+0530")
    feed.tell("A03", "1900", pid(), pv1(), sent="20261121190000+0530")
    feed.tell("A01", "1915", pid("80002"), pv1(visit="V901"), sent="20261121191500+0530")
    lying = [feed.lies(ICU1, at, "America/New_York") for at in ("0759", "0801", "1859", "1901", "1916")]
    assert lying == ["", "70001/V900", "70001/V900", "", "80002/V901"]


def test_the_hour_that_comes_twice_is_decided_by_order(census: Census) -> None:
    """25 October 2026, Berlin: 02:45 is the first pass, 02:15 after it the second."""
    feed = of(census, zone=ZoneInfo("Europe/Berlin"))
    feed.tell("A01", "20261024200000", pid(), pv1())
    feed.tell("A03", "20261025024500", pid(), pv1())
    feed.tell("A01", "20261025021500", pid("80002"), pv1(visit="V901"))
    assert [feed.lies(ICU1, f"20261025{at}") for at in ("0044", "0046", "0114", "0115")] == ["70001/V900", "", "", "80002/V901"]


def test_the_hour_that_never_was_is_taken(census: Census) -> None:
    feed = of(census, zone=ZoneInfo("Europe/Berlin"))
    feed.tell("A01", "20260329023000", pid(), pv1())
    assert (feed.lies(ICU1, "202603290129"), feed.lies(ICU1, "202603290130")) == ("", "70001/V900")


def test_moves_of_one_minute_count_in_the_order_in_which_they_come(feed: Feed) -> None:
    feed.tell("A01", "202601010800", pid(), pv1())
    feed.tell("A02", "202601010830", pid(), pv1(ICU3))
    feed.tell("A02", "202601010830", pid(), pv1(ICU2))
    assert (feed.lies(ICU2, "202601010831"), feed.lies(ICU3, "202601010831")) == ("70001/V900", "")


def test_a_senders_clock_that_steps_back_turns_nothing_round(feed: Feed) -> None:
    feed.tell("A01", "20260101080000", pid(), pv1())
    feed.tell("A02", "20260101083005", pid(), pv1(ICU3))
    feed.tell("A02", "20260101083003", pid(), pv1(ICU2))
    assert (feed.lies(ICU2, "202601010831"), feed.lies(ICU3, "202601010831")) == ("70001/V900", "")


def test_a_control_id_that_is_used_again_the_next_day_is_a_new_message(feed: Feed) -> None:
    feed.tell("A01", "0800", pid(), pv1(), control="0001")
    feed.tell("A03", "1000", pid(), pv1(), control="0002")
    assert code(feed.say("A01", "1100", pid("80002"), pv1(visit="V901"), control="0001")) == "AE"
    feed.tell("A01", "20261122080000", pid("80002"), pv1(visit="V901"), control="0001")
    feed.tell("A01", "20261122080000", pid("80002"), pv1(visit="V901"), control="0001")
    assert feed.lies(ICU1, "202611220900") == "80002/V901"


def test_a_site_may_refuse_a_used_control_id_for_ever() -> None:
    feed = Feed(MemoryCensus(window_us=0), Site())
    feed.tell("A01", "20260101080000", pid(), pv1(), control="1")
    assert code(feed.say("A01", "20270101080000", pid("80002"), pv1(visit="V901"), control="1")) == "AE"
