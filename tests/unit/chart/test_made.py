"""What of the chart is made from the code is what the code says; no Helm is needed."""

import json
import re

import jsonschema
import pytest
import yaml

from charts.tool import comments, facts, schema
from charts.tool.__main__ import made
from tests.unit.chart.rendered import CHART, SETS, values_file
from wince.bus import access
from wince.bus.topics import PARTITIONS, TOPICS
from wince.settings.catalogue import by_path
from wince.version import VERSION

MADE = made(CHART)


@pytest.mark.parametrize("name", MADE, ids=str)
def test_what_is_committed_is_what_the_code_makes(name) -> None:
    """A difference: run `make docs` and commit."""
    assert (CHART / name).read_text() == MADE[name]


def test_every_setting_stands_in_the_schema_or_is_refused_by_name() -> None:
    made_schema = schema.settings()
    refused = facts.facts()["refused"]
    for path, setting in by_path().items():
        here = made_schema["properties"]
        for part in path.split("."):
            inner = here[part]
            here = (inner["items"] if inner.get("type") == "array" and "properties" in inner.get("items", {}) else inner).get(
                "properties", {}
            )
        if not setting.secret and path not in refused:
            assert "type" in inner or "enum" in inner or "const" in inner, path
        if setting.secret:
            assert path in refused


def test_no_secret_and_no_mounted_file_is_taken_as_a_setting() -> None:
    refused = facts.facts()["refused"]
    own = {*facts.OWN_PATHS, "cameras.path", "cameras.login_file", "cameras.ca_file"}
    assert {path for path, one in by_path().items() if one.kind == "path"} - set(refused) == own


def test_the_table_of_settings_names_only_settings_that_there_are() -> None:
    known = by_path()
    assert [path for path in (*facts.REFUSED, *facts.OWN_PATHS) if path not in known] == []
    tables = {path.partition(".")[0] for path in known}
    assert [name for name in facts.SAME if name not in tables] == []


def test_facts_are_those_of_the_code() -> None:
    found = facts.facts()
    assert found["partitions"] == PARTITIONS
    assert {one["name"]: one["config"] for one in found["topics"]} == {name: topic.configs() for name, topic in TOPICS.items()}
    assert set(found["users"]) == {f"wince-{service}" for service in access.PRINCIPALS}


@pytest.mark.parametrize("values", SETS)
def test_value_sets_fit_the_schema(values: str) -> None:
    whole = json.loads((CHART / schema.FILE).read_text())
    jsonschema.Draft7Validator.check_schema(whole)
    jsonschema.validate(yaml.safe_load(values_file(values).read_text()), whole)
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), whole)


def _leaves(value: object, path: str = "") -> set[str]:
    if not isinstance(value, dict) or not value:
        return {path}
    return {leaf for key, one in value.items() for leaf in _leaves(one, f"{path}.{key}" if path else str(key))}


def test_every_value_is_explained() -> None:
    """Each by a comment of its own or by that of what it lies in."""
    explained = {one.path for one in comments.said((CHART / "values.yaml").read_text())}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    unexplained = [leaf for leaf in _leaves(values) if not any(leaf == one or leaf.startswith(f"{one}.") for one in explained)]
    assert unexplained == []


def test_every_object_of_the_schema_is_closed_or_says_that_it_is_open() -> None:
    def objects(value: object) -> list[dict[str, object]]:
        inner = [
            one
            for part in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
            for one in objects(part)
        ]
        return [value, *inner] if isinstance(value, dict) and "properties" in value and "type" in value else inner

    whole = json.loads((CHART / schema.FILE).read_text())
    assert [one for one in objects(whole) if one.get("type") == "object" and one.get("additionalProperties") is not False] == []


def test_the_charts_version_of_the_program_is_this_one() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
    assert "dependencies" not in chart  # no bundled broker, no bundled database
