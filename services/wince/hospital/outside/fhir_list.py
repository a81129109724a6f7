"""A census from a FHIR R4 server: Encounters in progress, their Locations and Patients, as a list.

    GET Encounter?status=in-progress[&location=Location/7], page by page (`next`)
    GET Location?_id=..., GET Patient?_id=...      what the Encounters refer to, 50 at a time

A bed is the active Encounter.location whose Location has, by the site's rule, the form of a bed. An Encounter without one (a clinic) is
not of the census. Whoever can't be told for certain is a bad row, named by its place: two beds, no number of the site's authority, a
Patient that was merged. Nothing of a resource is quoted. FHIR R4: Encounter 8.11, Location 8.7, Patient 8.1, paging 3.1.1.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wince.clock import Clock, wall_us
from wince.domain.outside import BadRow, CensusList, Listed
from wince.domain.stay import Identifier
from wince.errors import InputError, MessageError, Refused, Unavailable
from wince.fhir.answer import Answer, text
from wince.fhir.client import FhirClient
from wince.fhir.scopes import CENSUS_SCOPE
from wince.hospital.outside.rows import Row, Wrong, listed

MAX_ENCOUNTERS = 20_000
MAX_PAGES = 500
PAGE = 200
AT_ONCE = 50
"""Resources that one search by `_id` asks for: an address stays below 2,000 characters."""
_BED = re.compile(r"[^\s^|~\\&][^^|~\\&]*(\^[^^|~\\&]*){2,3}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the site's resources name what HL7 names."""

    bed_from: str = "name"
    """Element of a Location that holds the bed: name, or identifier."""
    bed_system: str = ""
    """System of that identifier; empty: any, where one of them has the form of a bed."""
    bed_pattern: str = ""
    """Regular expression over the whole text, with the groups point, room and bed, and facility where beds have it; empty: the text is
    POINTOFCARE^ROOM^BED itself."""
    patients: Mapping[str, str] = field(default_factory=dict)
    """From systems of Patient.identifier to ours; empty: a system is the same here, and a Patient has one."""
    visits: Mapping[str, str] = field(default_factory=dict)
    """From systems of Encounter.identifier to ours; empty: as of patients."""
    locations: tuple[str, ...] = ()
    """Ids of Locations whose Encounters are asked for, such as wards; empty: all Encounters in progress."""
    wards: frozenset[str] = frozenset()
    """Wards that the answer tells whole, besides those of its beds."""


def bed_of(location: Resource, rules: Rules) -> str:
    """POINTOFCARE^ROOM^BED of a Location; empty where it is no bed by the rule.

    >>> bed_of({"name": "ICU-101-A"}, Rules(bed_pattern="(?P<point>[^-]+)-(?P<room>[^-]+)-(?P<bed>.+)"))
    'ICU^101^A'
    """
    texts: Iterable[object] = [location.get("name")]
    if rules.bed_from == "identifier":
        found = _mappings(location.get("identifier"))
        texts = [one.get("value") for one in found if not rules.bed_system or one.get("system") == rules.bed_system]
    beds = {bed for said in texts if isinstance(said, str) and (bed := _bed(said, rules.bed_pattern))}
    return beds.pop() if len(beds) == 1 else ""


