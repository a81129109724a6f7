"""What stands beside an Observation: the Device that saw it, and the Provenance that says how it came to be."""

from __future__ import annotations

from wince.delivery.fhir import codes
from wince.delivery.fhir.parts import Software, installation, instant, labelled, logical, uri_identifier, urn
from wince.domain.entry import Entry, Kind
from wince.domain.ids import device_id, related_id
from wince.domain.stay import Identifier
from wince.fhir.invariants import Resource

_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def device(model_set: str, software: Software) -> Resource:
    """The software as a Device, with the hash of its models: what Observation.device points to."""
    identity = device_id(model_set, software.version)
    return {
        "resourceType": "Device",
        "id": str(identity),
        **labelled(software, "device", by_software=False),
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
    """How one revision of an entry came to be: who, from which assessment, by which rules. Delivery makes the target a versioned one."""
    own = entry.kind is Kind.VERDICT
    agents: list[Resource] = []
    if not own:
        written = "Device" in software.writing.profile.beside
        who = {"reference": urn(device_id(entry.model_set, software.version))} if written else installation(software)
        agents.append(_who("assembler", who))
    if entry.nurse:
        agents.append(_who("author" if own else "verifier", logical("Practitioner", Identifier(codes.STAFF_SYSTEM, entry.nurse))))
    resource: Resource = {
        "resourceType": "Provenance",
        "id": str(related_id(entry.id, entry.revision, "provenance")),
        **labelled(software, "provenance", by_software=not own),
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
