"""What is charted, as FHIR R4 resources: pure, plain dicts, checked against the invariants at once and, as text, against R4's classes.

One entry becomes one Bundle of type collection, the thing itself first:

    Entry      Observation, [Device], [CommunicationRequest], [Provenance]   (Device: what the model saw; a verdict has none)
    TaskEntry  Task

What of it a server gets is its write profile's word (`profiles/`). AuditEvents say when something happened at the server, so they are
made at delivery (`audit`).

The Bundle is what the outbox stores and the audit chain digests. Inside it, resources point to each other by urn:uuid and to
patient, encounter and nurse by identifier; the target knows the server's ids and puts them in when it delivers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from wince.delivery.fhir.communication import communication
from wince.delivery.fhir.context import device, provenance
from wince.delivery.fhir.observation import observation
from wince.delivery.fhir.parts import Software, instant, urn
from wince.delivery.fhir.task import task
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import device_id, related_id
from wince.errors import MessageError
from wince.fhir.classes import Forms, load
from wince.fhir.invariants import Resource, check, demand
from wince.protocols.rules import ClinicalProtocol

_FORMS = Forms()


def prepare() -> None:
    """Import the classes of what is written here, so that the first entry does not wait for them; see `classes.load`."""
    load("Observation", "Device", "Provenance", "AuditEvent", "Task", "CommunicationRequest")


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
    rest: list[tuple[UUID, Resource]] = []
    if isinstance(item, TaskEntry):
        main = task(item, software)
    else:
        if item.protocol not in protocols:
            raise MessageError("this protocol is not loaded", field="protocol", remedy="load its file, or set WINCE_PROTOCOL_DIR")
        protocol, profile = protocols[item.protocol], software.writing.profile
        main = observation(item, protocol, software)
        if item.kind is not Kind.VERDICT and "Device" in profile.beside:
            rest.append((device_id(item.model_set, software.version), device(item.model_set, software)))
        if item.kind is Kind.ALERT and profile.alerts:
            rest.append((related_id(item.id, 1, "communication"), communication(item, protocol, software)))
        if "Provenance" in profile.beside:
            rest.append((related_id(item.id, item.revision, "provenance"), provenance(item, software)))
    parts = [(item.id, main), *rest]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:wince:revision", "value": f"{item.id}|{item.revision}"},
        "timestamp": instant(item.issued_us),
        "entry": [{"fullUrl": urn(identity), "resource": check(resource)} for identity, resource in parts],
    }