class FhirCensus:
    """Reads the census from a server. Blocks for its requests."""

    def __init__(self, client: FhirClient, rules: Rules, *, clock: Clock = wall_us) -> None:
        self._client, self._rules, self._clock = client, rules, clock

    def read(self) -> CensusList:
        """Who lies where now. Rows that can't be used are told in `bad`.

        Raises Refused where we may not read, Unavailable where the server does not answer, MessageError where its answer is no search
        result or has no end, InputError where Encounters came and none lies in a bed by the site's rule.
        """
        moment_us = self._clock()
        encounters = self._encounters()
        places = {id(one): _active(one, moment_us) for one in encounters}
        locations = self._by_id("Location", [ref for refs in places.values() for place in refs if (ref := _reference(place, "Location"))])
        lying = [(number, one, places[id(one)]) for number, one in enumerate(encounters, 1) if places[id(one)]]
        patients = self._by_id("Patient", [ref for _, one, _ in lying if (ref := _patient(one))])
        rows: list[Listed] = []
        bad: list[BadRow] = []
        for number, encounter, here in lying:
            try:
                if bed := self._bed_of(here, locations):
                    rows.append(self._row(encounter, bed, here, patients, moment_us))
            except Wrong as wrong:
                bad.append(BadRow(f"Encounter {number} of the answer, {wrong.args[0]}", wrong.args[1]))
        if lying and not rows and not bad:
            remedy = "set census_bed_from, census_bed_system and census_bed_pattern so that they fit the server's Locations"
            raise InputError("no Encounter's Location is a bed by the site's rule", field="census_bed_from", remedy=remedy)
        return CensusList("fhir", moment_us, tuple(dict.fromkeys(rows)), self._rules.wards | {row.ward for row in rows}, tuple(bad))

    def _encounters(self) -> list[Resource]:
        asked = self._rules.locations or ("",)
        found: dict[str, Resource] = {}
        for location in asked:
            params = {"status": "in-progress", "_count": str(PAGE)}
            if location:
                params["location"] = f"Location/{location.removeprefix('Location/')}"
            for one in self._pages("Encounter", params, MAX_ENCOUNTERS):
                if one.get("status") == "in-progress":  # a server may pass over a parameter that it does not know
                    found[str(one.get("id", len(found)))] = one
        return list(found.values())

    def _by_id(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Resource] = {}
        for start in range(0, len(wanted), AT_ONCE):
            chunk = wanted[start : start + AT_ONCE]
            hits = self._pages(kind, {"_id": ",".join(chunk), "_count": str(AT_ONCE)}, AT_ONCE)
            found |= {one["id"]: one for one in hits if one.get("id") in chunk}
        return found

    def _pages(self, kind: str, params: dict[str, str], limit: int) -> list[Resource]:
        """Matches of a search over all its pages."""
        answer = self._asked(lambda: self._client.request("GET", kind, params=params))
        found: list[Resource] = []
        seen: set[str] = set()
        while True:
            bundle = answer.resource
            if bundle.get("resourceType") != "Bundle":
                raise MessageError("the answer to a search is no Bundle", field=kind, remedy="is this a FHIR R4 server?")
            found += [one for entry in _mappings(bundle.get("entry")) if (one := _match(entry, kind))]
            if len(found) > limit:
                raise MessageError(f"more than {limit} {kind} came", field=kind, remedy="name the wards' Locations in census_locations")
            following = next((str(one.get("url", "")) for one in _mappings(bundle.get("link")) if one.get("relation") == "next"), "")
            if not following:
                total = bundle.get("total")
                if isinstance(total, int) and not isinstance(total, bool) and total > len(found) and not seen:
                    raise MessageError(f"{len(found)} of {total} {kind} came, and no next page", field=kind, remedy="report it to the EHR")
                return found
            if following in seen or len(seen) >= MAX_PAGES:
                raise MessageError("the pages of a search have no end", field=kind, remedy="report it to the EHR")
            seen.add(following)
            answer = self._asked(lambda url=following: self._client.request("GET", self._below(url, kind)))  # type: ignore[misc]

    def _below(self, url: str, kind: str) -> str:
        """A page's address below the server's base: a token must not go elsewhere."""
        base = self._client.base_url
        if url.startswith(base + "/"):
            return url[len(base) + 1 :]
        if url.startswith(base + "?"):
            return url[len(base) :]
        if "://" not in url and not url.startswith("/"):
            return url
        remedy = "let the server build its links with the base URL that WINCE_EHR_URL names"
        raise MessageError("the next page of a search lies elsewhere", field=kind, remedy=remedy)

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        if answer.status in (401, 403):
            remedy = f"allow our client {CENSUS_SCOPE}"
            raise Refused(f"the census was refused ({answer.summary()})", field=self._client.base_url, remedy=remedy)
        if answer.status != 200:
            said = f"the census was not answered ({answer.summary()})"
            raise Unavailable(said, field=self._client.base_url, retry_after_s=answer.retry_after_s)
        return answer

    def _bed_of(self, here: Sequence[Resource], locations: Mapping[str, Resource]) -> str:
        beds = set()
        for place in here:
            reference = _reference(place, "Location")
            location = locations.get(reference)
            if reference and location is None:
                raise Wrong("location", "refers to a Location that can't be read")
            inner = _mapping(_mapping(place.get("location")).get("identifier"))
            beds.add(bed_of(location if location is not None else {"identifier": [inner]}, self._rules))
        beds.discard("")
        if len(beds) > 1:
            raise Wrong("location", "is two beds at once")
        return beds.pop() if beds else ""

    def _row(self, encounter: Resource, bed: str, here: Sequence[Resource], patients: Mapping[str, Resource], moment_us: int) -> Listed:
        visit = _number(_mappings(encounter.get("identifier")), self._rules.visits, "identifier", types=())
        logical = _mapping(_mapping(encounter.get("subject")).get("identifier"))
        reference = _patient(encounter)
        patient = patients.get(reference)
        if reference and patient is None:
            raise Wrong("subject", "refers to a Patient that can't be read")
        if patient is not None and (
            patient.get("active") is False or any(link.get("type") == "replaced-by" for link in _mappings(patient.get("link")))
        ):
            raise Wrong("subject", "is a Patient that is inactive or was merged into another")
        numbers = _mappings(patient.get("identifier")) if patient is not None else [logical]
        person = _number(numbers, self._rules.patients, "subject", types=("MR",))
        born = patient.get("birthDate") if patient is not None else None
        row = Row(person.value, person.system, visit.value, visit.system, bed, "", born if isinstance(born, str) else "")
        found = listed(row, UTC, moment_us)
        since = [at for place in here if (at := _instant(_mapping(place.get("period")).get("start"))) is not None]
        return Listed(found.patient, found.encounter, bed, min(max(since), moment_us) if since else None, found.birth_date)


