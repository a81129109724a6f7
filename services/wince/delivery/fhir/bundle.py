"""What is charted, as FHIR R4 resources: pure, plain dicts, checked against the invariants at once and, as text, against R4's classes.

One entry becomes one Bundle of type collection, the thing itself first:

    Entry      Observation, [Device], Provenance, AuditEvent     (Device: what the model saw; a verdict has none)
    TaskEntry  Task, AuditEvent

The Bundle is what the outbox stores and the audit chain digests. Inside it, resources point to each other by urn:uuid and to
patient, encounter and nurse by identifier; the target knows the server's ids and puts them in when it delivers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from wince.delivery.fhir import codes
from wince.delivery.fhir.context import audit_event, device, provenance
from wince.delivery.fhir.observation import observation
from wince.delivery.fhir.parts import Software, instant, logical, uri_identifier, urn
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import device_id, related_id
from wince.errors import MessageError
from wince.fhir.classes import Forms, load
from wince.fhir.invariants import Resource, check, demand
from wince.protocols.rules import ClinicalProtocol

_FORMS = Forms()


def prepare() -> None:
    """Import the classes of what is written here, so that the first entry does not wait for them; see `classes.load`."""
    load("Observation", "Device", "Provenance", "AuditEvent", "Task")


def rendered(item: Entry | TaskEntry, protocols: Mapping[str, ClinicalProtocol], software: Software) -> str:
    """The Bundle as compact JSON: the bytes that are stored, digested by the audit chain and delivered. Raises as `bundle` does, and
    MessageError where a resource does not fit R4's class of it."""
    made = bundle(item, protocols, software)
    text = json.dumps(made, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    demand(_FORMS.misfits(text, (part["resource"] for part in made["entry"])))
    return text


def bundle(item: Entry | TaskEntry, protocols: Mapping[str, ClinicalProtocol], software: Software) -> Resource:
    """The Bundle of one entry or question. Raises MessageError where the protocol is unknown, a number is not finite or out of
    scale, a question has no patient, or an invariant does not hold."""
    if isinstance(item, TaskEntry):
        if item.patient is None or item.encounter is None:
            raise MessageError("a question without a patient is not delivered", field="patient", remedy="it stays in Wince's own worklist")
        main = task(item)
        rest = [(related_id(item.id, item.revision, "audit"), audit_event(item, "Task", software))]
    else:
        if item.protocol not in protocols:
            raise MessageError("this protocol is not loaded", field="protocol", remedy="load its file, or set WINCE_PROTOCOL_DIR")
        main = observation(item, protocols[item.protocol], software)
        rest = []
        if item.kind is not Kind.VERDICT:
            identity = device_id(item.model_set, software.version)
            rest.append((identity, device(item.model_set, software)))
        rest.append((related_id(item.id, item.revision, "provenance"), provenance(item, software)))
        rest.append((related_id(item.id, item.revision, "audit"), audit_event(item, "Observation", software)))
    parts = [(item.id, main), *rest]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:wince:revision", "value": f"{item.id}|{item.revision}"},
        "timestamp": instant(item.issued_us),
        "entry": [{"fullUrl": urn(identity), "resource": check(resource)} for identity, resource in parts],
    }


def task(entry: TaskEntry) -> Resource:
    """The Task of a question: a nurse looks, and answers with her own Observation. Needs patient and encounter."""
    if entry.patient is None or entry.encounter is None:
        raise MessageError("a question without a patient is not delivered", field="patient", remedy="it stays in Wince's own worklist")
    resource: Resource = {
        "resourceType": "Task",
        "identifier": [uri_identifier(entry.id)],
        "status": entry.status,
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [{"system": codes.TASK_SYSTEM, "code": "look", "display": "Look at the patient and score"}]},
        "description": "The software could not grade this stretch: please look at the patient and score.",
        "for": logical("Patient", entry.patient),
        "encounter": logical("Encounter", entry.encounter),
        "executionPeriod": {"start": instant(entry.start_us), "end": instant(entry.end_us)},
        "authoredOn": instant(entry.issued_us),
        "reasonCode": {"coding": [{"system": codes.REASON_SYSTEM, "code": entry.reason.value}]},
    }
    if entry.focus is not None:
        resource["focus"] = {"type": "Observation", "identifier": uri_identifier(entry.focus)}
    return resource
