"""What a message says: required fields by name, whose number counts, when it happened."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from wince.domain.stay import Identifier
from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header
from wince.hl7.message import parse
from wince.hl7.segments import Authority
from wince.hospital import adt as meaning
from wince.hospital import identity
from wince.hospital.site import Site, system
from wince.testing.hl7 import Person, adt

P = Person("4711", birth_date="19500102")
SITE = Site()
SECOND = 1_000_000


def read(trigger="A01", bed="ICU^1^A", at_us=100 * SECOND, site=SITE, drop="", **options):
    text = adt(trigger, P, bed, "V1", at_us, **options)
    text = "\r".join(line for line in text.split("\r") if not drop or not line.startswith(drop))
    raw = text.encode()
    header = read_header(raw)
    assert header is not None
    said = meaning.read(parse(raw, header), site, 999)
    assert said is not None
    return said.change.movements[-1]


def refused(**options):
    with pytest.raises(Hl7Error) as caught:
        read(**options)
    return caught.value.field, caught.value.condition


@pytest.mark.parametrize(
    ("sent", "value"),
    [("7\\X41\\1", "7A1"), ("7\\E\\X41\\E\\1", "7\\X41\\1"), ("7\\T\\1", "7&1"), ("7\\E\\T\\E\\1", "7\\T\\1"), ("7\\XC3A4\\1", "7ä1")],
)
def test_an_escape_is_decoded_once_in_each_number_and_name(sent, value):
    moved = read(bed=f"ICU^{sent}^A", fields={"PID-3": f"{sent}^^^{sent}^MR", "PV1-19": f"{sent}^^^{sent}^VN"})
    assert (moved.patient.value, moved.encounter.value, moved.bed) == (value, value, f"ICU^{value}^A")
    assert moved.patient.system == moved.encounter.system == system(Authority(value))
    again = adt("A01", Person(moved.patient.value), "ICU^1^A", moved.encounter.value, 100 * SECOND).encode()
    header = read_header(again)
    assert header is not None
    sent_again = meaning.read(parse(again, header), SITE, 999)
    assert sent_again is not None
    (movement,) = sent_again.change.movements
    assert (movement.patient.value, movement.encounter.value) == (value, value)


@pytest.mark.parametrize("spoiled", ["7\\x41\\1", "7\\Z9\\1", "7\\.br\\1", "7\\X00\\1", "7\\X0D\\1", "7\0" + "1", "7\t1", "7\x851"])
def test_what_would_vanish_from_a_number_or_name_or_is_a_control_character_is_refused(spoiled):
    assert refused(fields={"PID-3": f"{spoiled}^^^HOSP^MR"}) == ("PID-3", "102")
    assert refused(fields={"PID-3": f"71^^^{spoiled}^MR"}) == ("PID-3", "102")
    assert refused(fields={"PV1-19": f"{spoiled}^^^HOSP^VN"}) == ("PV1-19", "102")
    assert refused(bed=f"ICU^{spoiled}^A") == ("PV1-3", "102")


def test_a_movement_says_who_where_and_when():
    said = read(occurred_us=90 * SECOND)
    assert (said.trigger, said.bed, said.ward) == ("A01", "ICU^1^A", "ICU")
    assert said.patient == Identifier("urn:wince:authority:HOSP", "4711")
    assert said.encounter == Identifier("urn:wince:authority:HOSP", "V1")
    assert (said.at_us, said.known_us, said.recorded_us) == (90 * SECOND, 100 * SECOND, 999)
    assert said.birth_date == date(1950, 1, 2)


def test_the_time_is_evn_6_then_evn_2_then_msh_7():
    assert read(at_us=100 * SECOND).at_us == 100 * SECOND
    said = read(at_us=100 * SECOND, fields={"EVN-2": ""})
    assert (said.at_us, said.known_us) == (100 * SECOND, 100 * SECOND)
    said = read(occurred_us=90 * SECOND, fields={"EVN-2": "", "MSH-7": ""})
    assert (said.at_us, said.known_us) == (90 * SECOND, 90 * SECOND)
    assert refused(fields={"EVN-2": "", "MSH-7": ""}) == ("EVN-2", "101")


def test_a_time_without_a_zone_is_the_sites():
    site = Site(zone=ZoneInfo("America/New_York"))
    assert read(site=site, fields={"EVN-2": "197001010000"}).at_us == 5 * 3600 * SECOND


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"fields": {"PID-3": ""}}, ("PID-3", "101")),
        ({"fields": {"PID-3": '""'}}, ("PID-3", "101")),
        ({"fields": {"PID-3": "1^^^A^SS"}}, ("PID-3", "101")),
        ({"fields": {"PID-3": "1^^^A^MR~2^^^B^MR"}}, ("PID-3", "102")),
        ({"fields": {"PV1-3": ""}}, ("PV1-3", "101")),
        ({"trigger": "A02", "fields": {"PV1-3": ""}}, ("PV1-3", "101")),
        ({"trigger": "A06", "fields": {"PV1-3": ""}}, ("PV1-3", "101")),
        ({"trigger": "A10", "fields": {"PV1-3": ""}}, ("PV1-3", "101")),
        ({"fields": {"PV1-19": ""}}, ("PV1-19", "101")),
        ({"fields": {"EVN-2": "soon"}}, ("EVN-2", "102")),
        ({"fields": {"EVN-6": "20261399"}}, ("EVN-6", "102")),
        ({"drop": "EVN"}, ("EVN", "100")),
        ({"drop": "PID"}, ("PID", "100")),
        ({"drop": "PV1"}, ("PV1", "100")),
    ],
)
def test_what_is_missing_or_wrong_is_named(options, expected):
    assert refused(**options) == expected


def _merging(trigger, mrg, site=SITE):
    raw = (adt(trigger, P, "", "V1", 100 * SECOND) + f"MRG|{mrg}\r").encode()
    header = read_header(raw)
    assert header is not None
    return meaning.read(parse(raw, header), site, 999)


@pytest.mark.parametrize(
    ("trigger", "mrg"),
    [("A40", ""), ("A40", "^^^HOSP^MR"), ("A47", '""'), ("A45", "1^^^HOSP^MR"), ("A50", ""), ("A40", "||||V0^^^HOSP^VN")],
)
def test_a_merge_or_move_that_names_no_number_is_refused_not_passed_over(trigger, mrg):
    with pytest.raises(Hl7Error) as caught:
        _merging(trigger, mrg)
    assert (caught.value.field, caught.value.condition) == ("MRG", "101")


def test_a_merge_of_another_authoritys_number_and_a_move_of_an_account_are_nothing_here():
    assert _merging("A40", "1^^^ELSE^MR", Site(authority="HOSP")) is None
    assert _merging("A44", "1^^^HOSP^MR||ACCOUNT^^^HOSP^AN") is None


def test_a_discharge_needs_no_bed_and_a_deleted_bed_is_taken():
    assert read("A03", bed="").bed == ""
    assert read("A11", bed="").bed == ""
    assert read("A02", bed='""').bed == ""


def test_the_number_of_type_mr_counts_of_the_sites_authority_where_there_are_several():
    assert read(fields={"PID-3": "1^^^A^SS~2^^^B^MR"}).patient.value == "2"
    assert read(fields={"PID-3": "7^^^A"}).patient.value == "7"
    both = {"PID-3": "1^^^A^MR~2^^^B&1.2.3&ISO^MR"}
    assert read(fields=both, site=Site(authority="B")).patient == Identifier("urn:wince:authority:B", "2")
    assert read(fields=both, site=Site(authority="1.2.3")).patient.value == "2"
    assert refused(fields=both, site=Site(authority="C")) == ("PID-3", "101")


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        (Authority("H", "1.2.3", "ISO"), "urn:oid:1.2.3"),
        (Authority("", "https://x.org/mrn", "URI"), "https://x.org/mrn"),
        (Authority("", "0f0e", "UUID"), "urn:uuid:0f0e"),
        (Authority("H", "x.org", "DNS"), "urn:wince:authority:H"),
        (Authority("", "x.org", "DNS"), "urn:wince:authority:x.org"),
        (Authority("My Hospital/1"), "urn:wince:authority:My%20Hospital%2F1"),
        (Authority(), "urn:wince:authority:HOSP"),
    ],
)
def test_an_authority_becomes_a_uri(authority, expected):
    header = read_header(adt("A01", P, "ICU^1^A", "V1", 0).encode())
    assert header is not None
    assert identity.system(authority, header, Site()) == expected


@pytest.mark.parametrize("authority", ["H", "1.2.3", "H&1.2.3&ISO"])
def test_the_sites_authority_is_one_whichever_of_its_names_is_sent(authority):
    header = read_header(adt("A01", P, "ICU^1^A", "V1", 0).encode())
    assert header is not None
    site = Site(authority=authority)
    assert identity.system(Authority("H", "1.2.3", "ISO"), header, site) == system(site.own)
    assert identity.system(Authority(), header, site) == system(site.own)
    assert identity.system(Authority("OTHER"), header, site) == "urn:wince:authority:OTHER"


def test_a_hex_escape_in_the_number_is_decoded():
    assert read(fields={"PID-3": "7\\X30\\001^^^HOSP^MR"}).patient.value == "70001"


def test_the_number_that_counts_must_be_one_value_and_others_need_not():
    assert refused(fields={"PID-3": "47&11^^^HOSP^MR"}) == ("PID-3", "102")
    assert refused(fields={"PV1-19": "V&1^^^HOSP^VN"}) == ("PV1-19", "102")
    assert read(fields={"PID-3": "47&11^^^HOSP^DL~4711^^^HOSP^MR"}).patient.value == "4711"


def test_only_adt_is_taken_and_other_triggers_do_not_concern():
    def asked(kind):
        header = read_header(adt("A01", P, "ICU^1^A", "V1", 0, fields={"MSH-9": kind}).encode())
        assert header is not None
        return meaning.ignored(header, Site())

    assert asked("ADT^A01") == ""
    assert asked("ADT^A60") == "ADT^A60"
    assert asked("ADT^Z99") == "ADT^Z99"
    for kind, condition in (("ORM^O01", "200"), ("ADT", "101")):
        with pytest.raises(Hl7Error) as caught:
            asked(kind)
        assert (caught.value.condition, caught.value.rejected) == (condition, True)


@pytest.mark.parametrize(
    ("field", "text", "named"),
    [
        ("PID-3", "9" * 251 + "^^^HOSP^MR", "PID-3"),
        ("PID-3", f"1^^^{'H' * 251}^MR", "PID-3"),
        ("PV1-19", "9" * 251, "PV1-19"),
        ("PV1-3", f"ICU^{'1' * 251}^A", "PV1-3"),
    ],
)
def test_an_identifier_too_long_for_an_index_is_refused_by_name(field, text, named):
    assert refused(fields={field: text}) == (named, "102")
    assert read(fields={field: text.replace("9" * 251, "9" * 250).replace("H" * 251, "H" * 250).replace("1" * 251, "1" * 250)})