def _active(encounter: Resource, moment_us: int) -> list[Resource]:
    """Where the patient is now: locations that are active or say nothing, and haven't ended."""
    found = []
    for place in _mappings(encounter.get("location")):
        end = _instant(_mapping(place.get("period")).get("end"))
        if place.get("status", "active") == "active" and (end is None or end > moment_us):
            found.append(place)
    return found


def _number(identifiers: Sequence[Resource], systems: Mapping[str, str], column: str, types: tuple[str, ...]) -> Identifier:
    """The one identifier that counts, in our system. Raises Wrong."""
    found = {
        (system, value): one
        for one in identifiers
        if (system := text(one, "system")) and (value := text(one, "value"))
        if one.get("use") != "old" and (not systems or system in systems)
    }
    typed = {key: one for key, one in found.items() if _types(one) & set(types)}
    chosen = typed or found
    if len(chosen) != 1:
        what = "has several numbers that count" if chosen else "has no number of an authority that counts"
        raise Wrong(column, f"{what}: see identifier_systems and patient_authority")
    system, value = next(iter(chosen))
    return Identifier(systems.get(system, system), value)


def _types(identifier: Resource) -> set[str]:
    return {text(coding, "code") for coding in _mappings(_mapping(identifier.get("type")).get("coding"))}


def _reference(holder: Resource, kind: str) -> str:
    """Id of what an element `location` or `subject` refers to; empty where it names none."""
    literal = _mapping(holder.get(kind.lower() if kind != "Patient" else "subject")).get("reference")
    parts = literal.partition("/_history/")[0].split("/") if isinstance(literal, str) else []
    return parts[-1] if len(parts) >= 2 and parts[-2] == kind and _ID.fullmatch(parts[-1]) else ""


def _patient(encounter: Resource) -> str:
    return _reference(encounter, "Patient")


def _match(entry: Resource, kind: str) -> Resource | None:
    resource = _mapping(entry.get("resource"))
    mode = _mapping(entry.get("search")).get("mode", "match")
    return resource if mode == "match" and resource.get("resourceType") == kind else None


def _mapping(value: object) -> Resource:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _bed(text: str, pattern: str) -> str:
    if pattern:
        found = re.fullmatch(pattern, text)
        if found is None:
            return ""
        groups = found.groupdict()
        parts = [groups["point"] or "", groups["room"] or "", groups["bed"] or ""]
        text = "^".join([*parts, groups["facility"]] if groups.get("facility") else parts)
    return text if _BED.fullmatch(text) else ""


def _instant(value: object) -> int | None:
    """A dateTime with its time and offset as microseconds UTC; None for a day only, or what is none."""
    if not isinstance(value, str) or len(value) <= 10:
        return None
    try:
        at = datetime.fromisoformat(value)
        return None if at.tzinfo is None else (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
