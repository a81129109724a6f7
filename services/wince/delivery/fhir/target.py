"""Answer to a FHIR R4 server: each entry leaves exactly one Observation (or Task) there, whatever fails in between.

The rule for every answer (a create is a POST with If-None-Exist; an update is a PUT with If-Match):

    answer                  to a create                              to an update
    200, 201                written (200: compared with ours)        written
    2xx that can't be used  looked for by identifier at once         read again
    3xx                     dead, after a while                      same host, method kept: followed; else dead, after a while
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
What of this a server is asked is its write profile's word (`profiles/`): one may not honour If-None-Exist, one takes nothing back; there
a person corrects it by hand.
Device, Provenance and AuditEvent go by PUT under our own ids where the server declares that it takes client ids; elsewhere the
Device is created conditionally, and the others are looked for before a replay adds them. One request each, no transactions: they
are as fast one by one (HAPI: 14.6 against 15.0 entries a second), and many EHRs have no transactions.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.delivery.fhir.audit import Deed, audit_event
from wince.delivery.fhir.beside import Beside
from wince.delivery.fhir.bundle import prepare, rendered
from wince.delivery.fhir.communication import UNCALLED, too_late
from wince.delivery.fhir.core import by_hand, core, differences, rank
from wince.delivery.fhir.feed import AuditFeed
from wince.delivery.fhir.finding import Finder
from wince.delivery.fhir.judging import Stop, judged, odd, took
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.profiles.profile import R4, Writing, lacks
from wince.delivery.fhir.resolve import Born, Merges, Resolver, link
from wince.delivery.interface import Answer, Outcome, Result, Shown, Taken
from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import related_id
from wince.errors import MessageError, Refused, Unavailable, WinceError
from wince.fhir.answer import Answer as Response
from wince.fhir.answer import carries, text
from wince.fhir.client import Capabilities, FhirClient
from wince.fhir.invariants import Resource
from wince.protocols.rules import ClinicalProtocol

_NOBODY = ("urn:wince:probe", "nobody")
"""System and value of an identifier that no patient has."""
_TRIES = 3
"""Attempts of one create, if a race is answered 409."""
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
        merges: Merges = lambda _patient, _visit: 0,
        clock: Callable[[], float] = time.monotonic,
        writing: Writing | None = None,
        wall: Clock = wall_us,
    ) -> None:
        """version: Wince's own. site: names this installation (no patient data). systems: from our identifier systems (such as
        urn:wince:authority:HOSP) to those of the server; one that is not listed is used as it is. born: birth dates that the hospital's
        feed gave, to be held against the server's. merges: what it told of merges. writing: how entries are written there; None:
        as profile r4. wall: microseconds UTC, for AuditEvents and for the age of alerts."""
        self.name = name
        self._client = client
        self._protocols = protocols
        self._writing = writing or Writing(R4)
        self.takes_back = self._writing.profile.updates
        """False: a person takes back there what is wrong."""
        self._software = Software(version, site, client.base_url, self._writing)
        self._clock, self._wall = clock, wall
        self._feed = AuditFeed(self._software, wall)
        self._resolver = Resolver(client, systems or {}, stay_cache_s, clock, born, self._feed.searched, merges)
        self._finder = Finder(client, self._feed.searched)
        self._beside = Beside(client, self._finder)
        self._sent: OrderedDict[str, None] = OrderedDict()
        """Identifiers of creates that were begun, of the last some thousand: they are looked for before they are sent again."""
        self._known: tuple[Capabilities, float] | None = None
        prepare()

    def render(self, entry: Entry | TaskEntry) -> str | Taken:
        """The Bundle of an entry as compact JSON; NOTHING where the profile takes nothing of it; pure. Raises MessageError where it can't
        be written as valid R4."""
        return rendered(entry, self._protocols, self._software) if self._writing.takes(entry) else Taken.NOTHING

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        """Send a rendered body; see `Target`. Blocks for a few HTTP exchanges (a patient who is not known yet: four more)."""
        return _answered(lambda: self._deliver(json.loads(body), location, version, first=first))

    def lacking(self) -> list[str]:
        """What the write profile needs and the server does not declare, such as Observation.create. Raises as `FhirClient.capabilities`."""
        return lacks(self._writing.profile, self._client.capabilities())

    def interrupt(self) -> None:
        """Break off what is in hand; see `Interruptible`."""
        self._client.interrupt()

    def probe(self) -> Answer:
        """Sign in and search for a patient whom nobody has: what every delivery does first, and changes nothing."""
        return _answered(self._probe)

    def shows(self, body: str, location: str, version: str) -> Shown:
        """See `Readable`. Patient and encounter are looked up as for a delivery, so that a merge there is no difference."""
        ours = json.loads(body)["entry"][0]["resource"]
        try:
            known, _ = self._resolver.resolve(ours)
            answer = self._client.request("GET", location)
        except (Stop, WinceError, RecursionError):
            return Shown(Result.UNKNOWN)
        if answer.status in (404, 410) and not answer.is_page:
            return Shown(Result.GONE)
        if answer.status != 200 or f"{answer.kind}/{text(answer.resource, 'id')}" != location:
            return Shown(Result.UNKNOWN)
        there, found = answer.resource, text(answer.resource.get("meta"), "versionId") or answer.version
        differs = differences(ours, there, known["Patient"])
        if not carries(there, ours["identifier"][0]["system"], ours["identifier"][0]["value"]):
            differs = ("identifier", *differs)
        if differs:
            return Shown(Result.DIFFERS, differs, found)
        return Shown(Result.EDITED if version and found and found != version else Result.SAME, (), found)

    def _probe(self) -> Answer:
        self._resolver.search("Patient", *_NOBODY)
        return Answer(Outcome.WRITTEN, "200")

    def _deliver(self, bundle: Resource, location: str, version: str, *, first: bool) -> Answer:
        can = self._capabilities()
        # A body of an earlier version holds its AuditEvent, too; what happened is said by what happens now.
        main, *beside = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "AuditEvent"]
        known, remembered = self._resolver.whose(main["resource"], location)
        devices = {}
        for entry in beside:
            if entry["resource"]["resourceType"] == "Device" and (device := self._beside.device(can, entry["resource"])):
                devices[entry["fullUrl"]] = device
        identity, _, revision = bundle["identifier"]["value"].partition("|")
        first = first and revision == "1"  # an earlier revision that was never seen to arrive may stand there under the same identifier
        request_id = str(related_id(UUID(identity), int(revision), "request"))
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
        versioned = {**known, main["fullUrl"]: f"{done.location}/_history/{done.version}" if done.version else done.location}
        said = [link(one, versioned if one["resourceType"] == "Provenance" else known) for one in (entry["resource"] for entry in beside)]
        if "AuditEvent" in self._writing.profile.beside:
            event = related_id(UUID(identity), int(revision), "audit")
            what, kind = "create" if revision == "1" else "update", main["resource"]["resourceType"]
            happened = Deed(event, what, kind, self._wall(), place=done.location, patient=known["Patient"], request=request_id)
            said.append(audit_event(happened, self._software))
        if any(late := [too_late(one, self._wall(), self._writing.call_s) for one in said]):
            said = [one for one, gone in zip(said, late, strict=True) if not gone]
            done = replace(done, detail=f"{done.detail}, {UNCALLED}")
        for resource in said:
            if resource["resourceType"] != "Device":
                failed = self._beside.write(can, resource, created=created)
                if failed is not None and failed.outcome is not Outcome.DEAD:
                    return failed
                if failed is not None:
                    left = [*([done.left] if done.left else []), f"{resource['resourceType']} refused: {failed.detail}"]
                    done = replace(done, left="; ".join(left))
        self._feed.flush(lambda event: self._beside.write(can, event, created=True))
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
        if location and not self._writing.profile.updates:
            return by_hand(resource, location, version), False
        if location:
            return self._audited(resource, "update", request_id, lambda: self._update(can, resource, location, version)), False
        kind, identifier = resource["resourceType"], resource["identifier"][0]
        headers = {"X-Request-Id": request_id}
        conditional = kind in can.conditional_create and not self._writing.profile.searches_first
        if conditional:
            headers["If-None-Exist"] = f"identifier={identifier['system']}|{identifier['value']}"
        looks = can.can(kind, "search-type") or not conditional
        unsure = not first or not conditional or identifier["value"] in self._sent
        body = json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
        for _ in range(_TRIES):
            if looks and unsure and (found := self._ours(resource)) is not None:
                return self._adopt(resource, found), False
            if text(resource, "status") == "entered-in-error" and not self._writing.profile.updates:
                return Answer(Outcome.WRITTEN, "nothing of it is there to take back"), False
            self._remember(identifier["value"])
            answer = self._client.request("POST", kind, body=body, headers=headers)
            if answer.status != 409:
                break
            unsure = True
        done, created = self._created(resource, answer, looks=looks)
        return self._audited(resource, "create", request_id, lambda: done), created

    def _audited(self, resource: Resource, what: str, request_id: str, exchange: Callable[[], Answer]) -> Answer:
        """What an exchange came to; a failure of it is kept for the server's audit."""
        done = exchange()
        if done.outcome in (Outcome.RETRY, Outcome.DEAD, Outcome.HELD):
            self._feed.refused(resource, what, done, request_id)
        return done

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

    def _adopt(self, ours: Resource, there: Resource) -> Answer:
        """Something with our identifier is there: ours from an earlier attempt, an older revision of it, or not ours at all."""
        location = f"{there['resourceType']}/{there['id']}"
        for _ in range(_TRIES):
            version = text(there.get("meta"), "versionId")
            if core(there) != core(ours):
                return Answer(Outcome.DEAD, "other content stands there under our identifier", location, version)
            if rank(there) >= rank(ours):
                return Answer(Outcome.WRITTEN, "200", location, version)
            if not self._writing.profile.updates:
                return by_hand(ours, location, version)
            theirs = {"owner": there["owner"]} if "owner" in there else {}  # whom a person gave the question
            merged = {**{key: value for key, value in there.items() if key != "meta"}, **ours, **theirs}
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
        return odd(error.message)
    except RecursionError:
        return odd("the server's answer nests too deep")
