"""Code systems that the FHIR mapping writes beside those of the protocol's [codes] table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wince.domain.reason import Reason

UCUM = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
URI = "urn:ietf:rfc:3986"
"""Identifier system of URIs such as urn:uuid:<entry id>."""

REASON_SYSTEM = "urn:wince:reason"
"""Codes are the values of `domain.reason.Reason`."""
COMPONENT_SYSTEM = "urn:wince:component"
"""Codes: median, peak, assessable-share, confidence, alerts, au4, au6, au7, au9, au10, au43."""
KIND_SYSTEM = "urn:wince:entry-kind"
"""Codes are the values of `domain.entry.Kind`."""
ASSESSMENT_SYSTEM = "urn:wince:assessment"
"""Identifier system of assessment ids."""
STAFF_SYSTEM = "urn:wince:staff"
"""Identifier system of a nurse's staff identifier, where the site names no other."""
TASK_SYSTEM = "urn:wince:task"
"""Code: look (a nurse is asked to look at the patient)."""
METHOD_SYSTEM = "urn:wince:method"
"""Codes: face-video (software looked), nurse (a nurse's own score)."""

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
    return {"coding": [{"system": ABSENT, "code": general}, {"system": REASON_SYSTEM, "code": reason.value}]}
