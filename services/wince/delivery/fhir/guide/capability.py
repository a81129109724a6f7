"""CapabilityStatements: what Wince, as a client, needs of a server under each write profile."""

from __future__ import annotations

from wince.delivery.fhir.guide.common import conformance
from wince.delivery.fhir.parts import structure_url
from wince.delivery.fhir.profiles.profile import NAMES, WriteProfile, load
from wince.fhir.invariants import Resource

_SUPPORTED = {
    "Observation": ("observation", "nurse-observation"),
    "Task": ("question",),
    "CommunicationRequest": ("alert",),
    "Device": ("device",),
    "Provenance": ("provenance",),
    "AuditEvent": ("audit-event",),
}
_WANTED = {"Device": ("update",), "Provenance": ("update",), "AuditEvent": ("update", "read"), "CommunicationRequest": ("update",)}


def capabilities() -> list[Resource]:
    """One for each write profile."""
    return [_capability(load(name)) for name in NAMES]


def needed(profile: WriteProfile) -> dict[str, list[str]]:
    """Interactions that a server must offer, by type."""
    found: dict[str, list[str]] = {}
    wanted = [*profile.needs, *(f"Task.{one}" for one in ("create", "read", "update") if profile.questions)]
    for kind, _, interaction in (one.partition(".") for one in wanted):
        found.setdefault(kind, []).append(interaction)
    return found


def _capability(profile: WriteProfile) -> Resource:
    must, resources = needed(profile), []
    may = {kind: list(_WANTED[kind]) for kind in [*profile.beside, *(["CommunicationRequest"] if profile.alerts else [])]}
    for kind in sorted({*must, *may}):
        interactions = [_interaction(one, "SHALL") for one in must.get(kind, [])]
        interactions += [_interaction(one, "SHOULD") for one in may.get(kind, [])]
        supported = [structure_url(one) for one in _SUPPORTED.get(kind, ())]
        resources.append(
            {
                "type": kind,
                **({"supportedProfile": supported} if supported else {}),
                "interaction": interactions,
                **({"conditionalCreate": not profile.searches_first} if kind in ("Observation", "Task") else {}),
                **({"updateCreate": True} if kind in may else {}),
                **(
                    {"searchParam": [{"name": "identifier", "type": "token"}]}
                    if "search-type" in must.get(kind, []) or kind == "Observation"
                    else {}
                ),
            }
        )
    return {
        **conformance(
            "CapabilityStatement",
            f"urn:wince:capability:{profile.name}",
            f"Wince{profile.name.capitalize()}Client",
            f"Needed of: {profile.title}",
        ),
        "kind": "requirements",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "client",
                "security": {"description": "SMART Backend Services (private_key_jwt), or none where the site says so."},
                "resource": resources,
            }
        ],
    }


def _interaction(code: str, strength: str) -> Resource:
    expectation = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation"
    return {"extension": [{"url": expectation, "valueCode": strength}], "code": code}
