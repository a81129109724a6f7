"""By what a resource on a server is known as the entry that we wrote, and how far it has come."""

from __future__ import annotations

from typing import Any

from wince.delivery.interface import Answer, Outcome
from wince.delivery.terms import INPUT
from wince.fhir.answer import part, parts, place, text
from wince.fhir.invariants import Resource, parse_time

_RANK = {
    "Observation": {"registered": 0, "preliminary": 1, "final": 2, "amended": 3, "corrected": 3, "cancelled": 4, "entered-in-error": 4},
    "CommunicationRequest": {"active": 0, "completed": 2, "revoked": 2, "entered-in-error": 2},
    "Task": {"requested": 0, "completed": 2, "cancelled": 2, "failed": 2, "rejected": 2, "entered-in-error": 2},
}
"""How far a resource has come; one that stands further than ours is never taken back. Other Task states: 1."""
_WITHDRAWN = "withdrawn"


def core(resource: Resource) -> tuple[Any, ...]:
    """What never changes between the revisions of an entry, as far as servers keep it: by this a resource is known as ours.

    Times to the second: a server may write them in another zone, or without fractions.
    """
    period = part(resource, "effectivePeriod") or part(resource, "executionPeriod") or _asked_about(resource)
    person = part(resource, "subject") or part(resource, "for")
    return (
        [_codes(resource, name) for name in ("code", "dataAbsentReason", "valueCodeableConcept", "reasonCode")],
        part(resource, "valueQuantity").get("value"),
        _second(text(period, "start")),
        _second(text(period, "end")),
        place(text(person, "reference")),
    )


def rank(resource: Resource) -> int:
    """See _RANK."""
    return _RANK.get(text(resource, "resourceType"), {}).get(text(resource, "status"), 1)


def _codes(resource: Resource, name: str) -> list[tuple[str, str]] | None:
    concept = part(resource, name)
    return [(text(coding, "system"), text(coding, "code")) for coding in parts(concept, "coding")] if concept else None


def _second(moment: str) -> object:
    at = parse_time(moment)
    return int(at.timestamp()) if at else moment


def _asked_about(resource: Resource) -> Resource:
    """The stretch that a Task is about; of what has one moment, that."""
    if moment := text(resource, "effectiveDateTime"):
        return {"end": moment}
    for given in parts(resource, "input"):
        if any(coding.get("system") == INPUT.url for coding in parts(part(given, "type"), "coding")):
            return part(given, "valuePeriod")
    return {}


def by_hand(resource: Resource, location: str, version: str) -> Answer:
    """What is to be done at a server that takes nothing back. `version` keeps that a person was asked to withdraw it."""
    if text(resource, "status") == "entered-in-error":
        return Answer(Outcome.BY_HAND, f"withdraw {location} there: it is in error", location, _WITHDRAWN)
    if version == _WITHDRAWN:
        return Answer(Outcome.BY_HAND, f"restore {location} there: it was right after all", location)
    return Answer(Outcome.WRITTEN, "stands there as it is", location, version)


def differences(ours: Resource, there: Resource, patient: str) -> tuple[str, ...]:
    """Elements of a resource on the server that are not as we wrote them. `patient`: Patient/id of whom it is about.

    A status that stands further than ours is a person's doing there, and told like any other.
    """
    person = part(there, "subject") or part(there, "for")
    found = {
        "status": text(there, "status") != text(ours, "status"),
        "value": any(_value(ours, name) != _value(there, name) for name in _VALUES),
        "subject": place(text(person, "reference")) != patient,
    }
    return tuple(name for name, differs in found.items() if differs)


_VALUES = ("valueQuantity", "valueCodeableConcept", "dataAbsentReason")


def _value(resource: Resource, name: str) -> object:
    return part(resource, name).get("value") if name == "valueQuantity" else _codes(resource, name)
