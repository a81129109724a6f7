"""A target of a FHIR server in memory whose answers are spoiled one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.contract.ehr.samples import PROTOCOLS
from tests.support.memory_ehr import BASE, MemoryEhr
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Answer
from wince.domain.entry import Entry
from wince.fhir.client import FhirClient


def target(ehr: MemoryEhr, **options: Any) -> FhirTarget:
    client = FhirClient(BASE, transport=httpx.MockTransport(ehr))
    return FhirTarget("ehr", client, PROTOCOLS, version="0.1.0", **options)


def once(effect: Callable[[httpx.Response], httpx.Response], method: str = "POST", kind: str = "Observation") -> Any:
    """The first such request is carried out, and its answer spoiled."""
    left = [1]

    def spoil(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if left and request.method == method and f"/{kind}" in request.url.path:
            left.pop()
            return effect(answer)
        return answer

    return spoil


def audited(ehr: MemoryEhr) -> list[dict[str, Any]]:
    """AuditEvents of what was created; those of searches and failures stand beside them."""
    return [event for event in ehr.of("AuditEvent") if event["outcome"] == "0" and event["subtype"][0]["code"] == "create"]


def deliver(made: FhirTarget, item: Entry, **options: Any) -> Answer:
    return made.deliver(made.render(item), **options)
