"""The Observation of an entry: a value, or the reason why there is none."""

from __future__ import annotations

import math

from wince.delivery import terms
from wince.delivery.fhir import codes
from wince.delivery.fhir.narrative import narrative
from wince.delivery.fhir.parts import Software, instant, labelled, logical, uri_identifier, urn
from wince.domain.entry import Entry, Kind
from wince.domain.estimate import UNITS
from wince.domain.ids import device_id
from wince.domain.stay import Identifier
from wince.errors import MessageError
from wince.fhir.invariants import Resource
from wince.protocols.rules import ClinicalProtocol


def observation(entry: Entry, protocol: ClinicalProtocol, software: Software) -> Resource:
    """The Observation of an entry: a value, or the reason why there is none, never both (obs-6); as the server's profile has it."""
    own, table, writing = entry.kind is Kind.VERDICT, protocol.codes, software.writing
    profile = writing.profile
    value = _value(entry, protocol)
    resource: Resource = {
        "resourceType": "Observation",
        **labelled(software, "nurse-observation" if own else "observation", by_software=not own),
        **({"text": _narrative(entry, protocol)} if profile.narrative else {}),
        **({"extension": _where(entry)} if profile.extensions else {}),
        "identifier": [uri_identifier(entry.id)],
        "status": writing.status(entry),
        "category": [
            {"coding": [{"system": codes.OBSERVATION_CATEGORY, "code": profile.category or table.category}]},
            terms.KIND.concept(entry.kind.value),
        ],
        "code": _code(protocol, software),
        "subject": logical("Patient", entry.patient),
        "encounter": logical("Encounter", entry.encounter),
        **_effective(entry, profile.effective),
        "issued": instant(entry.issued_us),
        "method": terms.METHOD.concept("nurse") if own else {**terms.METHOD.concept("face-video"), "text": table.method},
        **value,
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
        resource["identifier"].append({"system": codes.ASSESSMENT_SYSTEM, "value": str(entry.assessment)})
        resource["note"] = [{"text": protocol.report.label}]
        if entry.outranked:
            said = f"Outranked by what the patient, or a nurse, said of this time: {entry.outranked}"
            resource["note"].insert(0, {"text": said})
        _seen_by(resource, entry, software)
    if entry.grade is not None:
        resource["interpretation"] = [_interpretation(entry, protocol)]
    if "valueQuantity" in value and profile.ranges:
        resource["referenceRange"] = _ranges(protocol)
    if not own and profile.components and (parts := _components(entry, protocol)):
        resource["component"] = parts
    return resource


def _seen_by(resource: Resource, entry: Entry, software: Software) -> None:
    """The Device, as `device` and, since R4 allows none as performer, by the extension that says what is meant; the video it looked at."""
    profile = software.writing.profile
    if "Device" in profile.beside:
        device = {"reference": urn(device_id(entry.model_set, software.version))}
        resource["device"] = device
        if profile.extensions:
            meant = {"url": codes.ALTERNATE_REFERENCE, "valueReference": device}
            resource["performer"] = [{"extension": [meant], "display": f"Wince {software.version}"}]
    if profile.extensions:
        video = {"system": codes.CAMERA_SYSTEM, "value": entry.source}
        resource["derivedFrom"] = [{"type": "Media", "identifier": video, "display": "Video of the bed's camera; it is not kept"}]


def _where(entry: Entry) -> list[Resource]:
    places = ((codes.BED_EXTENSION, codes.BED_SYSTEM, entry.bed), (codes.CAMERA_EXTENSION, codes.CAMERA_SYSTEM, entry.source))
    return [{"url": url, "valueIdentifier": {"system": system, "value": value}} for url, system, value in places if value]


def _code(protocol: ClinicalProtocol, software: Software) -> Resource:
    """The protocol's own code and the site's; where the profile needs one of the site's, the site's first."""
    table, writing = protocol.codes, software.writing
    needed = writing.profile.code_system
    if needed and all(one.system != needed for one in writing.codes(protocol.name)):
        raise MessageError("the site gave this protocol no code that the EHR's profile needs", field="ehr_codes", remedy="name it there")
    ours = {"system": table.system, "code": table.code, "display": table.display}
    site: list[Resource] = [{"system": one.system, "code": one.code} for one in writing.codes(protocol.name)]
    for coding, one in zip(site, writing.codes(protocol.name), strict=True):
        if one.display:
            coding["display"] = one.display
    return {"coding": [*site, ours] if writing.profile.code_system else [ours, *site], "text": table.display}


def _effective(entry: Entry, form: str) -> Resource:
    if form == "end":
        return {"effectiveDateTime": instant(entry.end_us)}
    return {"effectivePeriod": {"start": instant(entry.start_us), "end": instant(entry.end_us)}}


def _narrative(entry: Entry, protocol: ClinicalProtocol) -> Resource:
    when = f"{instant(entry.start_us)} to {instant(entry.end_us)}"
    if entry.grade is None and entry.score is None:
        why = terms.REASON.words.get(entry.reason.value, ("unknown",))[0] if entry.reason else "unknown"
        said = f"{protocol.codes.display}: no value ({why})"
    else:
        number = "" if entry.score is None else f"{entry.score:.2f} on the scale {protocol.scale.low:g} to {protocol.scale.high:g}"
        said = f"{protocol.codes.display}: " + ", ".join(part for part in (entry.grade_name, number) if part)
    label = "Scored by a nurse." if entry.kind is Kind.VERDICT else protocol.report.label
    return narrative(f"{terms.KIND.words[entry.kind.value][0]}. {said}.", when, label)


def _value(entry: Entry, protocol: ClinicalProtocol) -> Resource:
    if entry.grade is None and entry.score is None:
        return {"dataAbsentReason": codes.absent(entry.reason)}
    if entry.score is not None:
        if not protocol.scale.low <= entry.score <= protocol.scale.high:
            raise MessageError("the score lies outside the protocol's scale", field="score")
        return {"valueQuantity": _score(entry.score, protocol)}
    return {"valueCodeableConcept": _grade(entry.grade, protocol)}


def _grade(grade: int | None, protocol: ClinicalProtocol) -> Resource:
    if grade is None or not 0 <= grade < len(protocol.scale.grades):
        raise MessageError("the grade is none of the protocol's", field="grade")
    name = protocol.scale.name_of(grade)
    code = protocol.codes.grades.get(name)
    coded = {"coding": [{"system": code.system, "code": code.code, "display": code.display}]} if code else {}
    return {**coded, "text": name}


def _interpretation(entry: Entry, protocol: ClinicalProtocol) -> Resource:
    """Our grade and, from the grade on that calls people, HL7's H (of a number) or A (of a grade alone).

    Never N (normal): a quiet face is no proof that there is no pain.
    """
    made = _grade(entry.grade, protocol)
    names = [band.name for band in protocol.scale.grades]
    if entry.grade is not None and entry.grade >= names.index(protocol.grade.alert.grade):
        code, display = ("A", "Abnormal") if entry.score is None else ("H", "High")
        made = {**made, "coding": [*made.get("coding", []), {"system": codes.INTERPRETATION, "code": code, "display": display}]}
    return made


def _ranges(protocol: ClinicalProtocol) -> list[Resource]:
    """The scale and its grades, each with a type: a range without one is a normal range (FHIR R4, Observation.referenceRange.type)."""
    scale = protocol.scale
    low, high = _score(scale.low, protocol), _score(scale.high, protocol)
    made: list[Resource] = [{"low": low, "high": high, "type": terms.RANGE.concept("scale"), "text": f"Range of the scale: {scale.name}"}]
    bands = scale.grades
    for place, band in enumerate(bands):
        above = bands[place + 1].min if place + 1 < len(bands) else None
        upper = "" if above is None else f", below {above:g}"
        made.append(
            {
                "low": _score(band.min, protocol),
                "high": _score(scale.high if above is None else above, protocol),
                "type": terms.RANGE.concept("grade"),
                "text": f"{band.name}: from {band.min:g}{upper}",
            }
        )
    return made


def _components(entry: Entry, protocol: ClinicalProtocol) -> list[Resource]:
    found: list[Resource] = []
    for name, number in (("median", entry.median), ("peak", entry.peak)):
        if number is not None:
            found.append({"code": terms.COMPONENT.concept(name), "valueQuantity": _score(number, protocol)})
    for name, number in (
        ("assessable-share", entry.assessable_share),
        ("confidence", entry.confidence),
        ("alerts", entry.alerts or None),
    ):
        if number is not None:
            found.append({"code": terms.COMPONENT.concept(name), "valueQuantity": _quantity(number, "1", "1")})
    for unit_name, level in zip(UNITS, entry.units, strict=False):
        value = {"valueQuantity": _quantity(level, "score", "{score}")} if level is not None else {"dataAbsentReason": _NOT_MEASURED}
        found.append({"code": terms.COMPONENT.concept(unit_name), **value})
    return found


_NOT_MEASURED = {"coding": [{"system": codes.ABSENT, "code": "not-performed"}], "text": "not measured by this scorer"}


def _score(number: float, protocol: ClinicalProtocol) -> Resource:
    """A number on the protocol's scale, in the unit that its [codes] names: `unit` for people, `unit_code` of UCUM."""
    return _quantity(number, protocol.codes.unit, protocol.codes.unit_code)


def _quantity(number: float, unit: str, code: str) -> Resource:
    if not math.isfinite(number):
        raise MessageError("a number is not finite", field="value")
    return {"value": round(float(number), 3), "unit": unit, "system": codes.UCUM, "code": code}
