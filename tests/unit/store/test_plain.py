"""Dataclasses as text and back."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.census import MessageKey, Movement
from wince.domain.charting import ChartState
from wince.domain.charting_entries import Period
from wince.domain.entry import Entry, TaskEntry
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.errors import StoreError
from wince.pipeline.record.effects import SourceState
from wince.store.plain import dump, load

MICROS = st.integers(-(2**53), 2**53)
NAMES = st.builds(Identifier, st.text(), st.text())
STAYS = st.builds(
    Stay, st.uuids(), st.text(), NAMES, NAMES, MICROS, st.none() | MICROS, MICROS, st.none() | MICROS, st.none() | st.dates(), st.text()
)


@given(STAYS)
def test_a_stay_comes_back(stay: Stay) -> None:
    assert load(Stay, dump(stay)) == stay


@given(
    st.builds(
        SourceState,
        st.builds(
            ChartState,
            stay=st.none() | STAYS,
            spent=st.lists(MICROS).map(tuple),
            period=st.builds(
                Period,
                share=st.floats(0, 1e6),
                medians=st.dictionaries(st.floats(0, 16).map(lambda x: round(x, 2)), st.integers(1, 99)),
                grades=st.dictionaries(st.integers(0, 9), st.integers(1, 99)),
                names=st.dictionaries(st.integers(0, 9), st.text()),
            ),
        ),
        asked=st.none() | st.sampled_from(Reason),
    )
)
def test_a_chart_state_comes_back(state: SourceState) -> None:
    """Numbers as keys too: medians are kept by their value."""
    assert load(SourceState, dump(state)) == state


def test_equal_values_are_equal_text() -> None:
    key = MessageKey("A", "B", "C", "D")
    first = Movement(key, "A01", Identifier("s", "v"), Identifier("s", "p"), "b", 1, 2, 3, date(2000, 2, 29), "w")
    assert dump(first) == dump(replace(first))
    assert load(Movement, dump(first)) == first


def test_a_field_that_an_older_version_did_not_write_takes_its_default() -> None:
    @dataclass(frozen=True)
    class Newer:
        id: UUID
        more: int = 7

    assert load(Newer, '{"id":"00000000-0000-0000-0000-000000000001"}') == Newer(UUID(int=1), 7)


KINDS = {kind.__name__: kind for kind in (Alert, Assessment, Entry, Movement, Question, SourceState, Stay, TaskEntry)}
STORED = json.loads(Path(__file__).with_name("stored.json").read_text())


@pytest.mark.parametrize(("kind", "text", "shown"), STORED, ids=[f"{number}-{kind}" for number, (kind, _, _) in enumerate(STORED)])
def test_what_an_earlier_version_stored_is_read(kind: str, text: str, shown: str) -> None:
    """Every kind that lies in a text column, as release 0.1.0's own loader read it (`shown`); written again it says the same. What came
    since has its default."""
    value = load(KINDS[kind], text)
    assert _without_new(repr(value), shown) == shown
    assert _same(json.loads(dump(value)), json.loads(text))


def _without_new(found: str, shown: str) -> str:
    """What is shown of a value, without the fields that came since."""
    known = set(re.findall(r"(\w+)=", shown))
    new = r"(?:, )?\b(?!(?:" + "|".join(known) + r")=)\w+=(?:None|True|False|-?\d+|''|\(\))(?=[,)])"
    return re.sub(new, "", found)


def _same(found: object, before: object) -> bool:
    if isinstance(found, dict) and isinstance(before, dict):
        return all(name in found and _same(found[name], value) for name, value in before.items())
    if isinstance(found, list) and isinstance(before, list):
        return len(found) == len(before) and all(map(_same, found, before))
    return found == before


@dataclass(frozen=True)
class One:
    x: int = 0


@dataclass(frozen=True)
class Other:
    y: int = 0


@dataclass(frozen=True)
class Holds:
    either: One | Other = One()
    listed: list[int] = field(default_factory=list)
    named: Mapping[str, frozenset[int]] = field(default_factory=dict)


@pytest.mark.parametrize("value", [Holds(One(7)), Holds(Other(7)), Holds(listed=[1, 2], named={"a": frozenset({1, 2})})])
def test_members_of_a_union_lists_and_mappings_come_back(value: Holds) -> None:
    assert load(Holds, dump(value)) == value


@pytest.mark.parametrize("text", ['{"id":"no uuid"}', "{}", "[", '{"id":null}'])
def test_text_that_is_none_is_a_named_error_that_quotes_nothing(text: str) -> None:
    with pytest.raises(StoreError) as caught:
        load(Stay, text)
    assert "uuid" not in caught.value.message
