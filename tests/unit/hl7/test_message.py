"""Parsing against two foreign parsers, and what is refused."""

import time

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header
from wince.hl7.message import KEPT, parse
from wince.testing.hl7 import Person, adt

P = Person("4711", "Musterfrau")


def read(text, encoding="utf-8"):
    raw = text.encode(encoding)
    header = read_header(raw)
    assert header is not None
    return parse(raw, header)


def refused(text, encoding="utf-8"):
    with pytest.raises(Hl7Error) as caught:
        read(text, encoding)
    assert "Musterfrau" not in caught.value.diagnostics()
    return caught.value


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.2", "2.9"])
def test_the_kept_fields_read_as_the_hl7_package_reads_them_in_every_version(version):
    patient = {"PID-3": "1^^^A^SS~2^^^B&1.2&ISO^MR"}
    text = adt("A02", P, "ICU^1^A", "V1", 0, occurred_us=10**6, prior="ED^^3", version=version, fields=patient)
    ours, theirs = read(text), hl7.parse(text)
    for name in ("EVN", "PID", "PV1"):
        for field in KEPT[name]:
            said = str(theirs.segment(name)[field]) if field < len(theirs.segment(name)) else ""
            assert "~".join(ours.repetitions(name, field)) == said


def test_names_never_reach_the_parsed_message():
    assert "Musterfrau" not in str(read(adt("A01", P, "ICU^1^A", "V1", 0)))


@pytest.mark.parametrize("extra", ["ZPI|1|own\r", "ZZZ\r", "QQQ|what\r", "OBX|1|TX|||note\r", "NK1|1|Musterfrau\r\r"])
def test_other_segments_known_or_not_are_passed_over(extra):
    assert read(adt("A01", P, "ICU^1^A", "V1", 0) + extra).first("PV1", 3) == "ICU^1^A"


def test_a_message_type_without_structure_is_read():
    assert read(adt("A01", P, "ICU^1^A", "V1", 0).replace("^ADT_A01", "")).header.trigger == "A01"


def test_five_encoding_characters_of_v27_are_read_in_any_version():
    for version in ("2.5.1", "2.7", "2.8"):
        message = read(adt("A01", P, "ICU^1^A", "V1", 0, version=version, fields={"MSH-2": "^~\\&#"}))
        assert message.first("PID", 3) == "4711^^^HOSP^MR"


def test_other_delimiters_are_read():
    text = adt("A01", P, "ICU^1^A", "V1", 0).translate(str.maketrans("|^~\\&", "!$%?*"))
    message = read(text)
    assert message.components(message.first("PV1", 3)) == ["ICU", "1", "A"]


def test_too_many_components_and_missing_fields_are_no_error_here():
    message = read(adt("A01", P, "ICU^1^A^^^^^^^^^^^^^^^^^^^x", "V1", 0, fields={"PID-3": "", "EVN-2": "yesterday"}))
    assert message.components(message.first("PV1", 3))[:3] == ["ICU", "1", "A"]
    assert message.repetitions("PID", 3) == ()


@pytest.mark.parametrize("name", ["x41", "Z9", ".br", "Q", ""])
def test_nothing_vanishes_from_a_text_that_says_who_or_where(name):
    message = read(adt("A01", P, "ICU^1^A", "V1", 0))
    with pytest.raises(Hl7Error) as caught:
        message.components(f"7\\{name}\\1^^^A^MR", exact=True)
    assert (caught.value.condition, caught.value.remedy) == ("102", "send the characters as they are")


def test_escapes_are_decoded():
    message = read(adt("A01", Person("a|b^c&d~e\\f"), "ICU^1^A", "V1", 0))
    assert message.components(message.first("PID", 3))[0] == "a|b^c&d~e\\f"
    assert message.unescape("x\\H\\y\\N\\z\\.br\\w\\Z99\\") == "xyz w"
    assert message.unescape("\\XC3B6\\") == "ö"
    for bad in ("\\XZZ\\", "\\XFF\\", "\\X0D\\"):
        with pytest.raises(Hl7Error):
            message.unescape(bad)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_printable_identifier_survives_the_wire(value):
    message = read(adt("A01", Person(value), "ICU^1^A", "V1", 0))
    assert message.components(message.first("PID", 3))[0] == value.strip()


