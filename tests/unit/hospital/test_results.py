"""ORU^R01: of what is in it only scores under the site's codes are taken, each by its own words; the rest is as if it had not come."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wince.domain.score import Report
from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header
from wince.hl7.message import MAX_RESULTS, ORU, parse
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.outside.heard import Heard
from wince.hospital.parking import parkable
from wince.hospital.results.memory import MemoryScores
from wince.hospital.results.reading import read
from wince.hospital.results.taking import Results
from wince.hospital.site import Site
from wince.testing.hl7 import Person, adt, code, oru

US = 1_000_000
T0 = round(datetime(2026, 11, 21, 8, tzinfo=UTC).timestamp()) * US
P = Person("MRN-90210", "Musterfrau")
NRS = "http://loinc.org|72514-3"
CODES = [NRS, "99PAIN|BPS", "urn:oid:1.2.3|FLACC"]
SEVEN = "1|NM|72514-3^Pain^LN||7||||||F|||20261121075500+0000"


def report(*results: str, site: Site | None = None, text: str | None = None, **options: object) -> Report:
    raw = (text or oru(P, "V1", T0, results, **options)).encode()  # type: ignore[arg-type]
    header = read_header(raw)
    assert header is not None
    return read(parse(raw, header, layout=ORU), site or Site(), CODES, T0)


def values(found: Report) -> list[tuple[str, str, int, bool]]:
    return [(one.score.code, one.score.value, (one.score.at_us - T0) // US, one.stands) for one in found.reported]


def test_a_score_has_its_code_its_value_its_time_and_its_patient() -> None:
    found = report(SEVEN, order="4711^FLOW")
    assert values(found) == [(NRS, "7", -300, True)]
    score = found.reported[0].score
    assert (score.patient.value, score.encounter.value) == ("MRN-90210", "V1")
    assert score.reference == "HL7 v2 result, HOSP, 2026-11-21T07:55:00Z, order 4711^FLOW"
    assert found.notes == ()


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ("1|NM|72514-3^^LN||7.0||||||F", "7"),
        ("1|NM|72514-3^^LN||+7.5||||||C", "7.5"),
        ("1|NM|72514-3^^LN||0||||||P", "0"),
        ("1|NM|72514-3^^LN||100||||||F", "100"),
        ("1|ST|72514-3^^LN||7||||||F", "7"),
        ("1|SN|72514-3^^LN||^7||||||F", "7"),
        ("1|SN|72514-3^^LN||=^7||||||F", "7"),
        ("1|CWE|72514-3^^LN||7^severe^L||||||F", "7"),
        ("1|CE|1^x^L^72514-3^^LN||7||||||F", "7"),
    ],
)
def test_a_number_is_read_by_its_type(result: str, value: str) -> None:
    assert values(report(result)) == [(NRS, value, 0, True)], "without OBX-14 it is of OBR-7"


@pytest.mark.parametrize(
    ("name", "code_"),
    [("BPS^^99PAIN", "99PAIN|BPS"), ("FLACC^^1.2.3", "urn:oid:1.2.3|FLACC"), ("72514-3^^ln", NRS)],
)
def test_a_coding_system_is_named_by_its_table_its_oid_or_as_it_is_sent(name: str, code_: str) -> None:
    assert [one.score.code for one in report(f"1|NM|{name}||7||||||F").reported] == [code_]


@pytest.mark.parametrize("name", ["72514-3", "72514-3^^L", "8867-4^Heart rate^LN", "", "\\XZZ\\^^LN", "~" * 40, "BPS^^99OTHER"])
def test_any_other_result_is_none_of_ours_whatever_is_wrong_in_it(name: str) -> None:
    found = report(f"1|ZZ|{name}||{'x' * 5000}||||||?|||yesterday", text=None)
    assert (found.reported, found.notes) == ((), ())


def test_a_message_without_scores_needs_no_patient_and_no_visit() -> None:
    text = oru(P, "V1", T0, ["1|NM|8867-4^^LN||80||||||F"])
    assert report(text="\r".join(line for line in text.split("\r") if line[:3] not in ("PID", "PV1"))).reported == ()


@pytest.mark.parametrize(
    ("result", "note"),
    [
        ("1|NM|72514-3^^LN||||||||F", "OBX-5 101"),
        ("1|NM|72514-3^^LN||101||||||F", "OBX-5 102"),
        ("1|NM|72514-3^^LN||-1||||||F", "OBX-5 102"),
        ("1|NM|72514-3^^LN||seven||||||F", "OBX-5 102"),
        ("1|NM|72514-3^^LN||7~8||||||F", "OBX-5 102"),
        ("1|NM|72514-3^^LN||٧||||||F", "OBX-5 102"),
        ("1|NM|72514-3^^LN||1e1||||||F", "OBX-5 102"),
        ("1|SN|72514-3^^LN||>^7||||||F", "OBX-5 102"),
        ("1|SN|72514-3^^LN||^7^-^8||||||F", "OBX-5 102"),
        ("1|CWE|72514-3^^LN||LA6111-4^severe^LN||||||F", "OBX-5 102"),
        ("1|TX|72514-3^^LN||7||||||F", "OBX-2 102"),
    ],
)
def test_what_is_no_number_of_a_scale_is_named_and_takes_back_what_was_said_before(result: str, note: str) -> None:
    found = report(result)
    assert [(one.stands, one.score.value) for one in found.reported] == [(False, "")]
    assert found.notes == (note,)
    assert found.reported[0].score.id == report("1|NM|72514-3^^LN||7||||||F").reported[0].score.id


@pytest.mark.parametrize(
    ("result", "observed", "note"),
    [
        ("1|NM|72514-3^^LN||7||||||", None, "OBX-11 101"),
        ("1|NM|72514-3^^LN||7||||||Q", None, "OBX-11 103"),
        ("1|NM|72514-3^^LN||7||||||F|||20261121", None, "OBX-14 102"),
        ("1|NM|72514-3^^LN||7||||||F|||yesterday", None, "OBX-14 102"),
        ("1|NM|72514-3^^LN||7||||||F|||202611210811+0000", None, "OBX-14 102"),
        ("1|NM|72514-3^^LN||7||||||F", "yesterday", "OBR-7 102"),
        ("1|NM|72514-3^^LN||7||||||F", "", "OBX-14 101"),
        ("1|NM|72514-3^^LN|\\XZZ\\x" + "y" * 3000 + "|7||||||F", None, "OBX-4 102"),
    ],
)
def test_a_score_whose_state_time_or_name_can_not_be_read_is_passed_over_by_name(result: str, observed: str | None, note: str) -> None:
    found = report(result, SEVEN, observed=observed)
    assert values(found) == [(NRS, "7", -300, True)], "the other one is taken"
    assert found.notes == (note,)


@pytest.mark.parametrize("status", ["R", "S", "I", "O", "N", "U"])
def test_what_nobody_said_yet_is_no_score(status: str) -> None:
    found = report(f"1|NM|72514-3^^LN||7||||||{status}")
    assert (found.reported, found.notes) == ((), ())


@pytest.mark.parametrize("status", ["D", "W", "X"])
def test_a_withdrawal_names_the_score_that_was_said(status: str) -> None:
    gone = report(f"1||72514-3^^LN||||||||{status}|||20261121075500+0000", order="4711").reported[0]
    said = report(SEVEN, order="4711").reported[0]
    assert (gone.score.id, gone.stands) == (said.score.id, False)


def test_scores_are_told_apart_by_visit_code_part_time_and_order() -> None:
    base = report(SEVEN).reported[0].score.id
    others = [
        report(SEVEN.replace("LN||7", "LN|2|7")),
        report(SEVEN.replace("0755", "0756")),
        report(SEVEN.replace("72514-3^Pain^LN", "BPS^^99PAIN")),
        report(SEVEN, order="5"),
        report(text=oru(P, "V2", T0, [SEVEN])),
    ]
    assert len({base, *(one.reported[0].score.id for one in others)}) == 6
    assert report(SEVEN.replace("||7|", "||8|")).reported[0].score.id == base, "a corrected value is the same score"


def test_a_time_without_offset_is_the_sites() -> None:
    found = report("1|NM|72514-3^^LN||7||||||F|||202611210855", site=Site(zone=ZoneInfo("Europe/Berlin")))
    assert values(found) == [(NRS, "7", -300, True)]


def test_a_time_that_comes_twice_is_noted() -> None:
    found = report("1|NM|72514-3^^LN||7||||||F|||202610250215", site=Site(zone=ZoneInfo("Europe/Berlin")))
    assert found.notes == ("doubled_hour",)


def test_results_of_several_patients_and_orders_are_each_of_what_stands_above_them() -> None:
    one = oru(P, "V1", T0, [SEVEN, SEVEN.replace("||7|", "|2|3|")])
    order = "OBR|2|||||||20261121074000+0000\r"
    other = "PID|2||77^^^HOSP^MR\rPV1|1|I|||||||||||||||||V2^^^HOSP^VN\rOBX|1|NM|72514-3^^LN||5||||||F|||202611210750+0000\r"
    found = report(text=one + order.replace("||||||2026", "|||||2026") + "OBX|1|NM|72514-3^^LN||4||||||F\r" + other + order)
    said = [(s.score.patient.value, s.score.encounter.value, s.score.value, (s.score.at_us - T0) // US) for s in found.reported]
    assert said == [
        ("MRN-90210", "V1", "7", -300),
        ("MRN-90210", "V1", "3", -300),
        ("MRN-90210", "V1", "4", -1200),
        ("77", "V2", "5", -600),
    ]


@pytest.mark.parametrize(("segment", "field"), [("PID", "PID-3"), ("PV1", "PV1-19")])
def test_a_score_of_nobody_is_refused(segment: str, field: str) -> None:
    text = oru(P, "V1", T0, [SEVEN])
    with pytest.raises(Hl7Error) as failure:
        report(text="\r".join(line for line in text.split("\r") if not line.startswith(segment)))
    assert (failure.value.field, failure.value.condition, failure.value.rejected) == (field, "101", False)


def test_too_many_results_are_refused() -> None:
    assert len(report(*[SEVEN] * MAX_RESULTS).reported) == MAX_RESULTS
    with pytest.raises(Hl7Error) as failure:
        report(*[SEVEN] * (MAX_RESULTS + 1))
    assert (failure.value.field, failure.value.condition) == ("OBX", "102")


class Hospital:
    """A listener that takes scores, over memory."""

    def __init__(self, *, production: bool = True) -> None:
        self.census, self.heard = MemoryCensus(), Heard()
        site = Site(production=production)
        self.scores = MemoryScores(lambda visit: any(stay.encounter == visit for stay in self.census.current()))
        results = Results(self.census, self.scores, site, CODES)
        self.listener = AdtListener(
            self.census, site, results=results, heard=self.heard, now_us=lambda: T0, latest_us=lambda: T0 + 600 * US
        )
        assert code(self.say(adt("A01", P, "ICU^1^A", "V1", T0 - 3600 * US))) == "AA"
        self.census.trail.clear()

    def say(self, text: str) -> str:
        return self.listener.handle(text.encode()).decode()

    def standing(self) -> list[str]:
        return [one.value for one in self.scores.standing()]

    def trail(self) -> list[tuple[str, str]]:
        return [(event, detail) for _, event, detail in self.census.trail]


def test_a_score_is_taken_and_taken_back() -> None:
    hospital = Hospital()
    assert code(hospital.say(oru(P, "V1", T0, [SEVEN]))) == "AA"
    assert hospital.standing() == ["7"]
    assert code(hospital.say(oru(P, "V1", T0 + US, [SEVEN.replace("|F|", "|W|")]))) == "AA"
    assert hospital.standing() == []
    assert hospital.trail() == []


def test_who_says_something_of_beds_is_another_feed() -> None:
    """A feed of results that speaks while ADT is silent doesn't make who lies where believed."""
    hospital = Hospital()
    before = hospital.heard.newest_us
    hospital.say(oru(P, "V1", T0, [SEVEN]))
    assert before == hospital.heard.newest_us == T0 - 3600 * US


