"""What is read of an EHR: scores that are the patient's own, and medication under which a face can't move."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from wince.care.ehr.medication import Stilled, statement, stilled
from wince.care.ehr.scores import scores
from wince.domain.care import EncounterState, FaceState
from wince.domain.stay import Identifier, Stay
from wince.store.scores import score_id

US = 1_000_000
MINUTE = 60 * US
STAY = Stay(UUID(int=1), "ICU^1^A", Identifier("urn:mrn", "M1"), Identifier("urn:visit", "V1"), 0, None, 0)
NRS = "http://loinc.org|72514-3"
BLOCKING = ("http://www.whocc.no/atc|M03A*",)
T = "2026-01-05T08:00:00Z"
T_US = round(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp() * US)


def observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://other", "code": "x"}, {"system": "http://loinc.org", "code": "72514-3"}]},
        "subject": {"reference": "Patient/7"},
        "effectiveDateTime": T,
        "valueQuantity": {"value": 6},
    } | more


def read(*found: dict[str, Any]) -> tuple[list[Any], list[UUID]]:
    return scores(found, "Patient/7", STAY, [NRS])


def test_a_score_says_who_when_what_and_where_it_lies() -> None:
    (one,), withdrawn = read(observation())
    assert (one.reference, one.at_us, one.code, one.value, withdrawn) == ("Observation/o1", T_US, NRS, "6", [])
    assert (one.patient, one.encounter, one.id) == (STAY.patient, STAY.encounter, score_id("fhir", "Observation/o1"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"valueQuantity": {"value": 2.5}}, "2.5"),
        ({"valueQuantity": None, "valueInteger": 3}, "3"),
        ({"valueQuantity": {}, "valueCodeableConcept": {"text": "severe"}}, "severe"),
        ({"valueQuantity": None, "valueCodeableConcept": {"coding": [{"display": "mild"}]}}, "mild"),
        ({"valueQuantity": {"value": 0}}, "0"),
    ],
)
def test_values_of_every_form(value: dict[str, Any], said: str) -> None:
    assert [one.value for one in read(observation(**value))[0]] == [said]


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": {"reference": "Patient/8"}},
        {"subject": None},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}},
        {"code": "72514-3"},
        {"status": "registered"},
        {"status": "preliminary"},
        {"effectiveDateTime": "2026-01-05"},
        {"effectiveDateTime": None},
        {"valueQuantity": {"value": "6"}},
        {"valueQuantity": {"value": True}},
        {"valueQuantity": None, "dataAbsentReason": {"text": "asleep"}},
        {"meta": {"security": [{"code": "AIAST"}]}},
        {"id": None},
        {"resourceType": "Task"},
    ],
)
def test_what_is_not_the_patient_s_own_word_is_passed_over(wrong: dict[str, Any]) -> None:
    """Another patient's, another code, unfinished, without a time or a value (never made up), a machine's, spoilt."""
    assert read(observation(**wrong)) == ([], [])


def test_what_was_entered_in_error_is_told() -> None:
    assert read(observation(status="entered-in-error")) == ([], [score_id("fhir", "Observation/o1")])


def given(code: str = "M03AC09", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "status": "in-progress",
        "subject": {"reference": "Patient/7"},
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": code}]},
        "effectivePeriod": {"start": T},
    } | more


def ordered(**more: Any) -> dict[str, Any]:
    base = given()
    del base["effectivePeriod"]
    return base | {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": T} | more


def acting(*found: dict[str, Any], medications: dict[str, Any] | None = None) -> list[Stilled]:
    return stilled(found, medications or {}, "Patient/7", blocking=BLOCKING, sedating=("urn:site|SED",), lasts_us=30 * MINUTE)


PARALYSED = FaceState.PARALYSED


@pytest.mark.parametrize(
    ("found", "span"),
    [
        (given(), (T_US, None)),
        (given(status="completed", effectivePeriod={"start": T, "end": "2026-01-05T09:00:00Z"}), (T_US, T_US + 90 * MINUTE)),
        (given(status="completed", effectivePeriod=None, effectiveDateTime=T), (T_US, T_US + 30 * MINUTE)),
        (ordered(), (T_US, None)),
        (
            ordered(dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": {"start": T, "end": "2026-01-05T10:00:00+01:00"}}}}]),
            (T_US, T_US + 60 * MINUTE),
        ),
    ],
)
def test_when_a_blocking_agent_acts(found: dict[str, Any], span: tuple[int, int | None]) -> None:
    assert acting(found) == [Stilled(PARALYSED, *span)]


@pytest.mark.parametrize(
    "found",
    [
        given("M03BX01"),
        given(status="not-done"),
        given(status="entered-in-error"),
        given(subject={"reference": "Patient/8"}),
        given(effectivePeriod={}),
        given(medicationCodeableConcept=None),
        ordered(status="completed"),
        ordered(intent="plan"),
        ordered(dosageInstruction=[{"asNeededBoolean": True}]),
        ordered(dosageInstruction=[{"asNeededCodeableConcept": {"text": "if restless"}}]),
        ordered(authoredOn=None),
        {"resourceType": "MedicationStatement", "status": "active", "subject": {"reference": "Patient/7"}},
    ],
)
def test_what_says_nothing_of_a_face(found: dict[str, Any]) -> None:
    assert acting(found) == []


def test_the_substance_may_be_a_medication_of_its_own() -> None:
    """Contained, or beside it in the answer; a sedating one has its own state."""
    coded = {"coding": [{"system": "urn:site", "code": "SED"}]}
    inside = given(medicationCodeableConcept=None, medicationReference={"reference": "#m"}, contained=[{"id": "m", "code": coded}])
    beside = given(medicationCodeableConcept=None, medicationReference={"reference": "Medication/9"})
    sedated = [Stilled(FaceState.DEEPLY_SEDATED, T_US, None)]
    assert acting(inside) == sedated
    assert acting(beside, medications={"Medication/9": {"resourceType": "Medication", "id": "9", "code": coded}}) == sedated
    assert acting(beside) == []


NOW = T_US + 60 * MINUTE
RUNNING, OVER = Stilled(PARALYSED, T_US, None), Stilled(PARALYSED, T_US, T_US + 30 * MINUTE)


def state(face: FaceState | None, since_us: int, nurse: str = "") -> EncounterState:
    return EncounterState("V1", face, since_us, nurse)


@pytest.mark.parametrize(
    ("said", "now", "then"),
    [
        ([], [RUNNING], state(PARALYSED, T_US)),
        ([], [OVER], None),
        ([], [], None),
        ([state(PARALYSED, T_US)], [RUNNING], None),
        ([state(PARALYSED, T_US)], [OVER], state(None, T_US + 30 * MINUTE)),
        ([state(PARALYSED, T_US)], [], state(None, NOW)),
        ([state(FaceState.BANDAGED, T_US - US, "n7")], [RUNNING], state(PARALYSED, T_US)),
        ([state(None, T_US + US, "n7")], [RUNNING], None),
        ([state(FaceState.PALSY, T_US - US, "n7")], [OVER], None),
        ([state(PARALYSED, T_US), state(None, T_US + US, "n7")], [RUNNING], None),
        ([state(FaceState.DEEPLY_SEDATED, T_US)], [Stilled(FaceState.DEEPLY_SEDATED, T_US, None), RUNNING], state(PARALYSED, T_US)),
    ],
)
def test_what_is_said_of_an_encounter_by_what_is_given(said: list[EncounterState], now: list[Stilled], then: EncounterState | None) -> None:
    """Set once, lifted when it is over, and never against a nurse who spoke after it began."""
    assert statement("V1", said, now, NOW) == then
