"""The CommunicationRequest of an alert: people are to be told, and about what. It stands beside the Observation of the alert."""

from __future__ import annotations

from wince.delivery import terms
from wince.delivery.fhir.narrative import narrative
from wince.delivery.fhir.parts import Software, installation, instant, labelled, logical, uri_identifier, urn
from wince.domain.entry import Entry
from wince.domain.ids import related_id
from wince.fhir.invariants import Resource, parse_time
from wince.protocols.rules import ClinicalProtocol

UNCALLED = "nobody called: the alert is too old"
"""What the audit trail says of an alert whose CommunicationRequest was left out."""
_CATEGORY = "http://terminology.hl7.org/CodeSystem/communication-category"


def communication(entry: Entry, protocol: ClinicalProtocol, software: Software) -> Resource:
    """The CommunicationRequest of an ALERT entry; one for all its revisions. Active until a nurse confirmed the alert (completed) or it
    was withdrawn (entered-in-error). Where the site names who answers questions, that team is the recipient."""
    identity = related_id(entry.id, 1, "communication")
    said = f"{protocol.codes.display}: {entry.grade_name}. {protocol.report.label}"
    status = "entered-in-error" if entry.status == "entered-in-error" else "completed" if entry.nurse else "active"
    about = {"reference": urn(entry.id)}
    profile, owner = software.writing.profile, software.writing.owner
    return {
        "resourceType": "CommunicationRequest",
        "id": str(identity),
        **labelled(software, "alert", by_software=True),
        **({"text": narrative(f"Alert. {said}")} if profile.narrative else {}),
        "identifier": [uri_identifier(identity)],
        "status": status,
        "category": [{"coding": [{"system": _CATEGORY, "code": "alert", "display": "Alert"}]}, terms.ALERT.concept("alert")],
        "priority": "urgent",
        "subject": logical("Patient", entry.patient),
        "about": [about],
        "encounter": logical("Encounter", entry.encounter),
        "payload": [{"contentString": said}, {"contentReference": about}],
        "authoredOn": instant(entry.end_us),
        "requester": installation(software),
        **({} if owner is None else {"recipient": [logical("CareTeam", owner)]}),
        "sender": installation(software),
    }


def too_late(resource: Resource, now_us: int, call_s: float) -> bool:
    """Whether it is an active call about an alert that ended more than `call_s` seconds before `now_us`: charted late, or delivered
    late. It must call nobody. What completes or takes back a call that was sent is never too late."""
    if resource["resourceType"] != "CommunicationRequest" or resource["status"] != "active":
        return False
    ended = parse_time(resource["authoredOn"])
    return ended is not None and now_us / 1e6 - ended.timestamp() > call_s
