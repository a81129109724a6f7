"""Codes of resources: which observations are scores, which substances still a face. Pure."""

from __future__ import annotations

from wince.fhir.answer import part, parts, text
from wince.fhir.invariants import Resource


def codings(concept: object) -> list[str]:
    """The "system|code" of a CodeableConcept."""
    return [f"{text(one, 'system')}|{text(one, 'code')}" for one in parts(concept, "coding") if text(one, "code")]


def substance(resource: Resource, medications: dict[str, Resource]) -> list[str]:
    """Codes of what was given or ordered: of the concept, or of the Medication that it names (contained, or in `medications` by place)."""
    found = codings(part(resource, "medicationCodeableConcept"))
    reference = text(part(resource, "medicationReference"), "reference")
    named = next((one for one in parts(resource, "contained") if reference == f"#{text(one, 'id')}"), None) or medications.get(reference)
    return found + codings(part(named, "code")) if named else found
