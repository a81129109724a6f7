"""Answer to a FHIR R4 server: each entry leaves exactly one Observation (or Task) there, whatever fails in between.

The rule for every answer (a create is a POST with If-None-Exist; an update is a PUT with If-Match):

    answer                  to a create                              to an update
    200, 201                written (200: compared with ours)        written
    2xx that can't be used  looked for by identifier at once         read again
    3xx                     same host and method kept: followed; else dead, after a while
    401                     one fresh token, then the target is held
    403                     the target is held (a page: dead, after a while, if the server takes us otherwise)
    401, 403 of /metadata   the target is held
    token refused           the target is held (400, 401, 403 of the token endpoint; all else there: retry)
    409                     looked for, the same again, then retry   read again, decide again
    412                     dead: several match                      read again, decide again
    404, 405, 423, a page   dead, after a while
    400, 410, 422           dead, with the OperationOutcome's codes
    408, 425, 429, 503      retry after Retry-After, else a backoff
    5xx, no answer          outcome unknown: looked for, then the same request again after a backoff

A server may ignore If-None-Exist, and a proxy may answer for it: whatever may have been sent before is looked for by identifier before
it is sent (again), and once more before a refused create is given up. A success that can't be used is a 2xx without a place, with a page
or an error as body, or with another resource in it than the one that carries our identifier.

Never a conditional update: it doubles under races (HAPI, 21 of 50). Nothing is written for a patient of whom we are not sure (resolve.py);
ids that were remembered are looked up again where the server refuses what was written with them.
Device, Provenance and AuditEvent go by PUT under our own ids where the server declares that it takes client ids; elsewhere the
Device is created conditionally, and the others are looked for before a replay adds them. One request each, no transactions: they
are as fast one by one (HAPI: 14.6 against 15.0 entries a second), and many EHRs have no transactions.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from wince.delivery.fhir.bundle import prepare, rendered
from wince.delivery.fhir.core import core, rank
from wince.delivery.fhir.finding import Finder
from wince.delivery.fhir.judging import Stop, judged, took
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.resolve import Born, Resolver, link
from wince.delivery.interface import Answer, Outcome
from wince.domain.entry import Entry, TaskEntry
from wince.errors import MessageError, Refused, Unavailable
from wince.fhir.answer import Answer as Response
from wince.fhir.answer import carries, parts, place, text
from wince.fhir.client import Capabilities, FhirClient
from wince.fhir.invariants import Resource, parse_time
from wince.protocols.rules import ClinicalProtocol

_NOBODY = ("urn:wince:probe", "nobody")
"""System and value of an identifier that no patient has."""
_TRIES = 3
"""Of one create, where a race answers 409."""
_CAPABILITIES_S = 3600.0
_MAX_SENT = 4096


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
        stay_cache_s: float = 300.0,
        born: Born = lambda _system, _value: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """version: Wince's own. site: names this installation (no patient data). systems: from our identifier systems (such as
        urn:wince:authority:HOSP) to those of the server; one that is not listed is used as it is. born: birth dates that the hospital's
        feed gave, to be held against the server's."""
        self.name = name
        self._client = client
        self._protocols = protocols
        self._software = Software(version, site, client.base_url)
        self._clock = clock
        self._resolver = Resolver(client, systems or {}, stay_cache_s, clock, born)
        self._finder = Finder(client)
        self._sent: OrderedDict[str, None] = OrderedDict()
        """Identifiers of creates that were begun, of the last some thousand: they are looked for before they are sent again."""
        self._known: tuple[Capabilities, float] | None = None
        self._devices: dict[str, str] = {}
        prepare()

    def render(self, entry: Entry | TaskEntry) -> str:
        """The Bundle of an entry as compact JSON; pure. Raises MessageError where it can't be written as valid R4."""
        return rendered(entry, self._protocols, self._software)

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        """Send a rendered body; see `Target`. Blocks for a few HTTP exchanges (a patient who is not known yet: four more)."""
        return _answered(lambda: self._deliver(json.loads(body)["entry"], location, version, first=first))

    def interrupt(self) -> None:
        """Break off what is in hand; see `Interruptible`."""
        self._client.interrupt()

    def probe(self) -> Answer:
        """Sign in and search for a patient whom nobody has: what every delivery does first, and changes nothing."""
        return _answered(self._probe)

    def _probe(self) -> Answer:
        self._resolver.search("Patient", *_NOBODY)
        return Answer(Outcome.WRITTEN, "200")

    def _deliver(self, entries: list[Resource], location: str, version: str, *, first: bool) -> Answer:
        can = self._capabilities()
        main, beside = entries[0], entries[1:]
        known, remembered = self._resolver.resolve(main["resource"])
        devices = {}
        for entry in beside:
            if entry["resource"]["resourceType"] == "Device" and (device := self._device(can, entry["resource"])):
                devices[entry["fullUrl"]] = device
        request_id = _request_id(beside)
        done, created = self._main(can, link(main["resource"], known | devices), location, version, request_id, first=first)
        if done.outcome is not Outcome.WRITTEN and remembered and done.outcome is not Outcome.HELD:
            self._resolver.forget(main["resource"])
            if done.outcome is Outcome.DEAD and (now := self._resolver.resolve(main["resource"])[0]) != known:
                known = now
                done, created = self._main(can, link(main["resource"], known | devices), location, version, request_id, first=False)
        if done.outcome is not Outcome.WRITTEN:
            return done
        known |= devices
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

    def _main(
        self, can: Capabilities, resource: Resource, location: str, version: str, request_id: str, *, first: bool
    ) -> tuple[Answer, bool]:
        """Write the Observation or Task; also says whether it was created just now."""
        if not can.can(resource["resourceType"], "create"):
            return Answer(Outcome.DEAD, f"the server does not take {resource['resourceType']}"), False
        if location:
            return self._update(can, resource, location, version), False
        kind, identifier = resource["resourceType"], resource["identifier"][0]
        headers = {"X-Request-Id": request_id} if request_id else {}
        if kind in can.conditional_create:
            headers["If-None-Exist"] = f"identifier={identifier['system']}|{identifier['value']}"
        looks = can.can(kind, "search-type") or kind not in can.conditional_create
        unsure = not first or kind not in can.conditional_create or identifier["value"] in self._sent
        body = json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
        for _ in range(_TRIES):
            if looks and unsure and (found := self._ours(resource)) is not None:
                return self._adopt(resource, found), False
            self._remember(identifier["value"])
            answer = self._client.request("POST", kind, body=body, headers=headers)
            if answer.status != 409:
                break
            unsure = True
        return self._created(resource, answer, looks=looks)

    def _created(self, ours: Resource, answer: Response, *, looks: bool) -> tuple[Answer, bool]:
        """What came of a create; also whether it was created just now."""
        kind, identifier = ours["resourceType"], ours["identifier"][0]
        there, where = answer.resource if answer.kind == kind else {}, answer.location
        if took(answer, kind) and where.startswith(f"{kind}/"):
            if answer.status == 201 and (not there or carries(there, identifier["system"], identifier["value"])):
                return Answer(Outcome.WRITTEN, "201", where, answer.version), True
            if answer.status == 200:
                there = there or self._finder.read(where)
                if carries(there, identifier["system"], identifier["value"]):
                    return self._adopt(ours, there), False
        no = judged(answer)
        if looks and (200 <= answer.status < 300 or no.outcome is Outcome.DEAD):
            try:
                if (found := self._ours(ours)) is not None:
                    return self._adopt(ours, found), False
            except Stop as stop:
                if no.outcome is not Outcome.DEAD:
                    raise
                if stop.answer.outcome is Outcome.DEAD:
                    return stop.answer, False
        if answer.status == 403 and no.outcome is Outcome.DEAD:
            self._probe()  # raises Stop where nothing of ours is let through
        return no, False

    def _remember(self, value: str) -> None:
        self._sent[value] = None
        while len(self._sent) > _MAX_SENT:
            self._sent.popitem(last=False)

    def _ours(self, resource: Resource) -> Resource | None:
        """What stands there under our identifier. Raises Stop where several do, or it can't be said."""
        kind, identifier = resource["resourceType"], resource["identifier"][0]
        found = self._finder.search(kind, identifier["system"], identifier["value"])
        if len({hit["id"] for hit in found}) > 1:
            raise Stop(Answer(Outcome.DEAD, f"several {kind} carry our identifier"))
        return found[0] if found else None

    def _again(self, method: str, path: str, resource: Resource, headers: dict[str, str]) -> Response:
        body = json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
        for _ in range(_TRIES):
            answer = self._client.request(method, path, body=body, headers=headers)
            if answer.status != 409:
                break
        return answer

    def _adopt(self, ours: Resource, there: Resource) -> Answer:
        """Something with our identifier is there: ours from an earlier attempt, an older revision of it, or not ours at all."""
        location = f"{there['resourceType']}/{there['id']}"
        for _ in range(_TRIES):
            version = text(there.get("meta"), "versionId")
            if core(there) != core(ours):
                return Answer(Outcome.DEAD, "other content stands there under our identifier", location, version)
            if rank(there) >= rank(ours):
                return Answer(Outcome.WRITTEN, "200", location, version)
            merged = {**{key: value for key, value in there.items() if key != "meta"}, **ours}
            if (done := self._put(merged, location, version)) is not None:
                return done
            there = self._finder.read(location)
        return Answer(Outcome.RETRY, "changed while it was revised")

    def _update(self, can: Capabilities, ours: Resource, location: str, version: str) -> Answer:
        """Write a later revision over what stands at `location`, which is read first: a place that was told wrongly is another's."""
        kind, identifier = ours["resourceType"], ours["identifier"][0]
        if version and not can.can(kind, "read"):
            return self._put(ours, location, version) or Answer(Outcome.RETRY, "another version stands there")
        there = self._finder.read(location)
        if not carries(there, identifier["system"], identifier["value"]):
            if (found := self._ours(ours)) is None:
                return Answer(Outcome.DEAD, "what stands where the entry was does not carry our identifier")
            there = found
        return self._adopt(ours, there)

    def _put(self, resource: Resource, location: str, version: str) -> Answer | None:
        """None: another version stands there."""
        kind, identity = location.split("/")
        headers = {"If-Match": f'W/"{version}"'} if version else {}
        body = json.dumps({**resource, "id": identity}, separators=(",", ":"), ensure_ascii=False).encode()
        answer = self._client.request("PUT", location, body=body, headers=headers)
        if answer.status in (409, 412):
            return None
        if took(answer, kind) and text(answer.resource, "id") in ("", identity):
            return Answer(Outcome.WRITTEN, str(answer.status), location, answer.version)
        if 200 <= answer.status < 300:
            there = self._finder.read(location)
            if core(there) == core(resource) and rank(there) >= rank(resource):
                return Answer(Outcome.WRITTEN, "200", location, text(there.get("meta"), "versionId"))
        return judged(answer)

    def _device(self, can: Capabilities, resource: Resource) -> str:
        """Write the Device once per process; its place, or empty where the server takes none."""
        if where := self._devices.get(resource["id"]):
            return where
        failed, where = None, ""
        if "Device" in can.client_ids and can.can("Device", "update"):
            failed, where = self._beside(can, resource, created=False), f"Device/{resource['id']}"
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

    def _stands(self, can: Capabilities, resource: Resource) -> bool:
        """Whether a Provenance or AuditEvent of this moment stands at a server that takes no client ids; True where it can't say."""
        kind = resource["resourceType"]
        if not can.can(kind, "search-type"):
            return True
        name, about = ("target", resource["target"][0]) if kind == "Provenance" else ("entity", resource["entity"][0]["what"])
        answer = self._client.request("GET", kind, params={name: place(text(about, "reference")), "_count": "20"})
        if answer.status != 200:
            raise Stop(judged(answer))
        if answer.kind != "Bundle":
            raise Stop(Answer(Outcome.RETRY, "the answer to a search is no Bundle"))
        moment = parse_time(resource["recorded"])
        return any(parse_time(text(entry.get("resource"), "recorded")) == moment for entry in parts(answer.resource, "entry"))

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
        return None if took(answer, kind) else judged(answer)


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
    except RecursionError:
        return Answer(Outcome.RETRY, "the server's answer nests too deep")


def _request_id(beside: list[Resource]) -> str:
    for entry in beside:
        for entity in entry["resource"].get("entity", []):
            if entity.get("type", {}).get("code") == "XrequestId":
                return str(entity["what"]["identifier"]["value"])
    return ""
