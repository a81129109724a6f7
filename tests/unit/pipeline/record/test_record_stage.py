"""Record's plan, without a database."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.record_world import CAMERA, T0, US, alert, question, stay, window
from wince.domain.assessment import Verdict
from wince.domain.charting import ChartState
from wince.domain.charting_entries import Period
from wince.domain.entry import Kind
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.errors import MessageError
from wince.pipeline.record.stage import Effects, Known, Message, SourceState, plan
from wince.protocols.loader import load

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 3600 * US
KEY = (CAMERA, "activity")


def run(messages: list[Message], found: Stay | Reason, states: dict[tuple[str, str], SourceState] | None = None) -> Effects:
    return plan(messages, states or {}, lambda *_: found, Known(), PROTOCOLS, NOW)


@given(st.lists(st.sampled_from([0, 1, 2, None]), min_size=1, max_size=20), st.sampled_from([Reason.NO_PATIENT, Reason.TWO_PATIENTS]))
def test_whatever_is_seen_nothing_is_charted_without_a_patient(grades: list[int | None], reason: Reason) -> None:
    """And a person is asked exactly once, in the worklist."""
    windows: list[Message] = [window(number, grade) for number, grade in enumerate(grades)]
    alerts: list[Message] = [alert(one) for one in windows if getattr(one, "grade", None) == 2]
    done = run([*windows, *alerts], reason)
    assert done.entries == []
    assert [(task.reason, task.patient, task.stay) for task in done.tasks] == [(reason, None, None)]
    assert all(item.unbound is reason for item in done.bound)


@given(st.lists(st.sampled_from([0, 1, 2, None]), min_size=2, max_size=30), st.data())
def test_where_batches_are_cut_does_not_matter(grades: list[int | None], data: st.DataObject) -> None:
    """One batch or many: the same entries, the same states."""
    messages: list[Message] = []
    for number, grade in enumerate(grades):
        one = window(number, grade)
        messages += [alert(one), one] if grade == 2 else [one]
    whole = run(messages, stay())
    cut = data.draw(st.integers(0, len(messages)))
    first = run(messages[:cut], stay())
    second = run(messages[cut:], stay(), dict(first.states))
    assert first.entries + second.entries == whole.entries
    assert {**first.states, **second.states} == whole.states


@pytest.mark.parametrize("found", [stay(), Reason.NO_PATIENT])
def test_of_a_shadow_nothing_is_charted_and_nobody_is_asked(found: Stay | Reason) -> None:
    """It is bound and kept beside the one that grades, whose chart goes on without it; a verdict about it says nothing to the record."""
    shadows: list[Message] = [replace(window(number, 2), id=UUID(int=number + 1), protocol="other", shadow=True) for number in range(3)]
    done = run([*shadows, Verdict(UUID(int=9), None, shadows[0].id, "n", 2, T0)], found)
    assert (done.entries, done.tasks, done.states) == ([], [], {})
    assert [item.message for item in done.bound[:3]] == shadows
    assert all((item.stay is None) == isinstance(found, Reason) for item in done.bound)
    assert [(note.event, note.detail["reason"]) for note in done.notes] == [("not_charted", "shadow")]
    graded: list[Message] = [window(0, 2), window(1, 2)]
    assert run([graded[0], *shadows, graded[1]], found).entries == run(graded, found).entries


@pytest.mark.parametrize("found", [stay("V2"), Reason.NO_PATIENT])
def test_a_protocol_that_says_no_more_owes_no_summary(found: Stay | Reason) -> None:
    """Who lies there now is another protocol's: alerts that an earlier release left to a summary still reach their patient's record."""
    full = window(0, 2)
    owing = ChartState(stay("V1"), period=replace(Period().add(full, ()), uncharted=1, last=full), seen_us=full.end_us)
    states = {KEY: SourceState(owing), ("cam-2", "activity"): SourceState(owing)}
    protocols = PROTOCOLS | {"other": PROTOCOLS["activity"]}
    later = [replace(window(number, 0), id=UUID(int=number), protocol="other") for number in (1, 2)]
    done = plan(later, states, lambda *_: found, Known(), protocols, NOW)
    summaries = [entry for entry in done.entries if entry.kind is Kind.SUMMARY]
    assert [(entry.protocol, entry.encounter, entry.alerts) for entry in summaries] == [("activity", stay("V1").encounter, 1)]
    assert done.states[KEY].chart.stay is None
    assert ("cam-2", "activity") not in done.states
    same = plan(later, states, lambda *_: stay("V1"), Known(), protocols, NOW)
    assert not [entry for entry in same.entries if entry.kind is Kind.SUMMARY]


def test_every_entry_is_for_who_lay_there() -> None:
    done = run([window(0), window(1, 2), alert(window(1, 2)), question(window(1, 2))], stay("V7"))
    assert [entry.encounter.value for entry in done.entries] == ["V7", "V7"]
    assert done.tasks[0].encounter == stay("V7").encounter
    assert done.tasks[0].focus == done.entries[1].id


@pytest.mark.parametrize("grade", [-1, 3])
def test_a_verdict_outside_the_scale_is_not_charted(grade: int) -> None:
    done = run([window(0), Verdict(UUID(int=1), None, window(0).id, "n", grade, T0)], stay())
    assert [entry.kind for entry in done.entries] == [Kind.GRADE]
    assert [(note.event, note.detail["reason"]) for note in done.notes] == [("not_charted", "no_such_grade")]


def test_a_nurse_who_cannot_tell_either_leaves_no_value() -> None:
    done = run([window(0), Verdict(UUID(int=1), None, window(0).id, "n", None, T0)], stay())
    own = done.entries[-1]
    assert (own.grade, own.score, own.reason, own.status) == (None, None, Reason.UNCERTAIN, "final")


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(MessageError) as caught:
        run([replace(window(0), protocol="nothing")], stay())
    assert caught.value.field == "protocol"


def test_the_states_are_those_of_the_sources_seen() -> None:
    done = run([window(0)], stay())
    assert set(done.states) == {KEY}
    assert done.states[KEY].chart.stay == stay()
