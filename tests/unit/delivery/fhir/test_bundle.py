"""From an entry to FHIR R4 resources: a value or a reason, labelled, linked, valid."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.ehr.samples import MRN, PROTOCOLS, entry, question, samples
from wince.delivery.fhir import bundle as mapping
from wince.delivery.fhir.bundle import bundle, rendered
from wince.delivery.fhir.parts import Software, instant
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.reason import Reason
from wince.errors import MessageError
from wince.fhir import classes
from wince.fhir.invariants import problems

SOFTWARE = Software("0.1.0", "ward-7", "https://ehr.example/fhir")


def resources(item: Entry | TaskEntry) -> list[dict[str, Any]]:
    return [part["resource"] for part in bundle(item, PROTOCOLS, SOFTWARE)["entry"]]


def observation(item: Entry) -> dict[str, Any]:
    return resources(item)[0]


@pytest.mark.parametrize("name", samples())
def test_every_kind_fits_its_class_and_holds_the_invariants(name: str) -> None:
    item = samples()[name]
    made = bundle(item, PROTOCOLS, SOFTWARE)
    assert {part["resource"]["resourceType"]: problems(part["resource"]) for part in made["entry"] if problems(part["resource"])} == {}
    assert json.loads(rendered(item, PROTOCOLS, SOFTWARE)) == made


def test_the_classes_are_asked_once_for_entries_that_differ_in_ids_times_and_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(mapping, "_FORMS", classes.Forms())
    monkeypatch.setattr(classes, "misfits", lambda resource, kind: asked.append(kind) or [])
    for number in range(50):
        score = number / 7
        rendered(entry(score=score, median=score, issued_us=number * 1_234_567_890), PROTOCOLS, SOFTWARE)
    assert asked == ["Observation", "Device", "Provenance"]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"colour": "red"}, "Observation.colour"),
        ({"code": None}, "Observation.code"),
        ({"issued": "2026-01-01"}, "Observation.issued"),
        ({"valueString": "x"}, "Observation"),
    ],
)
def test_what_does_not_fit_its_class_is_never_rendered(wrong: dict[str, Any], place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor after a good one of that kind was."""
    item = entry()
    rendered(item, PROTOCOLS, SOFTWARE)
    made = {name: value for name, value in {**observation(item), **wrong}.items() if value is not None}
    monkeypatch.setattr(mapping, "observation", lambda *_: made)
    with pytest.raises(MessageError) as caught:
        rendered(item, PROTOCOLS, SOFTWARE)
    assert caught.value.field == place


def test_every_number_on_the_scale_has_the_unit_of_the_protocol() -> None:
    """Value, ranges and components: [codes] says `unit` for people and `unit_code` of UCUM; shares and counts keep their own."""
    activity = PROTOCOLS["activity"]
    own = {"activity": replace(activity, codes=replace(activity.codes, unit="points", unit_code="{points}"))}
    made = bundle(entry(), own, SOFTWARE)["entry"][0]["resource"]
    ranges = [one[end] for one in made["referenceRange"] for end in ("low", "high")]
    parts = {part["code"]["coding"][0]["code"]: part.get("valueQuantity") for part in made["component"]}
    on_scale = [made["valueQuantity"], *ranges, parts["median"], parts["peak"]]
    assert {(one["unit"], one["code"]) for one in on_scale} == {("points", "{points}")}
    assert (parts["assessable-share"]["unit"], parts["assessable-share"]["code"]) == ("1", "1")


def test_a_value_names_its_scale_unit_and_label() -> None:
    made = observation(entry())
    assert made["valueQuantity"] == {"value": 3.5, "unit": "score", "system": "http://unitsofmeasure.org", "code": "{score}"}
    assert "dataAbsentReason" not in made
    assert made["referenceRange"][0]["low"]["value"] == 0
    assert made["referenceRange"][0]["high"]["value"] == 16
    assert "facial activity" in made["referenceRange"][0]["text"]
    assert made["note"][0]["text"].lower().startswith("research use, not validated")
    assert made["meta"]["security"][0]["code"] == "AIAST"
    assert made["code"]["coding"][0]["system"] == "urn:wince:codes:facial-activity"
    assert "loinc" not in json.dumps(made)


@pytest.mark.parametrize("reason", list(Reason))
def test_without_a_value_there_is_a_reason_and_no_number(reason: Reason) -> None:
    made = observation(entry(Kind.UNASSESSABLE, grade=None, grade_name="", score=None, median=None, peak=None, reason=reason))
    assert not [name for name in made if name.startswith("value")]
    assert "referenceRange" not in made
    assert "interpretation" not in made
    codings = made["dataAbsentReason"]["coding"]
    assert codings[0]["system"].endswith("data-absent-reason")
    assert codings[1]["code"] == reason.value


