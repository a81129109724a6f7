"""By what a resource on a server is known as the entry that we wrote, and how far it has come."""

from __future__ import annotations

from typing import Any

from wince.fhir.answer import part, parts, place, text
from wince.fhir.invariants import Resource, parse_time

_RANK = {
    "Observation": {"registered": 0, "preliminary": 1, "final": 2, "amended": 3, "corrected": 3, "cancelled": 4, "entered-in-error": 4},
    "Task": {"requested": 0, "completed": 2, "cancelled": 2, "failed": 2, "rejected": 2, "entered-in-error": 2},
}
"""How far a resource has come; one that stands further than ours is never taken back. Other Task states: 1."""


def core(resource: Resource) -> tuple[Any, ...]:
    """What never changes between the revisions of an entry, as far as servers keep it: by this a resource is known as ours.

    Times to the second: a server may write them in another zone, or without fractions.
    """
    period = part(resource, "effectivePeriod") or part(resource, "executionPeriod")
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