@pytest.mark.parametrize(
    ("fields", "place", "condition"),
    [
        ({"MSH-12": ""}, "MSH-12", "101"),
        ({"MSH-12": "9.9"}, "MSH-12", "203"),
        ({"MSH-10": ""}, "MSH-10", "101"),
        ({"MSH-9": ""}, "MSH-9", "101"),
        ({"MSH-10": "1" * 200}, "MSH-10", "102"),
        ({"MSH-3": "1" * 300}, "MSH-3", "102"),
        ({"MSH-2": "^~"}, "MSH-2", "102"),
        ({"MSH-2": "^^^^"}, "MSH-2", "102"),
        ({"MSH-2": "^~\\&#+"}, "MSH-2", "102"),
    ],
)
def test_a_bad_header_is_rejected_by_name(fields, place, condition):
    error = refused(adt("A01", P, "ICU^1^A", "V1", 0, fields=fields))
    assert (error.field, error.condition, error.rejected) == (place, condition, True)


def test_two_messages_in_a_frame_and_segments_that_come_twice_are_refused():
    text = adt("A01", P, "ICU^1^A", "V1", 0)
    assert refused(text + "PV1|1||Musterfrau\r").field == "PV1"
    assert refused(text + "EVN|A01\r").field == "EVN"
    assert refused(text + text).condition == "100"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r", "\n\r\n"])
@pytest.mark.parametrize("note", ["NTE|1||first line\nsecond line", "NTE|1||first\nPAR\r\nthird|x", "NTE|1||first\n\n|W|2\rPIDGEON|PID"])
def test_a_line_that_begins_with_no_segments_name_goes_on_with_the_field_before(note, end):
    text = adt("A01", P, "ICU^1^A", "V1", 0).replace("\rPV1", f"\r{note}\rPV1").replace("\r", end)
    assert read(text).first("PV1", 3) == "ICU^1^A"


def test_a_line_end_inside_a_field_that_is_read_costs_that_field():
    message = read(adt("A01", P, "ICU^1\n^A", "V1", 0))
    with pytest.raises(Hl7Error) as caught:
        message.first("PV1", 3)
    assert caught.value.field == "PV1-3"
    assert message.first("PV1", 19) == "V1^^^HOSP^VN"


def test_a_patient_after_a_patient_is_a_group_of_its_own():
    text = adt("A17", P, "ICU^1^A", "V1", 0) + "PID|2||4712^^^HOSP^MR\rPV1|2|I|ICU^2^A\r"
    assert [(part.first("EVN", 2)[:4], part.first("PID", 3), part.first("PV1", 3)) for part in read(text).groups()] == [
        ("1970", "4711^^^HOSP^MR", "ICU^1^A"),
        ("1970", "4712^^^HOSP^MR", "ICU^2^A"),
    ]


def test_a_merged_number_after_a_merged_number_is_a_group_of_the_same_patient():
    text = adt("A45", P, "ICU^1^A", "V1", 0).replace("PV1|", "MRG|1^^^HOSP^MR\rPV1|") + "MRG|2^^^HOSP^MR\rPV1|1|I|ICU^2^A\r"
    found = [(part.first("PID", 3), part.first("MRG", 1), part.first("PV1", 3)) for part in read(text).groups()]
    assert found == [("4711^^^HOSP^MR", "1^^^HOSP^MR", "ICU^1^A"), ("4711^^^HOSP^MR", "2^^^HOSP^MR", "ICU^2^A")]


def test_a_message_of_one_patient_is_its_own_only_group():
    message = read(adt("A01", P, "ICU^1^A", "V1", 0))
    assert message.groups() == [message]


def test_groups_are_bounded():
    assert refused(adt("A40", P, "ICU^1^A", "V1", 0) + "PID|1||2\rMRG|1\r" * 101).condition == "102"


def test_a_thousand_observations_and_repetitions_cost_little():
    """hl7apy alone takes 10 s for 20,000 repetitions and 1.7 s for 500 OBX."""
    start = time.process_time()
    read(adt("A01", P, "ICU^1^A", "V1", 0, fields={"PID-5": "~".join(["A^B"] * 20_000)}) + "OBX|1|TX|||note\r" * 1000)
    for crowd in ("~".join(["1"] * 20_000), "1" * 3000):
        with pytest.raises(Hl7Error) as caught:
            read(adt("A01", P, "ICU^1^A", "V1", 0, fields={"PID-3": crowd})).first("PID", 3)
        assert caught.value.field == "PID-3"
    read(adt("A01", P, "ICU^1^A", "V1", 0) + "NTE|1||x\n" + "y\n" * 500_000)
    assert time.process_time() - start < 1.0


def test_the_digest_is_of_everything_but_the_header():
    text = adt("A01", P, "ICU^1^A", "V1", 0)
    assert read(text).digest == read(text.replace("MSH|^~\\&|HIS", "MSH|^~\\&|ELSE")).digest
    assert read(text).digest != read(text.replace("ICU", "ICV")).digest
