"""docs/reference/asyncapi.yaml says what topics.py and the protos say, and holds together."""

from pathlib import Path
from typing import Any

from wince import codec
from wince.bus.asyncapi import document, render
from wince.bus.topics import ALL, TOPICS, dead_letters

FILE = Path(__file__).parents[3] / "docs" / "reference" / "asyncapi.yaml"


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["$ref"]] if set(value) == {"$ref"} else [one for item in value.values() for one in references(item)]
    return [one for item in value for one in references(item)] if isinstance(value, list) else []


def test_the_file_is_current() -> None:
    """`make proto` writes it."""
    assert FILE.read_text("utf-8") == render()


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    found = references(whole)
    assert len(found) > 30
    for reference in found:
        place: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_topic_and_every_message_that_a_stage_takes_is_in_it() -> None:
    whole = document()
    assert set(whole["channels"]) == set(TOPICS) == {name for topic in ALL for name in (topic, dead_letters(topic))}
    assert {schema for topic in TOPICS.values() for schema in topic.schemas} <= codec.SCHEMAS
    face = whole["components"]["schemas"]["wince.api.detect.v1.Face"]["schema"]
    assert face.startswith("message Face {\n  string source = 1;")
