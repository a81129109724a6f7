"""Whose record is it: from business identifiers to the server's own ids, exactly one hit each, or nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from wince.delivery.interface import Answer, Outcome
from wince.fhir.client import Answer as Response
from wince.fhir.client import FhirClient
from wince.fhir.invariants import Resource
from wince.fhir.scopes import WRITER_SCOPE

_REMEDIES = {
    401: "the server takes no token of ours: let it trust the token endpoint that its SMART discovery names; with ehr_auth none, use smart",
    403: f"allow our client at the EHR what it asks for: {WRITER_SCOPE}",
}
"""What a person can do about a hold."""
_UNKNOWN_RETRY_S = 60.0
"""A patient who is not there yet may come: admissions reach the interface before the record."""
_MAX_STAYS = 4096


class Stop(Exception):
    """Ends a delivery with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class Resolver:
    """Finds patient and encounter; remembers a stay for `cache_s` seconds. Thread-safe."""

    def __init__(self, client: FhirClient, systems: Mapping[str, str], cache_s: float, clock: Callable[[], float]) -> None:
        self._client, self._systems, self._cache_s, self._clock = client, systems, cache_s, clock
        self._stays: OrderedDict[tuple[str, ...], tuple[str, str, float]] = OrderedDict()
        self._lock = Lock()

    def resolve(self, resource: Resource) -> dict[str, str]:
        """{"Patient": "Patient/1", "Encounter": "Encounter/2"} for an Observation or Task with logical references.

        Raises Stop: RETRY where patient or encounter is not known there (yet), DEAD where it is not certain which one is meant.
        """
        key, person, visit = _stay(resource)
        with self._lock:
            held = self._stays.get(key)
        if held is None or self._clock() >= held[2]:
            held = (*self._look_up(person, visit), self._clock() + self._cache_s)
            with self._lock:
                self._stays[key] = held
                while len(self._stays) > _MAX_STAYS:
                    self._stays.popitem(last=False)
        return {"Patient": held[0], "Encounter": held[1]}

    def forget(self, resource: Resource) -> None:
        """Look this stay up again next time: the server refused what was written with the ids that we remember."""
        with self._lock:
            self._stays.pop(_stay(resource)[0], None)

    def _look_up(self, person: Resource, visit: Resource) -> tuple[str, str]:
        patient = self._only("Patient", person)
        if patient.get("active") is False or any(link.get("type") == "replaced-by" for link in patient.get("link", [])):
            raise Stop(Answer(Outcome.DEAD, "the patient's record there is inactive or was merged into another"))
        place = f"Patient/{patient['id']}"
        encounter = self._only("Encounter", visit)
        whose = str(encounter.get("subject", {}).get("reference", "")).split("/_history/")[0]
        if "/".join(whose.split("/")[-2:]) != place:
            raise Stop(Answer(Outcome.DEAD, "the encounter there is not this patient's"))
        if encounter.get("status") in ("cancelled", "entered-in-error"):
            raise Stop(Answer(Outcome.DEAD, "the encounter there was cancelled"))
        return place, f"Encounter/{encounter['id']}"

    def _only(self, kind: str, identifier: Resource) -> Resource:
        found = self.search(kind, self._systems.get(identifier["system"], identifier["system"]), identifier["value"])
        if not found:
            raise Stop(Answer(Outcome.RETRY, f"no {kind} with this identifier is there", retry_after_s=_UNKNOWN_RETRY_S))
        if len(found) > 1:
            raise Stop(Answer(Outcome.DEAD, f"several {kind} with this identifier are there"))
        return found[0]

    def search(self, kind: str, system: str, value: str) -> list[Resource]:
        """Resources with an identifier, at most two. Raises Stop where the server does not answer 200 with a Bundle."""
        answer = self._client.request("GET", kind, params={"identifier": f"{_escaped(system)}|{_escaped(value)}", "_count": "2"})
        if answer.status != 200:
            raise Stop(judged(answer))
        if answer.resource.get("resourceType") != "Bundle":
            raise Stop(Answer(Outcome.RETRY, "the answer to a search is no Bundle"))
        hits = [entry for entry in answer.resource.get("entry", []) if entry.get("search", {}).get("mode", "match") == "match"]
        return [entry["resource"] for entry in hits if entry.get("resource", {}).get("resourceType") == kind]


def _stay(resource: Resource) -> tuple[tuple[str, ...], Resource, Resource]:
    person = (resource.get("subject") or resource["for"])["identifier"]
    visit = resource["encounter"]["identifier"]
    return (person["system"], person["value"], visit["system"], visit["value"]), person, visit


def judged(answer: Response) -> Answer:
    """What an answer other than success means for a create or a read."""
    status, detail = answer.status, answer.summary()
    if status in (401, 403):
        return Answer(Outcome.HELD, detail, remedy=_REMEDIES[status])
    if status in (408, 409, 425, 429) or status >= 500:
        return Answer(Outcome.RETRY, detail, retry_after_s=answer.retry_after_s)
    if 200 <= status < 300:
        return Answer(Outcome.RETRY, f"{detail} without a location")
    return Answer(Outcome.DEAD, detail)


def _escaped(text: str) -> str:
    r"""FHIR R4 3.1.1.4.0.2: in a search value, $ , | and \ are escaped by a backslash."""
    return "".join("\\" + c if c in "\\$,|" else c for c in text)


_REFERRING = ("subject", "encounter", "device", "derivedFrom", "for", "focus", "target", "agent", "entity")
"""Elements of our resources that hold references to be filled in; nothing else is walked, for speed."""


def link(resource: Resource, known: Mapping[str, str]) -> Resource:
    """A copy with references filled in: urn:uuid references by their place, patient and encounter by the server's id. A urn:uuid
    that stands nowhere on the server becomes a logical reference."""
    return {**resource, **{name: _linked(resource[name], known) for name in _REFERRING if name in resource}}


def _linked(node: Any, known: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_linked(child, known) for child in node]
    if not isinstance(node, dict):
        return node
    literal = node.get("reference")
    if isinstance(literal, str) and literal.startswith("urn:uuid:"):
        if literal in known:
            return {**node, "reference": known[literal]}
        rest = {key: value for key, value in node.items() if key != "reference"}
        return {**rest, "identifier": {"system": "urn:ietf:rfc:3986", "value": literal}}
    if "identifier" in node and node.get("type") in ("Patient", "Encounter") and "reference" not in node:
        return {"reference": known[node["type"]], **node}
    return {key: _linked(value, known) if isinstance(value, (dict, list)) else value for key, value in node.items()}