def test_what_was_not_measured_is_absent_never_zero() -> None:
    parts = {part["code"]["coding"][0]["code"]: part for part in observation(entry())["component"]}
    for unit in ("au6", "au9"):
        assert "valueQuantity" not in parts[unit]
        assert parts[unit]["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert parts["au43"]["valueQuantity"]["value"] == 0
    assert parts["peak"]["valueQuantity"]["value"] == 5.25
    assert parts["assessable-share"]["valueQuantity"]["code"] == "1"


def test_the_model_is_a_device_and_never_a_performer() -> None:
    made, device, provenance = resources(entry())
    [performer] = made["performer"]
    assert "reference" not in performer
    assert performer["extension"][0]["valueReference"] == made["device"]
    assert made["device"]["reference"] == f"urn:uuid:{device['id']}" == provenance["agent"][0]["who"]["reference"]
    assert [version["value"] for version in device["version"]] == ["0.1.0", "ab" * 32]


def test_who_confirmed_is_the_verifier_and_changes_no_value() -> None:
    """A confirmed entry: final, the same value and performer; the nurse stands in the Provenance of that revision, beside the model."""
    before = observation(entry())
    made, _, provenance = resources(replace(entry(), revision=2, status="final", nurse="n7"))
    assert made["status"] == "final"
    assert made["performer"] == before["performer"]
    assert made["valueQuantity"] == before["valueQuantity"]
    assert [agent["type"]["coding"][0]["code"] for agent in provenance["agent"]] == ["assembler", "verifier"]
    assert provenance["agent"][1]["who"]["identifier"]["value"] == "n7"
    assert provenance["activity"]["coding"][0]["code"] == "UPDATE"


def test_one_device_per_model_set_and_version() -> None:
    ids = {resources(item)[1]["id"] for item in (entry(), entry(Kind.ALERT), entry(bed="other"))}
    assert len(ids) == 1
    assert resources(entry(model_set="ef" * 32))[1]["id"] not in ids


def test_a_verdict_is_the_nurses_own_observation_linked_to_the_model_s() -> None:
    item = samples()["verdict-score"]
    assert isinstance(item, Entry)
    made, provenance = resources(item)
    assert made["performer"] == [{"type": "Practitioner", "identifier": {"system": "urn:wince:staff", "value": "N-17"}}]
    assert made["status"] == "final"
    assert made["derivedFrom"][0]["identifier"]["value"] == str(item.assessment)
    assert "device" not in made
    assert "security" not in made.get("meta", {})
    assert provenance["agent"][0]["who"]["type"] == "Practitioner"


def test_a_grade_without_a_score_is_coded() -> None:
    item = samples()["verdict-grade"]
    assert isinstance(item, Entry)
    assert observation(item)["valueCodeableConcept"]["coding"][0]["code"] == "low"


def test_ids_are_made_of_the_entry_so_that_a_replay_is_the_same() -> None:
    item = entry()
    assert bundle(item, PROTOCOLS, SOFTWARE) == bundle(item, PROTOCOLS, SOFTWARE)
    later = bundle(replace(item, revision=2, status="final"), PROTOCOLS, SOFTWARE)
    assert later["entry"][0]["fullUrl"] == f"urn:uuid:{item.id}"
    assert {part["fullUrl"] for part in later["entry"][2:]}.isdisjoint(
        part["fullUrl"] for part in bundle(item, PROTOCOLS, SOFTWARE)["entry"][2:]
    )


def test_a_question_is_a_task_about_its_observation() -> None:
    item = question()
    [task] = resources(item)
    assert (task["status"], task["intent"]) == ("requested", "order")
    assert task["focus"]["identifier"]["value"] == f"urn:uuid:{item.focus}"
    assert task["reasonCode"]["coding"][0]["code"] == "conflict"


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (entry(score=float("nan")), "score"),
        (entry(score=17.0), "score"),
        (entry(peak=float("inf")), "value"),
        (entry(grade=7), "grade"),
        (entry(protocol="nobody"), "protocol"),
        (entry(status="done"), "Observation.status"),
        (entry(end_us=0), "Observation.effectivePeriod"),
        (question(patient=None), "patient"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_not_be_written_is_named(item: Entry | TaskEntry, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        bundle(item, PROTOCOLS, SOFTWARE)
    assert caught.value.field == field
    assert MRN.value not in caught.value.diagnostics()


@given(st.floats(0, 16), st.floats(0, 1), st.integers(0, 4_000_000_000_000_000))
def test_any_number_and_time_gives_a_valid_resource(score: float, share: float, start: int) -> None:
    item = entry(score=score, assessable_share=share, start_us=start, end_us=start + 60_000_000, issued_us=start + 61_000_000)
    made = observation(item)
    assert problems(made) == []
    assert abs(made["valueQuantity"]["value"] - score) <= 0.0005


def test_times_keep_their_milliseconds() -> None:
    assert instant(1_700_000_000_123_999) == "2023-11-14T22:13:20.123Z"
