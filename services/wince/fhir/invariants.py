"""What every resource that leaves must hold: checked on plain dicts, fast enough for every one of them.

The classes of `fhir.resources` accept a status outside its value set, a Device as performer, a value together with a
`dataAbsentReason`, and unknown LOINC codes; this layer does not. Rules with their source in FHIR R4 (4.0.1):

    obs-6     Observation: dataAbsentReason only where there is no value[x]; the same for each component
    obs-perf  Observation.performer: Practitioner, PractitionerRole, Organization, CareTeam, Patient, RelatedPerson
    choice-1  at most one effective[x], one value[x]
    status    required bindings: Observation.status, Task.status, Task.intent, AuditEvent.action and .outcome, ...
    qty-3     Quantity: a code needs its system
    per-1     Period: start not after end
    card      minimum cardinalities of AuditEvent, Provenance, Task, Device, Observation
    loinc     LOINC codes end in their mod 10 check digit
    instant   instants carry seconds and a zone
    empty     no empty string, list or object (JSON representation, 2.6.2)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wince.errors import MessageError

Resource = dict[str, Any]
"""A FHIR resource as parsed JSON."""

LOINC = "http://loinc.org"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STATUS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "Observation": {"status": _set("registered preliminary final amended corrected cancelled entered-in-error unknown")},
    "Task": {
        "status": _set("draft requested received accepted rejected ready cancelled in-progress on-hold failed completed entered-in-error"),
        "intent": _set("unknown proposal plan order original-order reflex-order filler-order instance-order option"),
        "priority": _set("routine urgent asap stat"),
    },
    "AuditEvent": {"action": _set("C R U D E"), "outcome": _set("0 4 8 12")},
    "Device": {"status": _set("active inactive entered-in-error unknown")},
    "Encounter": {"status": _set("planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown")},
    "Patient": {"gender": _set("male female other unknown")},
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "Observation": ("status", "code"),
    "Task": ("status", "intent"),
    "Provenance": ("target", "recorded", "agent"),
    "AuditEvent": ("type", "recorded", "agent", "source"),
    "Encounter": ("status", "class"),
}
_PERFORMERS = frozenset({"Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson"})
_INSTANTS: Mapping[str, str] = {"Observation": "issued", "Provenance": "recorded", "AuditEvent": "recorded"}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DATETIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")
_DATETIMES = frozenset({"start", "end", "effectiveDateTime", "valueDateTime", "occurredDateTime", "authoredOn", "lastModified"})
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule."""

    rule: str
    """Name of the rule, as in the table above."""
    path: str
    """FHIRPath-like place, such as "Observation.component[2].valueQuantity"."""
    text: str
    """What is wrong; never the value found there (it may be about a patient)."""


