"""What stands beside an Observation: the Device that saw it, the Provenance that says how it came to be, the AuditEvent of writing it."""

from __future__ import annotations

from wince.delivery.fhir import codes
from wince.delivery.fhir.parts import Software, instant, logical, uri_identifier, urn
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import device_id, related_id
from wince.domain.stay import Identifier
from wince.fhir.invariants import Resource

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def device(model_set: str, software: Software) -> Resource:
    """The software as a Device, with the hash of its models: what Observation.device points to."""
    identity = device_id(model_set, software.version)
    return {
        "resourceType": "Device",
        "id": str(identity),
        "identifier": [uri_identifier(identity)],
        "status": "active",
        "manufacturer": "Wince",
        "deviceName": [{"name": "Wince: pain from the face on video", "type": "user-friendly-name"}],
        "type": {"text": "Software that estimates pain from the face on video"},
        "version": [
            {"type": {"text": "software"}, "value": software.version},
            {"type": {"text": "model set, sha256"}, "value": model_set or "none"},
        ],
        "note": [{"text": codes.LABEL}],
    }


def provenance(entry: Entry, software: Software) -> Resource:
    """How one revision of an entry came to be: who, from which assessment, by which rules."""
    own = entry.kind is Kind.VERDICT
    agents: list[Resource] = []
    if not own:
        agents.append(_who("assembler", {"reference": urn(device_id(entry.model_set, software.version))}))
    if entry.nurse:
        agents.append(_who("author" if own else "verifier", logical("Practitioner", Identifier(codes.STAFF_SYSTEM, entry.nurse))))
    resource: Resource = {
        "resourceType": "Provenance",
        "id": str(related_id(entry.id, entry.revision, "provenance")),
        "target": [{"reference": urn(entry.id)}],
        "occurredPeriod": {"start": instant(entry.start_us), "end": instant(entry.end_us)},
        "recorded": instant(entry.issued_us),
        "activity": {"coding": [{"system": _OPERATION, "code": "CREATE" if entry.revision == 1 else "UPDATE"}]},
        "agent": agents,
        "entity": [
            {
                "role": "source",
                "what": {"identifier": {"system": codes.ASSESSMENT_SYSTEM, "value": str(entry.assessment)}},
            }
        ],
    }
    if entry.rule:
        resource["policy"] = [f"urn:wince:rule:sha256:{entry.rule}"]
    return resource


def _who(role: str, who: Resource) -> Resource:
    return {"type": {"coding": [{"system": _PARTICIPANT, "code": role}]}, "who": who}


def audit_event(entry: Entry | TaskEntry, kind: str, software: Software) -> Resource:
    """That an Observation or Task was written for a patient: the shape of IHE BALP's PatientCreate and PatientUpdate.

    Needs a patient. `kind`: the type of the resource that was written.
    """
    patient = entry.patient
    assert patient is not None
    first = entry.revision == 1
    return {
        "resourceType": "AuditEvent",
        "id": str(related_id(entry.id, entry.revision, "audit")),
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "create" if first else "update"}],
        "action": "C" if first else "U",
        "recorded": instant(entry.issued_us),
        "outcome": "0",
        "agent": [
            _agent("110153", "Source Role ID", f"Wince at {software.site}", {"address": software.site, "type": "1"}, requestor=True),
            _agent("110152", "Destination Role ID", "FHIR server", {"address": software.server, "type": "5"}, requestor=False),
        ],
        "source": {"site": software.site, "observer": {"display": f"Wince {software.version} at {software.site}"}},
        "entity": [
            _entity("2", "System Object", "4", "Domain Resource", {"reference": urn(entry.id), "type": kind}),
            _entity("1", "Person", "1", "Patient", logical("Patient", patient)),
            {
                "type": {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"},
                "what": {"identifier": {"value": str(related_id(entry.id, entry.revision, "request"))}},
            },
        ],
    }


def _agent(code: str, display: str, name: str, network: Resource, *, requestor: bool) -> Resource:
    return {
        "type": {"coding": [{"system": _DCM, "code": code, "display": display}]},
        "who": {"display": name},
        "requestor": requestor,
        "network": network,
    }


def _entity(code: str, display: str, role: str, role_display: str, what: Resource) -> Resource:
    return {
        "type": {"system": _ENTITY, "code": code, "display": display},
        "role": {"system": _ROLE, "code": role, "display": role_display},
        "what": what,
    }
