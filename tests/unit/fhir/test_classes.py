"""The classes of fhir.resources, and the memory of the forms that fitted them."""

import json
import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.fhir import classes
from wince.fhir.classes import Forms, Resource, misfits, targets

RESOURCE: Resource = {
    "resourceType": "Observation",
    "id": "6f1f6a0e-4f0b-5a7e-9d8b-0123456789ab",
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:6f1f6a0e-4f0b-5a7e-9d8b-0123456789ab"}],
    "status": "final",
    "code": {"coding": [{"system": "urn:x", "code": "pain"}]},
    "subject": {"identifier": {"value": "AB-4711"}},
    "issued": "2026-01-01T00:01:00.123Z",
    "valueQuantity": {"value": 3.25, "unit": "score"},
}


def asked(forms: Forms, resource: Resource, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the class was asked."""
    calls: list[str] = []
    monkeypatch.setattr(classes, "misfits", lambda one, kind: calls.append(kind) or misfits(one, kind))
    forms.misfits(json.dumps(resource, separators=(",", ":")), [resource])
    return bool(calls)


def changed(**changes: Any) -> Resource:
    return {**deepcopy(RESOURCE), **changes}


SAME_FORM = {
    "other ids": changed(
        id="00000000-aaaa-bbbb-cccc-dddddddddddd",
        identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:ffffffff-aaaa-bbbb-cccc-eeeeeeeeeeee"}],
    ),
    "another time": changed(issued="2027-12-31T23:59:59.999Z"),
    "another number": changed(valueQuantity={"value": 12, "unit": "score"}),
    "a small number": changed(valueQuantity={"value": 1e-07, "unit": "score"}),
    "another patient": changed(subject={"identifier": {"value": "AB-9999"}}),
}
OTHER_FORM = {
    "another element": changed(note=[{"text": "x"}]),
    "an element less": {name: value for name, value in RESOURCE.items() if name != "subject"},
    "a number as text": changed(valueQuantity={"value": "3.25", "unit": "score"}),
    "a text as number": changed(subject={"identifier": {"value": 4711}}),
    "NaN": changed(valueQuantity={"value": float("nan"), "unit": "score"}),
    "a sign": changed(valueQuantity={"value": -3.25, "unit": "score"}),
    "a time without seconds": changed(issued="2026-01-01T00:01Z"),
    "another word": changed(status="garbage in"),
    "an id that is none": changed(id="6f1f6a0e 4f0b-5a7e-9d8b-0123456789ab"),
    "an id that is longer": changed(id="6f1f6a0e-4f0b-5a7e-9d8b-0123456789ab "),
}


@pytest.mark.parametrize("name", SAME_FORM)
def test_a_form_is_asked_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forms = Forms()
    assert asked(forms, RESOURCE, monkeypatch)
    assert not asked(forms, SAME_FORM[name], monkeypatch)


@pytest.mark.parametrize("name", OTHER_FORM)
def test_another_form_is_asked_for_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forms = Forms()
    assert asked(forms, RESOURCE, monkeypatch)
    assert asked(forms, OTHER_FORM[name], monkeypatch)


def test_a_form_that_does_not_fit_is_never_remembered() -> None:
    forms, wrong = Forms(), changed(colour="red")
    for _ in range(3):
        assert [problem.rule for problem in forms.misfits(json.dumps(wrong), [wrong])] == ["element"]


def test_old_forms_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = Forms(most=2)
    for status in ("final", "amended", "registered", "final"):
        assert asked(forms, changed(status=status), monkeypatch)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(ANYTHING)
def test_whatever_stands_there_is_a_problem_and_no_exception(value: Any) -> None:
    for name in ("code", "component", "subject"):
        for problem in misfits(changed(**{name: value}), "Observation"):
            assert problem.path.startswith("Observation")


def test_references_are_read_from_the_class() -> None:
    assert "Device" not in targets("Observation")["performer"]
    assert targets("Task")["for"] == frozenset()
    assert targets("Provenance")["target"] == frozenset()
    assert targets("Remark") == {}


@pytest.mark.parametrize("kind", ["Remark", "Quantity", "String", "observation", "", "../claim"])
def test_what_is_no_resource_type_has_no_class(kind: str) -> None:
    assert [problem.rule for problem in misfits({"resourceType": kind}, kind)] == ["type"]


def test_the_classes_are_imported_when_they_are_needed() -> None:
    code = (
        "import sys, wince.fhir.invariants, wince.delivery.fhir.target\n"
        "assert not any(name.startswith('fhir.resources') for name in sys.modules)\n"
        "from wince.delivery.fhir.bundle import prepare\n"
        "prepare()\n"
        "assert 'fhir.resources.R4B.observation' in sys.modules\n"
        "assert 'fhir.resources.R4B.claim' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
