"""The Observation of an entry: a value, or the reason why there is none."""

from __future__ import annotations

import math

from wince.delivery.fhir import codes
from wince.delivery.fhir.parts import Software, instant, logical, uri_identifier, urn
from wince.domain.entry import Entry, Kind
from wince.domain.estimate import UNITS
from wince.domain.ids import device_id
from wince.domain.stay import Identifier
from wince.errors import MessageError
from wince.fhir.invariants import Resource
from wince.protocols.rules import ClinicalProtocol

_AI = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_METHOD = {"system": codes.METHOD_SYSTEM, "code": "face-video", "display": "Estimated by software from the face on video"}
_NURSE_METHOD = {"system": codes.METHOD_SYSTEM, "code": "nurse", "display": "Observed by a nurse who was asked to look"}
_NAMES = {
    "median": "Median score of the assessable frames",
    "peak": "Highest debounced score",
    "assessable-share": "Share of the frames that could be assessed",
    "confidence": "Median confidence of the frames",
    "alerts": "Alerts of this stretch",
    **{unit: f"FACS action unit {unit.removeprefix('au')}, estimated" for unit in UNITS},
}


def observation(entry: Entry, protocol: ClinicalProtocol, software: Software) -> Resource:
    """The Observation of an entry: a value, or the reason why there is none, never both (obs-6)."""
    own, table = entry.kind is Kind.VERDICT, protocol.codes
    resource: Resource = {
        "resourceType": "Observation",
        "identifier": [uri_identifier(entry.id)],
        "status": entry.status,
        "category": [
            {"coding": [{"system": codes.OBSERVATION_CATEGORY, "code": table.category}]},
            {"coding": [{"system": codes.KIND_SYSTEM, "code": entry.kind.value}]},
        ],
        "code": {"coding": [{"system": table.system, "code": table.code, "display": table.display}]},
        "subject": logical("Patient", entry.patient),
        "encounter": logical("Encounter", entry.encounter),
        "effectivePeriod": {"start": instant(entry.start_us), "end": instant(entry.end_us)},
        "issued": instant(entry.issued_us),
        "method": {"coding": [_NURSE_METHOD]} if own else {"coding": [_METHOD], "text": table.method},
    }
    if own:
        resource["performer"] = [logical("Practitioner", Identifier(codes.STAFF_SYSTEM, entry.nurse))]
        resource["derivedFrom"] = [
            {
                "type": "Observation",
                "identifier": {"system": codes.ASSESSMENT_SYSTEM, "value": str(entry.assessment)},
                "display": "The software's assessment that the nurse was asked about",
            }
        ]
    else:
        resource["meta"] = {"security": [_AI]}
        resource["identifier"].append({"system": codes.ASSESSMENT_SYSTEM, "value": str(entry.assessment)})
        resource["device"] = {"reference": urn(device_id(entry.model_set, software.version))}
        resource["note"] = [{"text": protocol.report.label}]
    value = _value(entry, protocol)
    resource.update(value)
    if "valueQuantity" in value:
        resource["referenceRange"] = [
            {
                "low": _quantity(protocol.scale.low, table.unit_code),
                "high": _quantity(protocol.scale.high, table.unit_code),
                "text": f"Range of the scale: {protocol.scale.name}",
            }
        ]
        if entry.grade is not None:
            resource["interpretation"] = [_grade(entry, protocol)]
    if not own:
        resource["component"] = _components(entry, table.unit_code)
    return resource


def _value(entry: Entry, protocol: ClinicalProtocol) -> Resource:
    if entry.grade is None and entry.score is None:
        return {"dataAbsentReason": codes.absent(entry.reason)}
    if entry.score is not None:
        if not protocol.scale.low <= entry.score <= protocol.scale.high:
            raise MessageError("the score lies outside the protocol's scale", field="score")
        return {"valueQuantity": _quantity(entry.score, protocol.codes.unit_code)}
    return {"valueCodeableConcept": _grade(entry, protocol)}


def _grade(entry: Entry, protocol: ClinicalProtocol) -> Resource:
    if entry.grade is None or not 0 <= entry.grade < len(protocol.scale.grades):
        raise MessageError("the grade is none of the protocol's", field="grade")
    name = protocol.scale.name_of(entry.grade)
    code = protocol.codes.grades.get(name)
    coded = {"coding": [{"system": code.system, "code": code.code, "display": code.display}]} if code else {}
    return {**coded, "text": name}


def _components(entry: Entry, score_unit: str) -> list[Resource]:
    found: list[Resource] = []
    for name, number, unit in (
        ("median", entry.median, score_unit),
        ("peak", entry.peak, score_unit),
        ("assessable-share", entry.assessable_share, "1"),
        ("confidence", entry.confidence, "1"),
        ("alerts", entry.alerts or None, "1"),
    ):
        if number is not None:
            found.append({"code": _component(name), "valueQuantity": _quantity(number, unit)})
    for unit_name, level in zip(UNITS, entry.units, strict=False):
        value = {"valueQuantity": _quantity(level, "{score}")} if level is not None else {"dataAbsentReason": _NOT_MEASURED}
        found.append({"code": _component(unit_name), **value})
    return found


_NOT_MEASURED = {"coding": [{"system": codes.ABSENT, "code": "not-performed"}], "text": "not measured by this scorer"}


def _component(name: str) -> Resource:
    return {"coding": [{"system": codes.COMPONENT_SYSTEM, "code": name, "display": _NAMES[name]}]}


def _quantity(number: float, unit: str) -> Resource:
    if not math.isfinite(number):
        raise MessageError("a number is not finite", field="value")
    shown = {"{score}": "score"}.get(unit, unit)
    return {"value": round(float(number), 3), "unit": shown, "system": codes.UCUM, "code": unit}
