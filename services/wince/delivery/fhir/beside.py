"""What stands beside an entry at a FHIR server: Device, Provenance, AuditEvent, CommunicationRequest."""

from __future__ import annotations

import json

from wince.delivery.fhir.core import rank
from wince.delivery.fhir.finding import Finder
from wince.delivery.fhir.judging import Stop, judged, took
from wince.delivery.interface import Answer, Outcome
from wince.fhir.answer import Answer as Response
from wince.fhir.answer import part, parts, place, text
from wince.fhir.client import Capabilities, FhirClient
from wince.fhir.invariants import Resource, parse_time

_TRIES = 3
"""Attempts of one request, if a race is answered 409."""


class Beside:
    """Writes what stands beside entries at one server. Thread-safe."""

    def __init__(self, client: FhirClient, finder: Finder) -> None:
        self._client, self._finder = client, finder
        self._devices: dict[str, str] = {}

    def _again(self, method: str, path: str, resource: Resource, headers: dict[str, str]) -> Response:
        body = json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
        for _ in range(_TRIES):
            answer = self._client.request(method, path, body=body, headers=headers)
            if answer.status != 409:
                break
        return answer

    def device(self, can: Capabilities, resource: Resource) -> str:
        """Write the Device once per process; its place, or empty where the server takes none."""
        if where := self._devices.get(resource["id"]):
            return where
        failed, where = None, ""
        if "Device" in can.client_ids and can.can("Device", "update"):
            failed, where = self.write(can, resource, created=False), f"Device/{resource['id']}"
        elif can.can("Device", "create") and "Device" in can.conditional_create:
            identifier = resource["identifier"][0]
            bare = {key: value for key, value in resource.items() if key != "id"}
            answer = self._again("POST", "Device", bare, {"If-None-Exist": f"identifier={identifier['system']}|{identifier['value']}"})
            good = took(answer, "Device") and answer.location.startswith("Device/")
            failed, where = (None, answer.location) if good else (judged(answer), "")
        if failed is not None:
            if failed.outcome is not Outcome.DEAD:
                raise Stop(failed)
            return ""
        if where:
            self._devices[resource["id"]] = where
        return where

    def _said(self, resource: Resource) -> bool:
        """Whether an AuditEvent stands under its id: a replay says nothing new, at another time."""
        return self._client.request("GET", f"{resource['resourceType']}/{resource['id']}").status == 200

    def _stands(self, can: Capabilities, resource: Resource) -> bool:
        """Whether a Provenance of this moment, or an AuditEvent of this request, stands at a server that takes no client ids; True where
        it can't say."""
        kind = resource["resourceType"]
        if not can.can(kind, "search-type"):
            return True
        if kind == "Provenance":  # its target names a version, by which servers search or don't; many entries are of one moment
            ours, query = _moment_and_place(resource), {"recorded": resource["recorded"]}
            return any(_moment_and_place(found) == ours for hits, _ in self._finder.pages(kind, query) for found in hits)
        asked, query = _requests(resource), {"entity": place(text(resource["entity"][0]["what"], "reference"))}
        return any(_requests(found) & asked for hits, _ in self._finder.pages(kind, query) for found in hits)

    def write(self, can: Capabilities, resource: Resource, *, created: bool) -> Answer | None:
        """Write what stands beside an entry; None: done, or the server does not take it."""
        try:
            return self._write(can, resource, created=created)
        except Stop as stop:  # of a search for what stands there: the entry itself is written
            return stop.answer

    def _write(self, can: Capabilities, resource: Resource, *, created: bool) -> Answer | None:
        kind = resource["resourceType"]
        if kind in can.client_ids and can.can(kind, "update"):
            if kind == "AuditEvent" and not created and self._said(resource):
                return None
            answer = self._again("PUT", f"{kind}/{resource['id']}", resource, {"Prefer": "return=minimal"})
        elif kind == "CommunicationRequest":
            return self._request(can, resource)
        elif can.can(kind, "create") and (created or not self._stands(can, resource)):
            bare = {key: value for key, value in resource.items() if key != "id"}
            answer = self._client.request("POST", kind, body=json.dumps(bare, separators=(",", ":"), ensure_ascii=False).encode())
        else:
            return None
        return None if took(answer, kind) else judged(answer)

    def _request(self, can: Capabilities, resource: Resource) -> Answer | None:
        """A CommunicationRequest at a server that takes no client ids: looked for by its identifier, then created, or revised."""
        kind, identifier = resource["resourceType"], resource["identifier"][0]
        if not can.can(kind, "create") or not can.can(kind, "search-type"):
            return None
        found = self._finder.search(kind, identifier["system"], identifier["value"])
        bare = {key: value for key, value in resource.items() if key != "id"}
        if not found:
            answer = self._again("POST", kind, bare, {})
        elif rank(found[0]) >= rank(resource) or not can.can(kind, "update"):
            return None
        else:
            answer = self._again("PUT", f"{kind}/{found[0]['id']}", {**resource, "id": found[0]["id"]}, {})
        return None if took(answer, kind) else judged(answer)


def _requests(event: Resource) -> set[str]:
    """X-Request-Id of what an AuditEvent tells."""
    asked = [entity for entity in parts(event, "entity") if text(part(entity, "type"), "code") == "XrequestId"]
    return {text(part(part(entity, "what"), "identifier"), "value") for entity in asked} - {""}


def _moment_and_place(provenance: Resource) -> tuple[object, set[str]]:
    """When it was recorded, and of what."""
    return parse_time(text(provenance, "recorded")), {place(text(target, "reference")) for target in parts(provenance, "target")}
