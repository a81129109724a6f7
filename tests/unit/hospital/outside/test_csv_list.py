"""A census as CSV: what is read, and what is refused by line and column, without a word of the row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from wince.domain.outside import BadRow, Listed
from wince.domain.stay import Identifier
from wince.errors import InputError
from wince.hospital.outside import csv_list
from wince.hospital.outside.csv_list import Reading, read

NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 1_000_000
HOSP = "urn:wince:authority:HOSP"
HOW = Reading(NOW, patient_authority="HOSP", zone=ZoneInfo("Europe/Berlin"))


def test_a_whole_row() -> None:
    text = (
        "patient,encounter,bed,since,birth_date,patient_authority,encounter_authority\n"
        "P1,V1,ICU^1^A,2026-11-21T06:00:00+01:00,1958-02-03,HOSP,1.2.3\n"
    )
    found = read(text.encode(), HOW)
    five = int(datetime(2026, 11, 21, 5, tzinfo=UTC).timestamp()) * 1_000_000
    assert found.rows == (Listed(Identifier(HOSP, "P1"), Identifier("urn:oid:1.2.3", "V1"), "ICU^1^A", five, date(1958, 2, 3)),)
    assert (found.origin, found.moment_us, found.wards, found.bad) == ("csv", NOW, frozenset({"ICU"}), ())


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfpatient;encounter;bed\r\nP1;V1;ICU^1^A\r\n",
        b"Patient\tEncounter\tBed\tName\rP1\tV1\tICU^1^A\tM\xc3\xbcller\r",
        '"bed","patient","encounter"\n\n"ICU^1^A","P1","V1"\n"ICU^1^A","P1","V1"\n'.encode("utf-16"),
    ],
)
def test_marks_ends_of_lines_delimiters_and_unknown_columns(data: bytes) -> None:
    (row,) = read(data, HOW).rows
    assert (row.patient.value, row.encounter, row.bed, row.since_us) == ("P1", Identifier(HOSP, "V1"), "ICU^1^A", None)


def test_a_local_time_is_of_the_sites_zone() -> None:
    (row,) = read(b"patient,encounter,bed,since\nP1,V1,ICU^1^A,2026-11-21 06:00\n", HOW).rows
    assert row.since_us == int(datetime(2026, 11, 21, 5, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("row", "where", "why"),
    [
        ("Q7,W7,ICU-1-A,,", "line 2, column bed", "is not POINTOFCARE^ROOM^BED as in PV1-3"),
        ("Q7,W7,,,", "line 2, column bed", "is empty"),
        (",W7,ICU^1^A,,", "line 2, column patient", "is empty"),
        ("Q7,,ICU^1^A,,", "line 2, column encounter", "is empty"),
        ("P\x00,W7,ICU^1^A,,", "line 2, column patient", "holds a control character"),
        (f"{'9' * 201},W7,ICU^1^A,,", "line 2, column patient", "is longer than 200 characters"),
        ("Q7,W7,ICU^1^A,yesterday,", "line 2, column since", "is no ISO 8601 date and time"),
        ("Q7,W7,ICU^1^A,2026-11-21,", "line 2, column since", "has no time of day"),
        ("Q7,W7,ICU^1^A,2026-11-21T13:30:00+01:00,", "line 2, column since", "is later than the list's own moment"),
        ("Q7,W7,ICU^1^A,2026-10-25T02:30:00,", "line 2, column since", "is skipped or doubled by a clock change: give its offset"),
        ("Q7,W7,ICU^1^A,2026-03-29T02:30:00,", "line 2, column since", "is skipped or doubled by a clock change: give its offset"),
        ("Q7,W7,ICU^1^A,,03.02.1958", "line 2, column birth_date", "is no date as YYYY-MM-DD"),
        ("Q7,W7,ICU^1^A", "line 2", "has 3 values, the first line 5"),
    ],
)
def test_a_bad_row_is_named_and_nothing_of_it_is_told(row: str, where: str, why: str) -> None:
    text = f"patient,encounter,bed,since,birth_date\n{row}\nP2,V2,ICU^2^A,,\n".encode()
    with pytest.raises(InputError) as caught:
        read(text, HOW)
    assert f"{where}: {why}" in caught.value.message
    assert all(value not in caught.value.message for value in row.split(",") if value)
    kept = read(text, Reading(NOW, patient_authority="HOSP", zone=ZoneInfo("Europe/Berlin"), skip_bad=True))
    assert [one.patient.value for one in kept.rows] == ["P2"]
    assert kept.bad == (BadRow(where, why),)


def test_numbers_without_an_authority_name_nobody() -> None:
    with pytest.raises(InputError, match="column patient_authority: is empty"):
        read(b"patient,encounter,bed\nP1,V1,ICU^1^A\n", Reading(NOW))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"patient,bed\nP1,ICU^1^A\n", "has no column encounter"),
        (b"patient,patient,encounter,bed\n", "has the column patient twice"),
        (b"patient,encounter,bed\nP1,V1,ICU^1^A\nM\xfcller,V2,ICU^2^A\n", "line 3 is not utf-8"),
        (b'patient,encounter,bed\nP1,V1,"ICU^1^A\n', "is no CSV"),
        (b"x" * (csv_list.MAX_BYTES + 1), "is larger than 4 MiB"),
        (b"patient,encounter,bed\n" + b"P1,V1,ICU^1^A\n" * (csv_list.MAX_ROWS + 1), "has more than 20000 rows"),
    ],
)
def test_a_bad_file_is_named(data: bytes, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read(data, HOW)
    assert what in caught.value.message


def test_another_encoding_is_said() -> None:
    how = Reading(NOW, "iso8859-1", patient_authority="HOSP")
    (row,) = read("patient,encounter,bed\nMüller,V2,ICU^2^A\n".encode("iso8859-1"), how).rows
    assert row.patient.value == "Müller"
    with pytest.raises(InputError, match="is no encoding"):
        read(b"", Reading(NOW, "ebcdic"))
