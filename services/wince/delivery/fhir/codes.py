"""Code and identifier systems that the FHIR mapping writes beside those of the protocol's [codes] table. Codes of ours: `terms`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wince.delivery import terms
from wince.domain.reason import Reason

UCUM = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ALTERNATE_REFERENCE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
"""Extension of a Reference: what is meant, where R4 allows no such type."""
URI = "urn:ietf:rfc:3986"
"""Identifier system of URIs such as urn:uuid:<entry id>."""

REASON_SYSTEM = terms.REASON.url
COMPONENT_SYSTEM = terms.COMPONENT.url
KIND_SYSTEM = terms.KIND.url
TASK_SYSTEM = terms.TASK.url
METHOD_SYSTEM = terms.METHOD.url

ASSESSMENT_SYSTEM = "urn:wince:assessment"
"""Identifier system of assessment ids."""
STAFF_SYSTEM = "urn:wince:staff"
"""Identifier system of a nurse's staff identifier, where the site names no other."""
INSTALLATION_SYSTEM = "urn:wince:installation"
"""Identifier system of installations of Wince, by their site's name."""
BED_SYSTEM = "urn:wince:bed"
"""Identifier system of beds: PV1-3 as "POINTOFCARE^ROOM^BED"."""
CAMERA_SYSTEM = "urn:wince:camera"
"""Identifier system of cameras; of a file its sha256."""
BED_EXTENSION = "urn:wince:extension:bed"
CAMERA_EXTENSION = "urn:wince:extension:camera"

LABEL = "Research use, not validated, adjunct to a nurse's judgement."
"""Stands on the Device; an Observation carries its protocol's own label."""

ABSENT_CODE: Mapping[Reason, str] = {
    Reason.NO_FRAME: "error",
    Reason.CORRUPT: "error",
    Reason.GAP: "error",
    Reason.LATE: "error",
    Reason.MODEL_CHANGE: "error",
    Reason.CONFLICT: "unknown",
    Reason.UNCERTAIN: "unknown",
    Reason.POPULATION: "not-applicable",
    Reason.PATIENT: "not-applicable",
    Reason.PAUSED: "not-permitted",
}
"""HL7's reason for each of ours; those of detect and binding, not listed, are "not-performed"."""


def absent(reason: Reason | None) -> dict[str, Any]:
    """dataAbsentReason: HL7's code first, ours second; None (nothing known): "unknown"."""
    if reason is None:
        return {"coding": [{"system": ABSENT, "code": "unknown"}]}
    general = ABSENT_CODE.get(reason, "not-performed")
    return {"coding": [{"system": ABSENT, "code": general}, terms.REASON.coding(reason.value)]}
