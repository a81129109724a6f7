"""Several protocols over one camera: one grades, others look on or are silent, and nobody's pain is passed over in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pipeline.grade.feed import PROTOCOL, SITE, alerts, assessments, feed, questions
from tests.unit.pipeline.grade.test_stage import CALM, GRIN, PAIN, occupied
from wince.domain.assessment import Assessment
from wince.domain.frame import US
from wince.domain.population import Age
from wince.domain.reason import Reason
from wince.domain.routing import Role, Routing, Rule
from wince.domain.stay import Occupancy
from wince.pipeline.grade import stage
from wince.pipeline.grade.snapshot import dump, load

ADULTS = PROTOCOL
CHILDREN = replace(
    PROTOCOL, name="children", population=replace(PROTOCOL.population, min_age=None, max_age=Age(18, "y")),
    window=replace(PROTOCOL.window, length_s=10.0),
)  # fmt: skip
OTHER = replace(PROTOCOL, name="other", grade=replace(PROTOCOL.grade, debounce_frames=5))
GROWN, CHILD, BIRTHDAY = date(1940, 1, 1), date(1968, 1, 1), date(1952, 1, 2)
"""The windows lie in 1970."""


def setups(*rules: Rule) -> dict[str, stage.Setup]:
    """One for each protocol, under the same rules."""
    every = {one.name: one for one in (ADULTS, CHILDREN, OTHER)}
    routing = Routing("activity", rules, {name: one.population for name, one in every.items()})
    return {name: stage.Setup(one, SITE, None, routing) for name, one in every.items()}


def play(messages: Sequence[stage.Input], *rules: Rule) -> Mapping[str, list[stage.Event]]:
    """What each protocol gives for one feed."""
    return {name: stage.step(stage.begin("cam", setup), messages)[1] for name, setup in setups(*rules).items()}


BY_AGE = (Rule("activity"), Rule("children"))


def test_who_lies_there_decides_who_grades():
    """An adult's windows are of one protocol, a child's of the other, each on its own grid; neither says anything about the other's."""
    for born, name, length in ((GROWN, "activity", 5), (CHILD, "children", 10)):
        found = play([occupied(0, 1, born), *feed(lambda _: PAIN, 20)], *BY_AGE)
        assert {key for key, events in found.items() if events} == {name}
        assert [one.start_us // US for one in assessments(found[name])] == list(range(0, 20, length))
        assert len(alerts(found[name])) == 1
        assert not any(one.shadow for one in assessments(found[name]))


def test_a_change_of_stay_changes_the_protocol():
    """From the next window's begin on; a run before it does not go on after it."""
    found = play([occupied(0, 1, GROWN), occupied(10, 2, CHILD), *feed(lambda _: PAIN, 30)], *BY_AGE)
    assert [one.start_us // US for one in assessments(found["activity"])] == [0, 5]
    assert [one.start_us // US for one in assessments(found["children"])] == [10, 20]
    assert [one.start_us // US for one in alerts(found["children"])] == [10]


def test_a_window_that_falls_to_a_protocol_halfway_is_said():
    """The adult's last window ends at 15 s, the child's first begins at 20: between them somebody must say that nobody is graded."""
    found = play([occupied(0, 1, GROWN), occupied(12, 2, CHILD), *feed(lambda _: PAIN, 30)], *BY_AGE)
    assert [one.start_us // US for one in assessments(found["activity"])] == [0, 5, 10]
    assert [(one.start_us // US, one.reason) for one in assessments(found["children"])] == [(10, Reason.POPULATION), (20, None)]
    assert [one.start_us // US for one in alerts(found["children"])] == [20]


@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 3), st.sampled_from([GROWN, CHILD, None, BIRTHDAY])), max_size=5),
    st.sampled_from([BY_AGE, (Rule("other", from_age=Age(60, "y")), Rule("children")), (Rule("activity", Role.SHADOW), Rule("children"))]),
    st.integers(0, 1),
)
def test_no_second_of_a_bed_is_without_an_assessment(moves, rules, day):
    """Whoever comes and goes, whoever has a birthday at midnight: some protocol that doesn't merely look on speaks of every second."""
    origin_s = day * (86_400 - 17)
    people = [occupied(origin_s + at, number, born) for at, number, born in sorted(moves, key=lambda move: move[0])]
    found = play([*people, *feed(lambda _: CALM, 40, origin_s=origin_s)], *rules)
    spoken = [one for events in found.values() for one in assessments(events) if not one.shadow]
    seconds = {second for one in spoken for second in range(one.start_us // US, -(-one.end_us // US))}
    assert set(range(origin_s, origin_s + 40)) <= seconds


def test_a_silent_protocol_goes_on_in_time():
    """Its state closes windows as the others' do: a successor need not read them again, and it remembers nobody's face."""
    state, events = stage.step(stage.begin("cam", setups(*BY_AGE)["children"]), [occupied(0, 1, GROWN), *feed(lambda _: CALM, 25)])
    assert (events, state.closed_until_us) == ([], 30 * US)
    assert (state.calm.medians, state.seen) == ((), ())


def test_a_shadow_gives_its_assessments_and_nothing_else():
    """With the numbers that it gives where it grades, marked; what calls or asks people is not there."""
    look = lambda at: PAIN if at < 12 else GRIN  # noqa: E731
    messages = [occupied(0, 1, GROWN), *feed(look, 25)]
    shadowed = play(messages, Rule("activity"), Rule("other", Role.SHADOW))
    alone = play(messages, Rule("other"))
    assert alerts(alone["other"])
    assert questions(alone["other"])
    assert alerts(shadowed["activity"])
    shadow = shadowed["other"]
    assert all(isinstance(one, Assessment) and one.shadow for one in shadow)
    assert [replace(one, shadow=False) for one in assessments(shadow)] == assessments(alone["other"])


@pytest.mark.parametrize("born", [CHILD, None])
def test_nobody_s_patient_is_said_once(born):
    """No rule fits, for a child or for want of an age: one protocol says so in every window, without alert or question."""
    found = play([occupied(0, 1, born), *feed(lambda _: PAIN, 10)], Rule("activity"), Rule("other", from_age=Age(60, "y")))
    assert {name: [one.reason for one in events] for name, events in found.items()} == {
        "activity": [Reason.POPULATION] * 2,
        "children": [],
        "other": [],
    }


def test_another_ward_is_nobody_s_either():
    """The default speaks although no rule names it, and although it looks on elsewhere."""
    rules = (Rule("children", wards=("PED",)), Rule("activity", Role.SHADOW, wards=("PED",)), Rule("other", wards=("B",)))
    found = play([occupied(0, 1, GROWN), *feed(lambda _: PAIN, 10)], *rules)
    assert {name: [one.reason for one in assessments(events)] for name, events in found.items() if events} == {
        "activity": [Reason.POPULATION] * 2
    }
    assert not any(one.shadow for one in assessments(found["activity"]))


def test_where_nobody_is_known_the_place_counts():
    """Ages are not asked: record charts nothing of it, and asks who lies there."""
    for bed, name in (("PED^1^A", "children"), ("A^1^1", "activity")):
        nobody = Occupancy("cam", 0, None, bed=bed)
        found = play([nobody, *feed(lambda _: CALM, 10)], Rule("children", wards=("PED",)), Rule("activity"))
        assert {key for key, events in found.items() if events} == {name}
        assert {one.reason for one in assessments(found[name])} == {None}


def test_without_rules_all_is_as_with_one_protocol():
    """The default under its own routing gives what it gives without any."""
    for messages in ([], [occupied(0, 1, GROWN)], [occupied(0, 1, CHILD)], [occupied(0, 1, None)], [occupied(0, None)]):
        both = [*messages, *feed(lambda at: PAIN if at > 8 else CALM, 20)]
        _, alone = stage.step(stage.begin("cam", stage.Setup(ADULTS, SITE)), both)
        assert play(both)["activity"] == alone


def test_the_bed_is_in_the_snapshot():
    """A state goes on as its patient's; one that an earlier version wrote, without a bed, is read."""
    setup = setups(*BY_AGE)["activity"]
    state, _ = stage.step(stage.begin("cam", setup), [occupied(0, 1, GROWN), *feed(lambda _: CALM, 7, ended=False)])
    assert load(dump(state), setup).occupants == state.occupants
    assert state.occupants[0].bed == "A^1^1"
    content = json.loads(dump(state))
    content["occupants"] = [one[:3] for one in content["occupants"]]
    before = load(json.dumps(content).encode(), setup)
    assert before.occupants == (replace(state.occupants[0], bed=""),)
    told, _ = stage.step(before, [occupied(0, 1, GROWN)])
    assert told.occupants == state.occupants