def test_a_score_that_was_sent_ahead_of_now_is_refused_by_name() -> None:
    """MSH-7 decides which of two words about a score stands: a day ahead, no correction could ever stand."""
    hospital = Hospital()
    answer = hospital.say(oru(P, "V1", T0 + 86_400 * US, [SEVEN]))
    assert code(answer) == "AE"
    assert "|MSH^1^7|102^" in answer
    assert hospital.standing() == []
    assert code(hospital.say(oru(P, "V1", T0 + 600 * US, [SEVEN]))) == "AA"
    assert hospital.standing() == ["7"]


def test_without_codes_results_are_rejected_as_ever() -> None:
    listener = AdtListener(MemoryCensus(), Site())
    answer = listener.handle(oru(P, "V1", T0, [SEVEN]).encode()).decode()
    assert code(answer) == "AR"
    assert "|200^" in answer


def test_other_kinds_of_results_are_rejected() -> None:
    answer = Hospital().say(oru(P, "V1", T0, [SEVEN]).replace("ORU^R01^ORU_R01", "ORU^R30^ORU_R30"))
    assert code(answer) == "AR"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (oru(P, "V1", T0, ["1|NM|8867-4^^LN||80||||||F"]), "ORU^R01"),
        (oru(P, "V9", T0, [SEVEN]), "ORU^R01 unknown_visit"),
        (oru(P, "V1", T0, [SEVEN], processing="T"), "ORU^R01 MSH-11 T"),
        (oru(P, "V1", T0, ["1|NM|72514-3^^LN||7||||||F|||never"]), "ORU^R01 OBX-14 102"),
    ],
)
def test_what_can_not_be_kept_is_acknowledged_and_audited(text: str, detail: str) -> None:
    hospital = Hospital()
    assert code(hospital.say(text)) == "AA"
    assert hospital.standing() == []
    assert hospital.trail() == [("ignored", detail)]


def test_a_score_of_nobody_is_answered_by_name_and_may_be_parked() -> None:
    hospital = Hospital()
    text = oru(P, "", T0, [SEVEN])
    assert "|PV1^1^19|101^" in hospital.say(text)
    header = read_header(text.encode())
    assert parkable(header, Hl7Error("x", condition="101"))
    assert not parkable(header, Hl7Error("x", condition="200"))


def test_an_admission_with_observations_is_read_as_ever() -> None:
    census = MemoryCensus()
    text = adt("A01", P, "ICU^1^A", "V1", T0) + f"OBX|{SEVEN}\rOBX|{SEVEN}\r"
    assert code(AdtListener(census, Site()).handle(text.encode()).decode()) == "AA"
    assert [stay.bed for stay in census.current()] == ["ICU^1^A"]
