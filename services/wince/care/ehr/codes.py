"""Codes of a site: which observations are scores, which substances still a face. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wince.fhir.answer import part, parts, text
from wince.fhir.invariants import Resource


def codings(concept: object) -> list[str]:
    """The "system|code" of a CodeableConcept."""
    return [f"{text(one, 'system')}|{text(one, 'code')}" for one in parts(concept, "coding") if text(one, "code")]


def listed(codes: Iterable[str], wanted: Sequence[str]) -> str:
    """The first of `codes` that is wanted; empty where none is. A wanted one that ends in * is the begin of a code, as in ATC.

    >>> listed(["http://www.whocc.no/atc|M03AC09"], ["http://www.whocc.no/atc|M03A*"])
    'http://www.whocc.no/atc|M03AC09'
    >>> listed(["http://www.whocc.no/atc|M03B"], ["http://www.whocc.no/atc|M03A*"])
    ''
    """
    for code in codes:
        for one in wanted:
            if code == one or (one.endswith("*") and code.startswith(one[:-1])):
                return code
    return ""


def substance(resource: Resource, medications: dict[str, Resource]) -> list[str]:
    """Codes of what was given or ordered: of the concept, or of the Medication that it names (contained, or in `medications` by place)."""
    found = codings(part(resource, "medicationCodeableConcept"))
    reference = text(part(resource, "medicationReference"), "reference")
    named = next((one for one in parts(resource, "contained") if reference == f"#{text(one, 'id')}"), None) or medications.get(reference)
    return found + codings(part(named, "code")) if named else found
