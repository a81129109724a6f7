"""Whose record is it: from business identifiers to the server's own ids, exactly one hit each, or nothing is written.

    a hit must carry the identifier that was asked for          else the server ignores the search: the target is held
    a record that was replaced is followed to the last one      two records of one person that was merged are one
    an inactive one without successor, two persons, a cancelled encounter: dead, a person looks
    another's encounter, another birth date: the same, if it is still so after a while: corrections reach the interface before the record
    nobody yet, or an encounter that still hangs at a record that was merged away: tried again

What was found is remembered for a time, and looked up again at once where the server refuses what was written with it, or where the
hospital's feed told of a merge of one of its numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from wince.delivery.fhir.finding import Finder, Heard
from wince.delivery.fhir.judging import Stop
from wince.delivery.interface import Answer, Outcome
from wince.domain.stay import Identifier
from wince.fhir.answer import carries, part, parts, place, text
from wince.fhir.client import FhirClient
from wince.fhir.invariants import Resource

_UNKNOWN_RETRY_S = 60.0
"""A patient who is not there yet may come: admissions reach the interface before the record."""
_MAX_STAYS = 4096
_MERGES = 8
"""Merges that are followed, one after the other."""
Born = Callable[[str, str], str]
"""Birth date (YYYY-MM-DD) that the hospital's feed gave for a patient's system and value; empty where it gave none."""
Merges = Callable[[Identifier, Identifier], int]
"""How many merges the hospital's feed told of a patient's or a visit's number."""


