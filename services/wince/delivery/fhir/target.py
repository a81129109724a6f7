"""Answer to a FHIR R4 server: each entry leaves exactly one Observation (or Task) there, whatever fails in between.

The rule for every answer (a create is a POST with If-None-Exist; an update is a PUT with If-Match):

    answer                  to a create                              to an update
    200, 201                written (200: compared with ours)        written
    401                     one fresh token, then the target is held
    403                     the target is held
    401, 403 of /metadata   the target is held
    token refused           the target is held (400, 401, 403 of the token endpoint; all else there: retry)
    409                     the same again, then retry               read again, decide again
    412                     dead: several match                      read again, decide again
    400, 404, 410, 422      dead, with the OperationOutcome's codes
    408, 425, 429, 503      retry after Retry-After, else a backoff
    5xx, no answer          outcome unknown: the same request again after a backoff

Never a conditional update: it doubles under races (HAPI, 21 of 50). Nothing is written for a patient of whom we are not sure:
patient and encounter are searched by identifier, exactly one hit each, and the encounter must be that patient's.
Device, Provenance and AuditEvent go by PUT under our own ids where the server declares that it takes client ids; elsewhere the
Device is created conditionally, and the others are looked for before a replay adds them. One request each, no transactions: they
are as fast one by one (HAPI: 14.6 against 15.0 entries a second), and many EHRs have no transactions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from wince.delivery.fhir.bundle import prepare, rendered
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.resolve import Resolver, Stop, judged, link
from wince.delivery.interface import Answer, Outcome
from wince.domain.entry import Entry, TaskEntry
from wince.errors import MessageError, Refused, Unavailable
from wince.fhir.client import Answer as Response
from wince.fhir.client import Capabilities, FhirClient
from wince.fhir.invariants import Resource, parse_time
from wince.protocols.rules import ClinicalProtocol

_RANK = {
    "Observation": {"registered": 0, "preliminary": 1, "final": 2, "amended": 3, "corrected": 3, "cancelled": 4, "entered-in-error": 4},
    "Task": {"requested": 0, "completed": 2, "cancelled": 2, "failed": 2, "rejected": 2, "entered-in-error": 2},
}
"""How far a resource has come; one that stands further than ours is never taken back. Other Task states: 1."""
_NOBODY = ("urn:wince:probe", "nobody")
"""System and value of an identifier that no patient has."""
_TRIES = 3
"""Of one create, where a race answers 409."""
_CAPABILITIES_S = 3600.0


class FhirTarget:
    """The writer of one FHIR server: delivery/interface.Target. Thread-safe; remembers stays for `stay_cache_s`."""

    def __init__(
        self,
        name: str,
        client: FhirClient,
        protocols: Mapping[str, ClinicalProtocol],
        *,
        version: str,
        site: str = "wince",
        systems: Mapping[str, str] | None = None,
        stay_cache_s: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """version: Wince's own. site: names this installation (no patient data). systems: from our identifier systems (such as
        urn:wince:authority:HOSP) to those of the server; one that is not listed is used as it is."""
        self.name = name
        self._client = client
        self._protocols = protocols
        self._software = Software(version, site, client.base_url)
        self._clock = clock
        self._resolver = Resolver(client, systems or {}, stay_cache_s, clock)
        self._known: tuple[Capabilities, float] | None = None
        self._devices: dict[str, str] = {}
        prepare()

    def render(self, entry: Entry | TaskEntry) -> str:
        """The Bundle of an entry as compact JSON; pure. Raises MessageError where it can't be written as valid R4."""
        return rendered(entry, self._protocols, self._software)

    def deliver(self, body: str, location: str = "", version: str = "") -> Answer:
        """Send a rendered body; see `Target`. Blocks for a few HTTP exchanges (a patient who is not known yet: four more)."""
        return _answered(lambda: self._deliver(json.loads(body)["entry"], location, version))

    def probe(self) -> Answer:
        """Sign in and search for a patient whom nobody has: what every delivery does first, and changes nothing."""
        return _answered(self._probe)

    def _probe(self) -> Answer:
        self._resolver.search("Patient", *_NOBODY)
        return Answer(Outcome.WRITTEN, "200")

    def _deliver(self, entries: list[Resource], location: str, version: str) -> Answer:
        can = self._capabilities()
        main, beside = entries[0], entries[1:]
        known = self._resolver.resolve(main["resource"])
        for entry in beside:
            if entry["resource"]["resourceType"] == "Device" and (device := self._device(can, entry["resource"])):
                known[entry["fullUrl"]] = device
        request_id = _request_id(beside)
        done, created = self._main(can, link(main["resource"], known), location, version, request_id)
        if done.outcome is not Outcome.WRITTEN:
            if done.outcome is Outcome.DEAD:
                self._resolver.forget(main["resource"])
            return done
        known[main["fullUrl"]] = done.location
        for entry in beside:
            if entry["resource"]["resourceType"] != "Device":
                failed = self._beside(can, link(entry["resource"], known), created=created)
                if failed is not None and failed.outcome is not Outcome.DEAD:
                    return failed
                if failed is not None:
                    refused = f"{done.detail}; {entry['resource']['resourceType']} refused: {failed.detail}"
                    done = Answer(Outcome.WRITTEN, refused, done.location, done.version)
        return done

    def _capabilities(self) -> Capabilities:
        if self._known is None or self._clock() >= self._known[1]:
            self._known = (self._client.capabilities(), self._clock() + _CAPABILITIES_S)
        return self._known[0]

    def _main(self, can: Capabilities, resource: Resource, location: str, version: str, request_id: str) -> tuple[Answer, bool]:
        """Write the Observation or Task; also says whether it was created just now."""
        if not can.can(resource["resourceType"], "create"):
            return Answer(Outcome.DEAD, f"the server does not take {resource['resourceType']}"), False
        if location:
            return self._update(resource, location, version), False
        kind, identifier = resource["resourceType"], resource["identifier"][0]
        query = f"identifier={identifier['system']}|{identifier['value']}"
        headers = {"X-Request-Id": request_id} if request_id else {}
        if kind in can.conditional_create:
            headers["If-None-Exist"] = query
        elif found := self._resolver.search(kind, identifier["system"], identifier["value"]):
            if len(found) > 1:
                return Answer(Outcome.DEAD, f"several {kind} carry our identifier"), False
            return self._adopt(resource, found[0]), False
        answer = self._again("POST", kind, resource, headers)
        if answer.status == 201 and answer.location:
            return Answer(Outcome.WRITTEN, "201", answer.location, answer.version), True
        if answer.status == 200 and answer.location:
            there = answer.resource if answer.resource.get("resourceType") == kind else self._read(answer.location)
            return self._adopt(resource, there), False
        return judged(answer), False

    def _again(self, method: str, path: str, resource: Resource, headers: dict[str, str]) -> Response:
        body = json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
        for _ in range(_TRIES):
            answer = self._client.request(method, path, body=body, headers=headers)
            if answer.status != 409:
                break
        return answer

    def _read(self, location: str) -> Resource:
        answer = self._client.request("GET", location)
        if answer.status != 200:
            raise Stop(judged(answer))
        if answer.resource.get("resourceType") != location.partition("/")[0]:
            raise Stop(Answer(Outcome.RETRY, "the answer to a read is another resource, or none"))
        return answer.resource

    def _adopt(self, ours: Resource, there: Resource) -> Answer:
        """Something with our identifier is there: ours from an earlier attempt, an older revision of it, or not ours at all."""
        location, version = f"{there.get('resourceType')}/{there.get('id')}", str(there.get("meta", {}).get("versionId", ""))
        if core(there) != core(ours):
            return Answer(Outcome.DEAD, "other content stands there under our identifier", location, version)
        if rank(there) >= rank(ours):
            return Answer(Outcome.WRITTEN, "200", location, version)
        merged = {**{key: value for key, value in there.items() if key != "meta"}, **ours}
        return self._put(merged, location, version) or Answer(Outcome.RETRY, "changed while it was revised")

    def _update(self, ours: Resource, location: str, version: str) -> Answer:
        done = self._put(ours, location, version) if version else None
        return done or self._adopt(ours, self._read(location))

    def _put(self, resource: Resource, location: str, version: str) -> Answer | None:
        """None: another version stands there."""
        headers = {"If-Match": f'W/"{version}"'} if version else {}
        body = json.dumps({**resource, "id": location.rpartition("/")[2]}, separators=(",", ":"), ensure_ascii=False).encode()
        answer = self._client.request("PUT", location, body=body, headers=headers)
        if answer.status in (409, 412):
            return None
        if answer.status in (200, 201):
            return Answer(Outcome.WRITTEN, str(answer.status), location, answer.version)
        return judged(answer)

    def _device(self, can: Capabilities, resource: Resource) -> str:
        """Write the Device once per process; its place, or empty where the server takes none."""
        if place := self._devices.get(resource["id"]):
            return place
        failed, place = None, ""
        if "Device" in can.client_ids and can.can("Device", "update"):
            failed, place = self._beside(can, resource, created=False), f"Device/{resource['id']}"
        elif can.can("Device", "create") and "Device" in can.conditional_create:
            identifier = resource["identifier"][0]
            bare = {key: value for key, value in resource.items() if key != "id"}
            answer = self._again("POST", "Device", bare, {"If-None-Exist": f"identifier={identifier['system']}|{identifier['value']}"})
            failed, place = (None, answer.location) if answer.status in (200, 201) else (judged(answer), "")
        if failed is not None:
            if failed.outcome is not Outcome.DEAD:
                raise Stop(failed)
            return ""
        if place:
            self._devices[resource["id"]] = place
        return place

    def _stands(self, can: Capabilities, resource: Resource) -> bool:
        """Whether a Provenance or AuditEvent of this moment stands at a server that takes no client ids; True where it can't say."""
        kind = resource["resourceType"]
        if not can.can(kind, "search-type"):
            return True
        name, about = ("target", resource["target"][0]) if kind == "Provenance" else ("entity", resource["entity"][0]["what"])
        answer = self._client.request("GET", kind, params={name: _place(about), "_count": "20"})
        if answer.status != 200:
            raise Stop(judged(answer))
        moment = parse_time(resource["recorded"])
        there = [entry.get("resource", {}) for entry in answer.resource.get("entry", [])]
        return any(parse_time(str(found.get("recorded", ""))) == moment for found in there)

    def _beside(self, can: Capabilities, resource: Resource, *, created: bool) -> Answer | None:
        """Write what stands beside an entry; None: done, or the server does not take it."""
        kind = resource["resourceType"]
        if kind in can.client_ids and can.can(kind, "update"):
            answer = self._again("PUT", f"{kind}/{resource['id']}", resource, {"Prefer": "return=minimal"})
        elif can.can(kind, "create") and (created or not self._stands(can, resource)):
            bare = {key: value for key, value in resource.items() if key != "id"}
            answer = self._client.request("POST", kind, body=json.dumps(bare, separators=(",", ":")).encode())
        else:
            return None
        return None if answer.status in (200, 201) else judged(answer)


