"""Delivery into HAPI FHIR, a server that stores by itself: FhirTarget against a bare HTTP loop that sends the same bodies.

Needs a JDK and Maven. Without them the figure is left out, with the reason.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.delivery import MRN, VISIT, compare, row
from wince.fhir.client import FhirClient
from wince.testing.peers import HapiPeer, available

ENTRIES, ROUNDS = 60, 6


def run() -> dict[str, Any]:
    """Observations a second."""
    if reason := available():
        return {"title": "Delivery into HAPI FHIR", "rows": [], "unmeasurable": reason}
    with tempfile.TemporaryDirectory() as directory, HapiPeer(Path(directory)) as hapi:
        _seed(hapi.base_url)
        return {"title": "Delivery into HAPI FHIR", "rows": [row("HAPI FHIR", compare(hapi.base_url, entries=ENTRIES, rounds=ROUNDS))]}


def _seed(base_url: str) -> None:
    """Patient and visit, and what the bare loop's references point to."""
    seeds: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "bench", "identifier": [{"system": MRN.system, "value": MRN.value}]},
        {
            "resourceType": "Encounter",
            "id": "bench-visit",
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "identifier": [{"system": VISIT.system, "value": VISIT.value}],
            "subject": {"reference": "Patient/bench"},
        },
        {"resourceType": "Observation", "id": str(UUID(int=1)), "status": "final", "code": {"text": "a target of references"}},
    ]
    with FhirClient(base_url, timeout_s=120) as client:
        for resource in seeds:
            answer = client.request("PUT", f"{resource['resourceType']}/{resource['id']}", body=json.dumps(resource).encode())
            if answer.status not in (200, 201):
                raise RuntimeError(answer.summary())