class Resolver:
    """Finds patient and encounter; remembers a stay for `cache_s` seconds. Thread-safe."""

    def __init__(
        self,
        client: FhirClient,
        systems: Mapping[str, str],
        cache_s: float,
        clock: Callable[[], float],
        born: Born = lambda _system, _value: "",
        heard: Heard = lambda *_: None,
        merges: Merges = lambda _patient, _visit: 0,
    ) -> None:
        self._merges = merges
        self._finder, self._systems, self._cache_s, self._clock, self._born = Finder(client, heard), systems, cache_s, clock, born
        self._stays: OrderedDict[tuple[str, ...], tuple[str, str, float, int]] = OrderedDict()
        self._lock = Lock()

    def resolve(self, resource: Resource) -> tuple[dict[str, str], bool]:
        """({"Patient": "Patient/1", "Encounter": "Encounter/2"}, whether that was remembered) for an Observation or Task with logical
        references.

        Raises Stop: RETRY where patient or encounter is not known there (yet), DEAD where it is not certain which one is meant, HELD where
        the server's search can't be believed.
        """
        key, person, visit = _stay(resource)
        with self._lock:
            held = self._stays.get(key)
        # Asked before the look-up: a merge that comes meanwhile is seen the next time.
        merges = self._merges(Identifier(*key[:2]), Identifier(*key[2:]))
        remembered = held is not None and self._clock() < held[2] and merges == held[3]
        if held is None or not remembered:
            held = (*self._look_up(person, visit), self._clock() + self._cache_s, merges)
            with self._lock:
                self._stays[key] = held
                while len(self._stays) > _MAX_STAYS:
                    self._stays.popitem(last=False)
        return {"Patient": held[0], "Encounter": held[1]}, remembered

    def whose(self, resource: Resource, location: str) -> tuple[dict[str, str], bool]:
        """As `resolve`, for what is written at `location` (empty: nowhere yet).

        What is withdrawn stays where it stands: nobody need be certain whose it is to call it an error. The EHR corrects a visit's patient,
        too, and then the visit of the wrong entry is no longer that patient's.
        """
        try:
            return self.resolve(resource)
        except Stop as stop:
            if not location or resource.get("status") != "entered-in-error" or stop.answer.outcome is Outcome.HELD:
                raise
            there, ours = self._finder.read(location), resource["identifier"][0]
            patient = place(text(part(there, "for" if "for" in resource else "subject"), "reference"))
            encounter = place(text(part(there, "encounter"), "reference"))
            if not (patient and encounter and carries(there, ours["system"], ours["value"])):
                raise
            return {"Patient": patient, "Encounter": encounter}, False

    def forget(self, resource: Resource) -> None:
        """Look this stay up again next time: the server refused what was written with the ids that we remember."""
        with self._lock:
            self._stays.pop(_stay(resource)[0], None)

    def _look_up(self, person: Resource, visit: Resource) -> tuple[str, str]:
        patients = self._known("Patient", person)
        chains = [self._survivor(patient) for patient in patients]
        lasts = {where for where, _ in chains}
        if len(lasts) > 1:
            raise Stop(Answer(Outcome.DEAD, "several Patient with this identifier are there"))
        [mine] = lasts
        merged = {where for _, before in chains for where in before}
        self._same_birth_date(person, patients)
        encounters = self._known("Encounter", visit)
        if len(encounters) > 1:
            raise Stop(Answer(Outcome.DEAD, "several Encounter with this identifier are there"))
        encounter = encounters[0]
        whose = place(text(part(encounter, "subject"), "reference"))
        if whose in merged:
            raise Stop(Answer(Outcome.RETRY, "the encounter there still hangs at a record that was merged", retry_after_s=_UNKNOWN_RETRY_S))
        if whose != mine:
            raise Stop(Answer(Outcome.DEAD, "the encounter there is not this patient's", may_pass=True))
        if encounter.get("status") in ("cancelled", "entered-in-error"):
            raise Stop(Answer(Outcome.DEAD, "the encounter there was cancelled"))
        return mine, f"Encounter/{encounter['id']}"

    def _known(self, kind: str, identifier: Resource) -> list[Resource]:
        found = self.search(kind, self._systems.get(identifier["system"], identifier["system"]), identifier["value"])
        if not found:
            raise Stop(Answer(Outcome.RETRY, f"no {kind} with this identifier is there", retry_after_s=_UNKNOWN_RETRY_S))
        return found

    def search(self, kind: str, system: str, value: str) -> list[Resource]:
        """As `Finder.search`."""
        return self._finder.search(kind, system, value)

    def _survivor(self, patient: Resource) -> tuple[str, list[str]]:
        """Where a person's record is now, and the records that were merged on the way there."""
        before: list[str] = []
        while onward := _replaced_by(patient):
            before.append(f"Patient/{patient['id']}")
            if onward in before or len(before) > _MERGES:
                raise Stop(Answer(Outcome.DEAD, "the patient's record there was merged in a circle"))
            patient = self._finder.read(onward)
        if patient.get("active") is False:
            raise Stop(Answer(Outcome.DEAD, "the patient's record there is inactive"))
        return f"Patient/{patient['id']}", before

    def _same_birth_date(self, person: Resource, patients: list[Resource]) -> None:
        """A year, or a year and a month, are enough where the server knows no more."""
        ours = self._born(person["system"], person["value"])
        for theirs in (text(patient, "birthDate") for patient in patients):
            if ours and theirs and ours[: len(theirs)] != theirs[: len(ours)]:
                raise Stop(Answer(Outcome.DEAD, "the patient there has another birth date than the one admitted", may_pass=True))


def _replaced_by(patient: Resource) -> str:
    """Patient/id of the record that replaced this one; empty where none did."""
    for link in parts(patient, "link"):
        if link.get("type") == "replaced-by":
            onward = place(text(part(link, "other"), "reference"))
            if not onward.startswith("Patient/"):
                raise Stop(Answer(Outcome.DEAD, "the patient's record there was merged into one that it does not name"))
            return onward
    return ""


def _stay(resource: Resource) -> tuple[tuple[str, ...], Resource, Resource]:
    person = (resource.get("subject") or resource["for"])["identifier"]
    visit = resource["encounter"]["identifier"]
    return (person["system"], person["value"], visit["system"], visit["value"]), person, visit


_REFERRING = (
    *("subject", "encounter", "device", "performer", "derivedFrom", "for", "focus", "target", "agent", "entity"),
    *("about", "payload"),
)
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