def loinc_ok(code: str) -> bool:
    """Whether a LOINC code's last digit is its mod 10 check digit (LOINC Users' Guide, appendix on check digits).

    >>> loinc_ok("38208-5"), loinc_ok("38208-6")
    (True, False)
    """
    body, _, check = code.rpartition("-")
    if not (body.isdigit() and len(check) == 1 and check.isdigit()):
        return False
    total = 0
    for place, digit in enumerate(reversed(body)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return (10 - total % 10) % 10 == int(check)


def parse_time(text: str) -> datetime | None:
    """A FHIR dateTime with a time as an aware datetime; None where it has no time or is not one."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def problems(resource: Resource) -> list[Problem]:
    """Every broken rule of a resource; empty where it holds. Types without rules of their own get the general ones. No I/O."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        return [Problem("type", "resourceType", "must name the type")]
    found: list[Problem] = []
    _walk(resource, kind, found)
    for name in _REQUIRED.get(kind, ()):
        if not resource.get(name):
            found.append(Problem("card", f"{kind}.{name}", "is required"))
    for name, allowed in _STATUS.get(kind, {}).items():
        if name in resource and resource[name] not in allowed:
            found.append(Problem("status", f"{kind}.{name}", "is not in the required value set"))
    if (instant := _INSTANTS.get(kind)) and instant in resource and (
        not isinstance(resource[instant], str) or parse_time(resource[instant]) is None
    ):
        found.append(Problem("instant", f"{kind}.{instant}", "must be an instant with seconds and zone"))
    if "id" in resource and not (isinstance(resource["id"], str) and _ID.fullmatch(resource["id"])):
        found.append(Problem("id", f"{kind}.id", "must be 1-64 of A-Z a-z 0-9 - ."))
    if rules := _BY_TYPE.get(kind):
        found.extend(rules(resource))
    return found


def check(resource: Resource) -> Resource:
    """The resource itself, where it holds every rule. Raises MessageError naming the first broken rule."""
    if found := problems(resource):
        first = found[0]
        raise MessageError(
            f"{first.rule}: {first.text}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""),
            field=first.path,
            remedy="this is a defect of the mapping, or of the protocol's [codes] table",
        )
    return resource


_Place = tuple[Any, str | int]
"""(place of the parent, name or index): made into text only where a rule is broken."""


def _text(place: Any) -> str:
    if isinstance(place, str):
        return place
    parent, step = place
    return f"{_text(parent)}[{step}]" if isinstance(step, int) else f"{_text(parent)}.{step}"


def _walk(node: Any, place: str | _Place, found: list[Problem]) -> None:
    """The rules that hold everywhere. Runs on every node of every resource: no generator, no text unless a rule is broken."""
    if not node:
        found.append(Problem("empty", _text(place), "is an empty list or object"))
        return
    if type(node) is dict:
        if "code" in node or "start" in node:
            _object(node, place, found)
        for name, child in node.items():
            of = type(child)
            if of is dict or of is list:
                _walk(child, (place, name), found)
            elif of is str:
                if not child:
                    found.append(Problem("empty", _text((place, name)), "is empty"))
                elif name in _DATETIMES and not _DATETIME.fullmatch(child):
                    found.append(Problem("datetime", _text((place, name)), "is not a dateTime"))
            elif child is None:
                found.append(Problem("empty", _text((place, name)), "is empty"))
            elif of is float and not math.isfinite(child):
                found.append(Problem("decimal", _text((place, name)), "is not a finite number"))
        return
    for index, child in enumerate(node):
        if type(child) in (dict, list):
            _walk(child, (place, index), found)
        elif child is None or child == "":
            found.append(Problem("empty", _text((place, index)), "is empty"))


def _object(node: Resource, place: str | _Place, found: list[Problem]) -> None:
    if "code" in node and "system" not in node and ("value" in node or "unit" in node):
        found.append(Problem("qty-3", _text(place), "a unit code needs its system"))
    if node.get("system") == LOINC and isinstance(node.get("code"), str) and not loinc_ok(node["code"]):
        found.append(Problem("loinc", _text((place, "code")), "has a wrong check digit"))
    start, end = node.get("start"), node.get("end")
    if isinstance(start, str) and isinstance(end, str):
        first, last = parse_time(start), parse_time(end)
        if (first > last) if first and last else start[: len(end)] > end[: len(start)]:
            found.append(Problem("per-1", _text(place), "starts after it ends"))


def _choices(node: Resource, stem: str) -> list[str]:
    return [name for name in node if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper()]


def _observation(resource: Resource) -> Iterator[Problem]:
    if len(_choices(resource, "effective")) > 1:
        yield Problem("choice-1", "Observation.effective[x]", "only one type may be given")
    components = resource.get("component")
    parts = [(f"Observation.component[{i}]", p) for i, p in enumerate(components)] if isinstance(components, list) else []
    for path, node in [("Observation", resource), *parts]:
        if not isinstance(node, dict):
            yield Problem("shape", path, "must be an object")
            continue
        values = _choices(node, "value")
        if len(values) > 1:
            yield Problem("choice-1", f"{path}.value[x]", "only one type may be given")
        if values and "dataAbsentReason" in node:
            yield Problem("obs-6", path, "a value and a dataAbsentReason exclude each other")
        if node is not resource and not node.get("code"):
            yield Problem("card", f"{path}.code", "is required")
    for place, performer in enumerate(resource.get("performer", [])):
        kind = reference_type(performer)
        if kind and kind not in _PERFORMERS:
            yield Problem("obs-perf", f"Observation.performer[{place}]", "must be a person or an organisation")


def reference_type(reference: Resource) -> str:
    """Type that a Reference points to, from its `type` or its "Type/id"; empty where neither says it."""
    if isinstance(reference.get("type"), str):
        return str(reference["type"])
    literal = reference.get("reference", "")
    parts = str(literal).split("/")
    return parts[-2] if len(parts) >= 2 and parts[-2][:1].isupper() else ""


def _provenance(resource: Resource) -> Iterator[Problem]:
    for place, agent in enumerate(resource.get("agent") or []):
        if not agent.get("who"):
            yield Problem("card", f"Provenance.agent[{place}].who", "is required")


def _audit_event(resource: Resource) -> Iterator[Problem]:
    for place, agent in enumerate(resource.get("agent") or []):
        if not isinstance(agent.get("requestor"), bool):
            yield Problem("card", f"AuditEvent.agent[{place}].requestor", "is required")
    source = resource.get("source")
    if isinstance(source, dict) and not source.get("observer"):
        yield Problem("card", "AuditEvent.source.observer", "is required")
    for place, entity in enumerate(resource.get("entity") or []):
        if "name" in entity and "query" in entity:
            yield Problem("sev-1", f"AuditEvent.entity[{place}]", "name and query exclude each other")


def _device(resource: Resource) -> Iterator[Problem]:
    for place, version in enumerate(resource.get("version") or []):
        if not version.get("value"):
            yield Problem("card", f"Device.version[{place}].value", "is required")


def _task(resource: Resource) -> Iterator[Problem]:
    for name in ("focus", "for", "encounter", "owner"):
        if name in resource and not isinstance(resource[name], dict):
            yield Problem("shape", f"Task.{name}", "must be a Reference")


_BY_TYPE: Mapping[str, Callable[[Resource], Iterator[Problem]]] = {
    "Observation": _observation,
    "Provenance": _provenance,
    "AuditEvent": _audit_event,
    "Device": _device,
    "Task": _task,
}
