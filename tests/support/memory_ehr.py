"""A FHIR server in memory, behind httpx's transport: quick enough for thousands of cases, and spoiled at will."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from wince.domain.stay import Identifier

BASE = "https://ehr.example/fhir"
Resource = dict[str, Any]
Spoil = Callable[[httpx.Request, httpx.Response], httpx.Response]
TYPES = ("Observation", "Task", "Provenance", "AuditEvent", "Device", "Patient", "Encounter")


def carried(identifier: Identifier) -> Resource:
    return {"system": identifier.system, "value": identifier.value}


@dataclass
class MemoryEhr:
    """`spoil` gets each request and the answer to it, which was carried out, and gives what the client sees (or raises)."""

    conditional: bool = True
    """Whether it declares conditional creates and client ids."""
    honours: bool = True
    """Whether it heeds If-None-Exist."""
    searches: bool = True
    """Whether it heeds the search parameter; else it gives what it has."""
    spoil: Spoil = lambda _request, answer: answer
    kept: dict[str, Resource] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def admit(self, patient: Identifier, encounter: Identifier, number: str = "1", **more: Any) -> None:
        self.put({"resourceType": "Patient", "id": f"p{number}", "active": True, "identifier": [carried(patient)], **more})
        self.put(
            {
                "resourceType": "Encounter",
                "id": f"e{number}",
                "status": "in-progress",
                "identifier": [carried(encounter)],
                "subject": {"reference": f"Patient/p{number}"},
            }
        )

    def put(self, resource: Resource) -> None:
        self.kept[f"{resource['resourceType']}/{resource['id']}"] = resource

    def of(self, kind: str) -> list[Resource]:
        return [resource for place, resource in self.kept.items() if place.startswith(f"{kind}/")]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path.removeprefix('/fhir/')}")
        return self.spoil(request, self._answer(request))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.removeprefix("/fhir/").split("/")
        kind = parts[0]
        if kind == "metadata":
            return self._capabilities()
        if request.method == "GET" and len(parts) == 1:
            return self._search(kind, request)
        if request.method == "GET":
            found = self.kept.get("/".join(parts))
            return self._resource(200, found) if found else _refused(404, "not-found")
        resource = json.loads(request.content)
        if request.method == "POST":
            asked = request.headers.get("if-none-exist", "").partition("|")[2]
            there = [r for r in self.of(kind) if any(i.get("value") == asked for i in r.get("identifier", []))] if asked else []
            if there and self.honours:
                return self._resource(200, there[0])
            made = {**resource, "id": f"{kind[0].lower()}{len(self.kept)}", "meta": {"versionId": "1"}}
            self.put(made)
            return self._resource(201, made)
        before = self.kept.get("/".join(parts))
        version = int(before["meta"]["versionId"]) if before and "meta" in before else 0
        if (match := request.headers.get("if-match")) and match != f'W/"{version}"':
            return _refused(412, "conflict")
        made = {**resource, "meta": {"versionId": str(version + 1)}}
        self.put(made)
        return self._resource(200 if before else 201, made)

    def _search(self, kind: str, request: httpx.Request) -> httpx.Response:
        wanted = request.url.params.get("identifier", "").replace("\\", "")
        system, _, value = wanted.partition("|")
        about = request.url.params.get("recorded") or request.url.params.get("entity")
        found = [
            r
            for r in self.of(kind)
            if not self.searches
            or (
                (not wanted or any((i["system"], i["value"]) == (system, value) for i in r.get("identifier", [])))
                and (not about or f'"{about}"' in json.dumps(r))
            )
        ]
        entries = [{"fullUrl": f"{BASE}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in found]
        begin = int(request.url.params.get("_offset", "0"))
        onward = str(request.url.copy_set_param("_offset", str(begin + 10)))
        page = {
            "entry": entries[begin : begin + 10],
            "link": [{"relation": "next", "url": onward}] if len(found) > begin + 10 else [],
        }
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "total": len(found), **page})

    def _resource(self, status: int, resource: Resource) -> httpx.Response:
        place, version = f"{resource['resourceType']}/{resource['id']}", resource.get("meta", {}).get("versionId", "1")
        headers = {"Location": f"{BASE}/{place}/_history/{version}", "ETag": f'W/"{version}"'}
        return httpx.Response(status, json=resource, headers=headers)

    def _capabilities(self) -> httpx.Response:
        codes = [{"code": code} for code in ("create", "read", "update", "search-type")]
        declared = {"conditionalCreate": self.conditional, "updateCreate": self.conditional}
        resources = [{"type": kind, "interaction": codes, **declared} for kind in TYPES]
        rest = [{"mode": "server", "resource": resources}]
        return httpx.Response(200, json={"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest})


def _refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]})
