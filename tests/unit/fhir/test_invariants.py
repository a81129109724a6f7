"""A resource must fit R4's class and hold the rules that no class knows; what is wrong is named with its place."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.errors import MessageError
from wince.fhir.classes import misfits
from wince.fhir.invariants import Resource, check, demand, loinc_ok, problems

OBSERVATION: Resource = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "38208-5"}]},
    "effectivePeriod": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"},
    "issued": "2026-01-01T00:01:00.123Z",
    "valueQuantity": {"value": 3, "unit": "score", "system": "http://unitsofmeasure.org", "code": "{score}"},
    "component": [{"code": {"text": "median"}, "valueQuantity": {"value": 3.0}}],
}
TASK: Resource = {"resourceType": "Task", "status": "requested", "intent": "order", "focus": {"reference": "Observation/1"}}
PROVENANCE: Resource = {
    "resourceType": "Provenance",
    "target": [{"reference": "Observation/1"}],
    "recorded": "2026-01-01T00:01:00Z",
    "agent": [{"who": {"reference": "Device/1"}}],
}
AUDIT: Resource = {
    "resourceType": "AuditEvent",
    "type": {"code": "rest"},
    "action": "C",
    "recorded": "2026-01-01T00:01:00Z",
    "outcome": "0",
    "agent": [{"requestor": True}],
    "source": {"observer": {"display": "x"}},
}
DEVICE: Resource = {"resourceType": "Device", "status": "active", "version": [{"value": "1"}]}
ABSENT = {"coding": [{"system": "s", "code": "unknown"}]}


def changed(base: Resource, **changes: Any) -> Resource:
    made = deepcopy(base)
    for name, value in changes.items():
        if value is None:
            made.pop(name)
        else:
            made[name] = value
    return made


@pytest.mark.parametrize("resource", [OBSERVATION, TASK, PROVENANCE, AUDIT, DEVICE], ids=lambda r: r["resourceType"])
def test_what_is_right_passes(resource: Resource) -> None:
    assert problems(resource) == []
    assert check(resource) is resource


WRONG = {
    "no code": (changed(OBSERVATION, code=None), "card", "Observation.code"),
    "status": (changed(OBSERVATION, status="done"), "status", "Observation.status"),
    "two effective": (changed(OBSERVATION, effectiveDateTime="2026-01-01"), "choice-1", "Observation"),
    "two values": (changed(OBSERVATION, valueString="x"), "choice-1", "Observation"),
    "obs-6": (changed(OBSERVATION, dataAbsentReason=ABSENT), "obs-6", "Observation"),
    "obs-6 in a component": (
        changed(OBSERVATION, component=[{"code": {"text": "x"}, "valueString": "y", "dataAbsentReason": ABSENT}]),
        "obs-6",
        "Observation.component[0]",
    ),
    "obs-7": (
        changed(OBSERVATION, component=[{"code": OBSERVATION["code"], "valueString": "y"}]),
        "obs-7",
        "Observation.component[0]",
    ),
    "component without code": (changed(OBSERVATION, component=[{"valueString": "y"}]), "card", "Observation.component[0].code"),
    "performer Device": (changed(OBSERVATION, performer=[{"reference": "Device/1"}]), "ref", "Observation.performer[0]"),
    "performer Device, logical": (
        changed(OBSERVATION, performer=[{"type": "Device", "identifier": {"value": "x"}}]),
        "ref",
        "Observation.performer[0]",
    ),
    "qty-3": (changed(OBSERVATION, valueQuantity={"value": 1, "code": "{score}"}), "qty-3", "Observation.valueQuantity"),
    "per-1": (
        changed(OBSERVATION, effectivePeriod={"start": "2026-01-02T00:00:00+02:00", "end": "2026-01-01T21:59:59Z"}),
        "per-1",
        "Observation.effectivePeriod",
    ),
    "UCUM": (
        changed(OBSERVATION, valueQuantity={"value": 1, "unit": "x", "system": "http://unitsofmeasure.org", "code": "painlevels"}),
        "ucum",
        "Observation.valueQuantity.code",
    ),
    "comparator": (
        changed(OBSERVATION, valueQuantity={"value": 1, "comparator": "about"}),
        "enum",
        "Observation.valueQuantity.comparator",
    ),
    "identifier use": (changed(OBSERVATION, identifier=[{"use": "mine", "value": "x"}]), "enum", "Observation.identifier[0].use"),
    "narrative": (changed(OBSERVATION, text={"status": "generated", "div": "<p>x</p>"}), "txt-1", "Observation.text.div"),
    "provenance role": (
        changed(PROVENANCE, entity=[{"role": "origin", "what": {"reference": "Observation/1"}}]),
        "enum",
        "Provenance.entity[0].role",
    ),
    "LOINC check digit": (
        changed(OBSERVATION, code={"coding": [{"system": "http://loinc.org", "code": "38208-6"}]}),
        "loinc",
        "Observation.code.coding[0].code",
    ),
    "instant without zone": (changed(OBSERVATION, issued="2026-01-01T00:01:00"), "format", "Observation.issued"),
    "instant that is a date": (changed(OBSERVATION, issued="2026-01-01"), "format", "Observation.issued"),
    "a day that is none": (changed(OBSERVATION, issued="2026-02-30T00:00:00Z"), "format", "Observation.issued"),
    "dateTime": (changed(OBSERVATION, effectivePeriod={"start": "yesterday"}), "format", "Observation.effectivePeriod.start"),
    "empty list": (changed(OBSERVATION, note=[]), "empty", "Observation.note"),
    "empty string": (changed(OBSERVATION, method={"text": ""}), "empty", "Observation.method.text"),
    "NaN": (changed(OBSERVATION, valueQuantity={"value": float("nan")}), "format", "Observation.valueQuantity.value"),
    "id": (changed(OBSERVATION, id="a b"), "id", "Observation.id"),
    "id too long": (changed(OBSERVATION, id="a" * 65), "id", "Observation.id"),
    "unknown element": (changed(OBSERVATION, colour="red"), "element", "Observation.colour"),
    "unknown element inside": (changed(OBSERVATION, method={"txt": "x"}), "element", "Observation.method.txt"),
    "subject an Encounter": (changed(OBSERVATION, subject={"reference": "Encounter/1"}), "ref", "Observation.subject"),
    "focus an object in a string": (changed(TASK, focus='{"reference": "Observation/1"}'), "ref", "Task.focus"),
    "no such type": ({"resourceType": "Remark"}, "type", "resourceType"),
    "task status": (changed(TASK, status="open"), "status", "Task.status"),
    "task intent": (changed(TASK, intent=None), "card", "Task.intent"),
    "task focus a string": (changed(TASK, focus="Observation/1"), "ref", "Task.focus"),
    "provenance without target": (changed(PROVENANCE, target=[]), "empty", "Provenance.target"),
    "provenance without who": (changed(PROVENANCE, agent=[{"type": {"text": "x"}}]), "card", "Provenance.agent[0].who"),
    "audit without agent": (changed(AUDIT, agent=None), "card", "AuditEvent.agent"),
    "audit action": (changed(AUDIT, action="X"), "status", "AuditEvent.action"),
    "audit outcome of R5": (changed(AUDIT, outcome="success"), "status", "AuditEvent.outcome"),
    "audit requestor": (changed(AUDIT, agent=[{"who": {"display": "x"}}]), "card", "AuditEvent.agent[0].requestor"),
    "audit observer": (changed(AUDIT, source={"site": "x"}), "card", "AuditEvent.source.observer"),
    "device version": (changed(DEVICE, version=[{"type": {"text": "x"}}]), "card", "Device.version[0].value"),
    "no type": ({"status": "final"}, "type", "resourceType"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_its_place(name: str) -> None:
    resource, rule, path = WRONG[name]
    assert (rule, path) in [(problem.rule, problem.path) for problem in problems(resource)]
    with pytest.raises(MessageError) as caught:
        demand(problems(resource))
    assert caught.value.field


CLASSES_PASS = [
    *("status", "obs-6", "obs-6 in a component", "obs-7", "performer Device", "subject an Encounter", "qty-3", "per-1"),
    *("LOINC check digit", "empty list", "id too long", "focus an object in a string", "provenance without target", "audit action"),
]


@pytest.mark.parametrize("name", CLASSES_PASS)
def test_the_rules_kept_here_are_those_that_the_classes_let_pass(name: str) -> None:
    resource, _, _ = WRONG[name]
    assert misfits(resource, resource["resourceType"]) == []


@pytest.mark.parametrize("value", ["Jane Doe", {"Jane Doe": 1}, ["Jane Doe"], '{"Jane": "Doe"}'])
@pytest.mark.parametrize("name", ["status", "code", "issued", "subject", "valueQuantity", "component", "id"])
def test_no_problem_quotes_a_value(name: str, value: Any) -> None:
    found = problems(changed(OBSERVATION, **{name: value}))
    assert found
    assert not any("Jane" in problem.text for problem in found)


def test_the_message_never_quotes_a_value() -> None:
    with pytest.raises(MessageError) as caught:
        check(changed(OBSERVATION, status="Jane Doe"))
    assert "Jane" not in caught.value.diagnostics()


@given(st.integers(1, 999_999), st.integers(0, 9))
def test_exactly_one_check_digit_is_right(body: int, digit: int) -> None:
    right = [last for last in range(10) if loinc_ok(f"{body}-{last}")]
    assert len(right) == 1
    assert loinc_ok(f"{body}-{digit}") == (digit == right[0])


@pytest.mark.parametrize("code", ["72514-3", "38208-5", "38214-3", "38221-8", "57696-7", "38213-5", "38215-0", "38216-8", "99287-5"])
def test_published_codes_have_right_digits(code: str) -> None:
    assert loinc_ok(code)
