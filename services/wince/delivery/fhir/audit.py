"""AuditEvents: what Wince did at a FHIR server, in the shape of IHE BALP (PatientCreate, PatientUpdate, PatientQuery, Query). Pure.

BALP's profiles are those of success. A failure follows the same pattern with another outcome and what the server answered (status and
codes, no free text: it may name a patient). `recorded` is when it happened, not when the entry was made.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from wince.delivery.fhir.parts import Software, installation, instant, labelled
from wince.fhir.invariants import Resource

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_REST = "http://hl7.org/fhir/restful-interaction"
_BALP = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_ACTIONS = {"create": "C", "update": "U", "search-type": "E"}
SUCCESS, MINOR, SERIOUS = "0", "4", "8"
"""AuditEvent.outcome: done; to be tried again; refused for good."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One interaction with the server."""

    id: UUID
    """Of the AuditEvent."""
    what: str
    """create, update or search-type (http://hl7.org/fhir/restful-interaction)."""
    kind: str
    """Type of the resource, such as "Observation"."""
    at_us: int
    """When it was answered, microseconds UTC."""
    outcome: str = SUCCESS
    detail: str = ""
    """Status and codes of a failure; no PHI."""
    place: str = ""
    """Type/id of what was written; empty: nothing was."""
    identifier: Resource | None = None
    """Identifier of what was to be written, where it has no place."""
    patient: str = ""
    """Patient/id, as the server has it; empty: not known yet."""
    query: str = ""
    """Of a search: path and parameters as they were sent."""
    request: str = ""
    """X-Request-Id; empty: none was sent."""


def audit_event(deed: Deed, software: Software) -> Resource:
    """The AuditEvent of a deed."""
    entities: list[Resource] = []
    if deed.query:
        entities.append({**_entity("2", "System Object", "24", "Query"), "query": b64encode(deed.query.encode()).decode()})
    elif deed.place:
        entities.append({**_entity("2", "System Object", "4", "Domain Resource"), "what": {"reference": deed.place, "type": deed.kind}})
    elif deed.identifier is not None:
        what = {"type": deed.kind, "identifier": deed.identifier}
        entities.append({**_entity("2", "System Object", "4", "Domain Resource"), "what": what})
    if deed.patient:
        entities.append({**_entity("1", "Person", "1", "Patient"), "what": {"reference": deed.patient, "type": "Patient"}})
    if deed.request:
        entities.append({"type": {"system": _BALP, "code": "XrequestId"}, "what": {"identifier": {"value": deed.request}}})
    server = urlsplit(software.server).hostname or software.server
    return {
        "resourceType": "AuditEvent",
        "id": str(deed.id),
        **labelled(software, "audit-event", by_software=False),
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": _REST, "code": deed.what, "display": deed.what}],
        "action": _ACTIONS[deed.what],
        "recorded": instant(deed.at_us),
        "outcome": deed.outcome,
        **({"outcomeDesc": deed.detail} if deed.detail else {}),
        "agent": [
            _agent("110153", "Source Role ID", installation(software), {"address": software.site, "type": "1"}, requestor=True),
            _agent("110152", "Destination Role ID", {"display": software.server}, {"address": server, "type": "1"}, requestor=False),
        ],
        "source": {"site": software.site, "observer": installation(software)},
        "entity": entities,
    }


def _agent(code: str, display: str, who: Resource, network: Resource, *, requestor: bool) -> Resource:
    return {
        "type": {"coding": [{"system": _DCM, "code": code, "display": display}]},
        "who": who,
        "requestor": requestor,
        "network": network,
    }


def _entity(code: str, display: str, role: str, role_display: str) -> Resource:
    return {
        "type": {"system": _ENTITY, "code": code, "display": display},
        "role": {"system": _ROLE, "code": role, "display": role_display},
    }
