"""What docs/reference says of the CSV and the JSON is what is written, no more and no less."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.assess.report import synthetic
from wince.assess.result import fields, plain

DOCS = Path(__file__).resolve().parents[4] / "docs" / "reference"
MAPS = ("seconds", "reasons")
"""Objects whose keys are names: of grades, of reasons."""
ALL = [synthetic.clip(), synthetic.personal(), synthetic.unassessable(), synthetic.still(), synthetic.failed()]


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Every member, as the page writes it; an object that may be null by itself, too."""
    if isinstance(value, dict) and value:
        if at.rpartition(".")[2] in ("highest", "longest", "personal") and not at.endswith("]"):
            yield at
        for key, one in value.items():
            yield from paths(one, f"{at}.*" if at.rpartition(".")[2] in MAPS else f"{at}.{key}".lstrip("."))
    elif isinstance(value, list):
        yield from ([f"{at}[]"] if not value else (path for one in value for path in paths(one, f"{at}[]")))
    elif value != {}:
        yield at


def test_the_json_page_explains_every_member_that_is_written() -> None:
    written = set(paths(json.loads(plain.document(ALL, (Path("notes.txt"),), synthetic.PROTOCOL))))
    never = {"clips[].alerts[]", "clips[].questions[]", "clips[].windows[]"}  # empty lists: their entries are explained
    assert written - never == {one.name for one in fields.JSON}


def test_the_csv_page_explains_every_column_that_is_written() -> None:
    header, *rows = list(csv.reader(io.StringIO(plain.table(ALL))))
    assert header == [one.name for one in fields.CSV]
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def test_what_is_said_to_be_never_empty_is_never_empty() -> None:
    """And what may be empty is so in one of the results: an unassessable one, a failed one, a picture."""
    rows = list(csv.DictReader(io.StringIO(plain.table(ALL))))
    sometimes = {name for name in fields.COLUMNS if any(row[name] == "" for row in rows)}
    assert sometimes == {one.name for one in fields.CSV if one.empty != "never"}


def test_ranges_are_kept() -> None:
    rows = list(csv.DictReader(io.StringIO(plain.table(ALL))))
    for one in fields.CSV:
        if one.values in ("0 to 1", "0 to 5"):
            values = [float(row[one.name]) for row in rows if row[one.name]]
            assert all(0 <= value <= float(one.values.split()[-1]) for value in values), one.name


def test_two_files_of_one_content_are_told_apart() -> None:
    """By their names; a name that is no UTF-8 is written all the same."""
    one, other = synthetic.clip('a, "b".mp4'), replace(synthetic.clip(), path=Path("/data") / "caf\udce9.mp4")
    text = plain.table([one, other])
    text.encode()
    assert {row["file"] for row in csv.DictReader(io.StringIO(text))} == {'a, "b".mp4', "caf\ufffd.mp4"}
    assert [clip["file"] for clip in json.loads(plain.document([one], (), synthetic.PROTOCOL))["clips"]] == ['a, "b".mp4']


def test_the_pages_are_current() -> None:
    """`make docs` was run."""
    assert (DOCS / "csv.md").read_text() == fields.csv_page()
    assert (DOCS / "json.md").read_text() == fields.json_page()


@pytest.mark.parametrize("name", ["=cmd|'C calc'!A0.mp4", "+1.mp4", "-1.mp4", "@SUM(A1).mp4", "\t=1.mp4"])
def test_no_file_s_name_is_a_spreadsheet_s_formula(name: str) -> None:
    """It still names the file. Numbers below 0 stay numbers."""
    rows = list(csv.DictReader(io.StringIO(plain.table([synthetic.clip(name)]))))
    assert rows
    assert {row["file"] for row in rows} == {f"./{name}"}
    assert not any(row["yaw"].startswith(".") for row in rows)
