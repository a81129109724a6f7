"""What every resource is built from: times, ids, references."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from wince.delivery.fhir import codes
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
