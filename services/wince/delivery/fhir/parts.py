"""What every resource is built from: times, ids, references."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from wince.delivery import terms
from wince.delivery.fhir import codes
from wince.delivery.fhir.profiles.profile import R4, Writing
from wince.domain.stay import Identifier


@dataclass(frozen=True, slots=True)
class Software:
    """Who made the entries: the sender of every resource."""

    version: str
    """Wince's version."""
    site: str
    """Names this installation in audit events; no patient data."""
    server: str
    """Base URL of the FHIR server that the entries go to."""
    writing: Writing = field(default_factory=lambda: Writing(R4))
    """How entries are written there."""


def instant(time_us: int) -> str:
    """Microseconds UTC as a FHIR instant, milliseconds kept.

    >>> instant(1_700_000_000_123_456)
    '2023-11-14T22:13:20.123Z'
    """
    whole, rest = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:03d}Z"


def urn(identity: UUID) -> str:
    """An id as URI."""
    return f"urn:uuid:{identity}"


def uri_identifier(identity: UUID) -> dict[str, str]:
    """The identifier by which a resource is found again."""
    return {"system": codes.URI, "value": urn(identity)}


def logical(kind: str, identifier: Identifier) -> dict[str, Any]:
    """A reference by business identifier, to be resolved at delivery."""
    return {"type": kind, "identifier": {"system": identifier.system, "value": identifier.value}}


def installation(software: Software) -> dict[str, Any]:
    """This installation of Wince as a Device, by reference."""
    return {
        "type": "Device",
        "identifier": {"system": codes.INSTALLATION_SYSTEM, "value": software.site},
        "display": f"Wince {software.version} at {software.site}",
    }


def labelled(software: Software, structure: str, *, by_software: bool) -> dict[str, Any]:
    """Resource.meta as a dict of one key, or none: what said it, and which of our profiles it keeps.

    `structure`: id of the profile. AIAST stands in our own system: HL7's v3-ObservationValue of R4's year has it not, and a server that
    validates refuses it there (HAPI: 422).
    """
    meta: dict[str, Any] = {}
    if software.writing.names_profiles:
        meta["profile"] = [structure_url(structure)]
    if by_software:
        label = terms.LABEL.coding("AIAST")
        meta["security"] = [{**label, "system": codes.OBSERVATION_VALUE} if software.writing.hl7_label else label]
    return {"meta": meta} if meta else {}


def structure_url(structure: str) -> str:
    """Canonical URL of a profile or extension of ours.

    >>> structure_url("observation")
    'urn:wince:structure:observation'
    """
    return f"urn:wince:structure:{structure}"
