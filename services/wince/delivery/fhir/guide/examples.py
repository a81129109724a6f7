"""One entry of every kind, made up and always the same: examples of the package and of the pages. Nobody real is meant."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from wince.delivery.fhir.audit import Deed, audit_event
from wince.delivery.fhir.bundle import bundle
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.profiles.profile import R4, Writing
from wince.delivery.fhir.resolve import link
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import make
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.fhir.invariants import Resource
from wince.protocols.rules import ClinicalProtocol
from wince.version import VERSION

_SPACE = UUID("5a1d9a52-4d5e-5b52-8a0c-0f8f2f3f6a10")
_START = 1_700_000_040_000_000
_PATIENT, _VISIT = Identifier("urn:wince:authority:EXAMPLE", "4711"), Identifier("urn:wince:authority:EXAMPLE", "V-9")


def entries(protocol: ClinicalProtocol) -> dict[str, Entry | TaskEntry]:
    """By name, of a protocol with a scale of scores."""
    names = [band.name for band in protocol.scale.grades]
    alert = names.index(protocol.grade.alert.grade)
    score = protocol.scale.grades[alert].min
    grade = Entry(
        id=make(_SPACE, "grade"),
        revision=1,
        kind=Kind.GRADE,
        origin=make(_SPACE, "assessment"),
        assessment=make(_SPACE, "assessment"),
        source="camera-1",
        bed="ICU^101^A",
        stay=make(_SPACE, "stay"),
        patient=_PATIENT,
        encounter=_VISIT,
        protocol=protocol.name,
        start_us=_START,
        end_us=_START + 60_000_000,
        issued_us=_START + 61_500_000,
        grade=0,
        grade_name=names[0],
        score=protocol.scale.low,
        median=protocol.scale.low,
        peak=protocol.scale.low,
        assessable_share=0.91,
        confidence=0.8,
        reason=None,
        units=(1.0, None, 2.0, None, 0.5, 0.0),
        personal=False,
        model_set="ab" * 32,
        rule="cd" * 32,
        status="preliminary",
    )
    nothing = replace(
        grade,
        grade=None,
        grade_name="",
        score=None,
        median=None,
        peak=None,
        confidence=None,
        assessable_share=0.0,
        units=(),
        reason=Reason.DARK,
    )
    high = replace(grade, grade=alert, grade_name=names[alert], score=score, peak=score)
    nurse = replace(high, nurse="N-17", status="final", median=None, peak=None, confidence=None, units=(), kind=Kind.VERDICT)
    question = TaskEntry(
        id=make(_SPACE, "question"),
        revision=1,
        source=grade.source,
        bed=grade.bed,
        stay=grade.stay,
        patient=_PATIENT,
        encounter=_VISIT,
        protocol=protocol.name,
        start_us=_START,
        end_us=grade.end_us,
        issued_us=grade.issued_us,
        reason=Reason.CONFLICT,
        focus=grade.id,
        status="requested",
        asked_us=grade.issued_us,
    )
    made: dict[str, Entry | TaskEntry] = {
        "grade": grade,
        "alert": replace(high, kind=Kind.ALERT, alerts=1),
        "summary": replace(grade, kind=Kind.SUMMARY, units=(), alerts=2),
        "unassessable": replace(nothing, kind=Kind.UNASSESSABLE),
        "assessable": replace(grade, kind=Kind.ASSESSABLE, personal=True),
        "verdict": nurse,
        "verdict-unknown": replace(nurse, grade=None, grade_name="", score=None, assessable_share=0.0),
        "confirmed": replace(high, revision=2, status="final", nurse="N-17"),
        "withdrawn": replace(high, revision=2, status="entered-in-error"),
        "question": question,
        "answered": replace(question, revision=2, status="completed"),
    }
    return {name: replace(one, id=make(_SPACE, name)) for name, one in made.items()}


def examples(protocols: dict[str, ClinicalProtocol], name: str = "activity", writing: Writing | None = None) -> dict[str, Resource]:
    """Every resource of every kind of entry as it would stand on a server, by its id there."""
    software = Software(VERSION, "ward-7", "https://ehr.example/fhir", writing or Writing(R4, names_profiles=True))
    known = {"Patient": "Patient/example", "Encounter": "Encounter/example"}
    found: dict[str, Resource] = {}
    for title, item in entries(protocols[name]).items():
        if not software.writing.takes(item):
            continue
        parts = bundle(item, protocols, software)["entry"]
        for part in parts:
            kind = part["resource"]["resourceType"]
            known[part["fullUrl"]] = f"{kind}/{part['resource'].get('id', f'example-{title}')}"
        for part in parts:
            resource = part["resource"]
            identity = known[part["fullUrl"]].split("/")[1]
            found[f"{resource['resourceType']}-{identity}"] = {**link(resource, known), "id": identity}
    if "AuditEvent" in software.writing.profile.beside:
        found |= {f"AuditEvent-{deed.id}": audit_event(deed, software) for deed in deeds()}
    return found


def deeds() -> list[Deed]:
    """Interactions of each kind, a failed one among them."""
    place, patient = "Observation/example-grade", "Patient/example"
    identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{make(_SPACE, 'grade')}"}
    at_us, request = _START + 62_000_000, str(make(_SPACE, "request"))
    query = "Patient?identifier=urn:wince:authority:EXAMPLE|4711"
    return [
        Deed(make(_SPACE, "created"), "create", "Observation", at_us, place=place, patient=patient, request=request),
        Deed(make(_SPACE, "updated"), "update", "Observation", at_us, place=place, patient=patient, request=request),
        Deed(make(_SPACE, "searched"), "search-type", "Patient", at_us, patient=patient, query=query),
        Deed(make(_SPACE, "failed"), "create", "Observation", at_us, "8", "422 invariant", "", identifier, patient, "", request),
    ]