def _answered(exchange: Callable[[], Answer]) -> Answer:
    """What an exchange came to; its errors as the rule above says."""
    try:
        return exchange()
    except Stop as stop:
        return stop.answer
    except Unavailable as error:
        return Answer(Outcome.RETRY, error.message, retry_after_s=error.retry_after_s)
    except Refused as error:
        return Answer(Outcome.HELD, error.message, remedy=error.remedy)
    except MessageError as error:
        return Answer(Outcome.RETRY, error.message)


def _place(reference: Resource) -> str:
    return "/".join(str(reference.get("reference", "")).split("/_history/")[0].split("/")[-2:])


def core(resource: Resource) -> tuple[Any, ...]:
    """What never changes between the revisions of an entry, as far as servers keep it: by this a resource is known as ours."""
    concepts = [resource.get(name) for name in ("code", "dataAbsentReason", "valueCodeableConcept", "reasonCode")]
    period = resource.get("effectivePeriod") or resource.get("executionPeriod") or {}
    person = resource.get("subject") or resource.get("for") or {}
    return (
        [[(c.get("system"), c.get("code")) for c in concept.get("coding", [])] if concept else None for concept in concepts],
        resource.get("valueQuantity", {}).get("value"),
        period.get("start"),
        period.get("end"),
        _place(person),
    )


def rank(resource: Resource) -> int:
    """See _RANK."""
    return _RANK.get(resource["resourceType"], {}).get(resource.get("status", ""), 1)


def _request_id(beside: list[Resource]) -> str:
    for entry in beside:
        for entity in entry["resource"].get("entity", []):
            if entity.get("type", {}).get("code") == "XrequestId":
                return str(entity["what"]["identifier"]["value"])
    return ""
