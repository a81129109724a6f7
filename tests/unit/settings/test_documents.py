"""The reference and the example file are made from the fields, are current, and hold everything."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from wince import settings
from wince.settings import documents
from wince.settings.catalogue import Section, by_path, catalogue

ROOT = Path(__file__).resolve().parents[3]
KEY = re.compile(r"^#(?=[a-z_]+ = |\[)", re.MULTILINE)
"""A key or a table's head that is commented out; prose has a space behind #."""


@pytest.mark.parametrize("made", [documents.reference, documents.example])
def test_they_are_current(made):
    """`make docs` was run after the last change of a field."""
    path = documents.REFERENCE if made is documents.reference else documents.EXAMPLE
    assert (ROOT / path).read_text() == made()


def test_every_setting_says_what_it_means():
    """One or more whole sentences, and a number that has a unit says so."""
    assert [path for path, one in by_path().items() if len(one.meaning) < 15 or not one.meaning.endswith((".", ".)"))] == []
    assert by_path()["rpc.deadline_s"].kind == "number, above 0, seconds"
    assert by_path()["mllp_port"].kind == "whole number, 0 to 65535"
    assert by_path()["pg_dsn"].secret
    assert by_path()["pg_dsn"].file_variable == "WINCE_PG_DSN_FILE"
    assert by_path()["rpc.port"].variable == "WINCE_RPC__PORT"
    assert by_path()["cameras.bed"].required


def test_the_catalogue_holds_every_field():
    """Of the top level, of each section and of the entries of each list."""
    top = {path.partition(".")[0] for path in by_path()}
    assert top == set(settings.Settings.model_fields)
    assert {path for path in by_path() if path.startswith("cameras.")} == {f"cameras.{name}" for name in settings.Camera.model_fields}


def _load(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    file = tmp_path / "wince.toml"
    file.write_text(text)
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    return settings.load()


def test_the_example_is_valid_as_it_stands(tmp_path, monkeypatch):
    """Nothing is set by it."""
    assert _load(documents.example(), tmp_path, monkeypatch) == settings.Settings()


def test_the_example_is_valid_when_everything_is_uncommented(tmp_path, monkeypatch):
    """And then every key stands in it: none is forgotten, none is one that there is not."""
    text = KEY.sub("", documents.example())
    loaded = _load(text, tmp_path, monkeypatch)
    parsed = tomllib.loads(text)
    for section in catalogue():
        assert _keys(section, parsed) == {one.key for one in section.settings}, section.title
    assert loaded.state_dir == settings.Settings().state_dir, "~ is the user's folder"


def _keys(section: Section, parsed: dict) -> set[str]:
    if section.repeated:
        return {key for entry in parsed[section.table] for key in entry}
    return set(parsed[section.table]) if section.table else {one.key for one in section.settings if one.key in parsed}


def test_each_line_is_valid_by_itself(tmp_path, monkeypatch):
    """Whatever single key somebody uncomments; in a list, the whole entry."""
    head, *entries = re.split(r"\n(?=#\[\[)", documents.example())
    table = ""
    for match in KEY.finditer(head):
        line = head[match.end() :].partition("\n")[0]
        if line.startswith("["):
            table = line
        text = line if line == table else f"{table}\n{line}"
        _load(text, tmp_path, monkeypatch)
    assert len(entries) >= 4
    for entry in entries:
        name = entry[3 : entry.index("]")]
        assert len(getattr(_load(KEY.sub("", entry), tmp_path, monkeypatch), name)) == 1
