"""What every conformance resource of ours says of itself."""

from __future__ import annotations

from wince.fhir.invariants import Resource
from wince.version import VERSION

PUBLISHER = "Wince"
DATE = "2026-11-30"
"""When these definitions last changed; a constant, so that a package of one version is the same bytes everywhere."""


def conformance(kind: str, url: str, name: str, title: str) -> Resource:
    """The first elements of a conformance resource; its id is the end of its URL."""
    return {
        "resourceType": kind,
        "id": url.removeprefix("urn:wince:").replace(":", "-"),
        "url": url,
        "version": VERSION,
        "name": name,
        "title": title,
        "status": "draft",
        "experimental": True,
        "date": DATE,
        "publisher": PUBLISHER,
        "description": title + ".",
    }
