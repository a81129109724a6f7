from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from wince.hl7 import segments
from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header
from wince.hl7.message import parse
from wince.testing.hl7 import Person, adt

BERLIN = ZoneInfo("Europe/Berlin")


def read(**fields):
    raw = adt("A01", Person("4711"), "ICU^1^A", "V1", 0, fields={name.replace("_", "-"): text for name, text in fields.items()}).encode()
    header = read_header(raw)
    assert header is not None
    return parse(raw, header)


def micro(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("202601021530", micro(2026, 1, 2, 14, 30)),
        ("20260102153045", micro(2026, 1, 2, 14, 30, 45)),
        ("20260702153045", micro(2026, 7, 2, 13, 30, 45)),
        ("20260102153045.25", micro(2026, 1, 2, 14, 30, 45) + 250_000),
        ("20260102153045+0000", micro(2026, 1, 2, 15, 30, 45)),
        ("20260102153045.1234-0530", micro(2026, 1, 2, 21, 0, 45) + 123_400),
        ("202510260230", micro(2025, 10, 26, 0, 30)),  # said twice that night: the first
        ("", None),
        ('""', None),
    ],
)
def test_times_are_the_sites_unless_they_say_where(text, expected):
    found = segments.moment(text, BERLIN, "EVN-2")
    assert (found and found.us) == expected


def test_an_hour_that_comes_twice_has_two_moments_and_one_that_never_was_is_told():
    said = segments.moment("202510260230", BERLIN, "EVN-2")
    assert said == segments.Moment(micro(2025, 10, 26, 0, 30), micro(2025, 10, 26, 1, 30))
    assert segments.moment("202510260230+0100", BERLIN, "EVN-2") == segments.Moment(micro(2025, 10, 26, 1, 30))
    assert segments.moment("202603290230", BERLIN, "EVN-2") == segments.Moment(micro(2026, 3, 29, 1, 30), skipped=True)


@pytest.mark.parametrize(
    "text", ["2026", "20260102", "2026010215", "yesterday", "202613021530", "20260102256000", "202601021530+9999", "202601021530x"]
)
def test_what_is_no_time_with_a_minute_is_refused(text):
    with pytest.raises(Hl7Error) as caught:
        segments.moment(text, BERLIN, "EVN-2")
    assert (caught.value.field, caught.value.condition) == ("EVN-2", "102")
    assert text not in caught.value.diagnostics()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("19500102", date(1950, 1, 2)), ("195001021530", date(1950, 1, 2)), ("1950", None), ("195001", None), ("", None), ('""', None)],
)
def test_birth_dates_may_be_partial(text, expected):
    assert segments.birth_date(read(PID_7=text)) == expected


@pytest.mark.parametrize("text", ["19501302", "19500230", "02.01.1950", "1950-01-02"])
def test_a_birth_date_that_is_none_is_refused_without_being_quoted(text):
    with pytest.raises(Hl7Error) as caught:
        segments.birth_date(read(PID_7=text))
    assert caught.value.field == "PID-7"
    assert text not in caught.value.diagnostics()


def test_identifiers_have_authority_and_type():
    found = segments.identifiers(read(PID_3='1^^^A^SS~2^^^B&1.2.3&ISO^MR~""~~3'), "PID", 3)
    assert found == [
        segments.Identifier("1", segments.Authority("A"), "SS"),
        segments.Identifier("2", segments.Authority("B", "1.2.3", "ISO"), "MR"),
        segments.Identifier("3", segments.Authority(), ""),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ICU^1^A^HOSP", "ICU^1^A"),
        ("ICU", "ICU^^"),
        ("ICU^^A&sub", "ICU^^A"),
        ('ICU^""^A', "ICU^^A"),
        ("", ""),
        ("^^^HOSP", ""),
    ],
)
def test_a_bed_is_point_of_care_room_and_bed(text, expected):
    assert segments.location(read(PV1_3=text), 3).text == expected


def test_an_explicit_null_is_no_bed_and_is_told_from_silence():
    assert segments.location(read(PV1_3='""'), 3).deleted
    assert not segments.location(read(PV1_3=""), 3).deleted


def test_a_bed_whose_name_holds_the_separator_is_refused():
    with pytest.raises(Hl7Error) as caught:
        segments.location(read(PV1_3="ICU^1\\S\\2^A"), 3)
    assert caught.value.field == "PV1-3"
