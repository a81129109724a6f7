"""What every resource that leaves must hold, checked on plain dicts: first its class (`classes`), then the rules that no class knows.

Rules with their source in FHIR R4 (4.0.1):

    obs-6     Observation: dataAbsentReason only where there is no value[x]; the same for each component
    obs-7     Observation: no component has the Observation's own code where that has a value
    ref       a Reference is an object and points to a type that the element allows (Observation.performer: no Device)
    status    required bindings: Observation.status, Task.status, Task.intent, AuditEvent.action and .outcome, ...
    qty-3     Quantity: a code needs its system
    per-1     Period: start not after end
    sev-1     AuditEvent.entity: name and query exclude each other
    loinc     LOINC codes end in their mod 10 check digit
    ucum      UCUM units are among those that measure what Wince writes (shares, scores, lengths, times)
    enum      required bindings inside: Identifier.use, Quantity.comparator, Narrative.status, Provenance.entity.role, ...
    txt-1     Narrative.div is a div of XHTML that says something
    id        1 to 64 characters (the classes allow 255)
    empty     no empty string, list or object (JSON representation, 2.6.2)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from wince.domain.loinc import SYSTEM as LOINC
from wince.domain.loinc import loinc_ok
from wince.domain.ucum import SYSTEM as UCUM
from wince.domain.ucum import is_unit
from wince.errors import MessageError
from wince.fhir.classes import Problem, Resource, misfits, targets

__all__ = ["Problem", "Resource", "check", "demand", "loinc_ok", "parse_time", "problems", "reference_type"]


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
    "CommunicationRequest": {
        "status": _set("draft active on-hold revoked completed entered-in-error unknown"),
        "priority": _set("routine urgent asap stat"),
    },
    "Device": {"status": _set("active inactive entered-in-error unknown")},
    "Encounter": {"status": _set("planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown")},
    "Patient": {"gender": _set("male female other unknown")},
}
_INSIDE: Mapping[str, tuple[str, frozenset[str]]] = {
    "use": ("value", _set("usual official temp secondary old")),
    "comparator": ("value", _set("< <= >= >")),
    "role": ("what", _set("derivation revision quotation source removal")),
}
"""Required bindings of an Identifier, a Quantity and a Provenance's entity, by the element's name; each is told by another element."""
_DIV = re.compile(r'<div xmlns="http://www\.w3\.org/1999/xhtml">.*[^<>\s].*</div>', re.S)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def parse_time(text: str) -> datetime | None:
    """A FHIR dateTime with a time as an aware datetime; None where it has no time or is not one."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def problems(resource: Resource) -> list[Problem]:
    """Every broken rule of a resource, its class' first; empty where it holds. No I/O."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        return [Problem("type", "resourceType", "must name the type")]
    misfit = misfits(resource, kind)
    return misfit + (_everywhere(resource, kind) if misfit else _rules(resource, kind))


def check(resource: Resource) -> Resource:
    """The resource itself, where it holds the rules that no class knows. Its class is asked elsewhere (`classes.Forms`).

    Raises MessageError naming the first broken rule.
    """
    demand(_rules(resource, resource["resourceType"]))
    return resource


def demand(found: Sequence[Problem]) -> None:
    """Raises MessageError naming the first of these problems of a resource that Wince made."""
    if found:
        first = found[0]
        raise MessageError(
            f"{first.rule}: {first.text}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""),
            field=first.path,
            remedy="this is a defect of the mapping, or of the protocol's [codes] table",
        )


def _rules(resource: Resource, kind: str) -> list[Problem]:
    found = _everywhere(resource, kind)
    if rules := _BY_TYPE.get(kind):
        found.extend(rules(resource))
    return found


def _everywhere(resource: Resource, kind: str) -> list[Problem]:
    """The rules that can be asked of a resource that does not fit its class, too."""
    found: list[Problem] = []
    _walk(resource, kind, found)
    for name, allowed in _STATUS.get(kind, {}).items():
        if name in resource and not (isinstance(resource[name], str) and resource[name] in allowed):
            found.append(Problem("status", f"{kind}.{name}", "is not in the required value set"))
    if "id" in resource and not (isinstance(resource["id"], str) and _ID.fullmatch(resource["id"])):
        found.append(Problem("id", f"{kind}.id", "must be 1-64 of A-Z a-z 0-9 - ."))
    found.extend(_references(resource, kind))
    return found


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
        if "code" in node or "start" in node or "use" in node or "comparator" in node or "role" in node or "div" in node:
            _object(node, place, found)
        for name, child in node.items():
            of = type(child)
            if of is dict or of is list:
                _walk(child, (place, name), found)
            elif child is None or child == "":
                found.append(Problem("empty", _text((place, name)), "is empty"))
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
    if node.get("system") == UCUM and isinstance(node.get("code"), str) and not is_unit(node["code"]):
        found.append(Problem("ucum", _text((place, "code")), "is no unit of UCUM that is written here"))
    for name, (beside, allowed) in _INSIDE.items():
        if isinstance(node.get(name), str) and beside in node and node[name] not in allowed:
            found.append(Problem("enum", _text((place, name)), "is not in the required value set"))
    if isinstance(node.get("div"), str) and not _DIV.fullmatch(node["div"]):
        found.append(Problem("txt-1", _text((place, "div")), "is no div of XHTML with text in it"))
    start, end = node.get("start"), node.get("end")
    if isinstance(start, str) and isinstance(end, str):
        first, last = parse_time(start), parse_time(end)
        if (first > last) if first and last else start[: len(end)] > end[: len(start)]:
            found.append(Problem("per-1", _text(place), "starts after it ends"))


def _references(resource: Resource, kind: str) -> Iterator[Problem]:
    for name, allowed in targets(kind).items():
        if name not in resource:
            continue
        value = resource[name]
        for place, reference in enumerate(value if isinstance(value, list) else [value]):
            path = f"{kind}.{name}[{place}]" if isinstance(value, list) else f"{kind}.{name}"
            if not isinstance(reference, dict):
                yield Problem("ref", path, "must be a Reference")
            elif allowed and (points := reference_type(reference)) and points not in allowed:
                yield Problem("ref", path, "points to a type that is not allowed there")


def _observation(resource: Resource) -> Iterator[Problem]:
    parts = [(f"Observation.component[{place}]", part) for place, part in enumerate(resource.get("component", []))]
    valued = any(name.startswith("value") for name in resource)
    own = _codes(resource) if valued and parts else set()
    for path, node in [("Observation", resource), *parts]:
        if "dataAbsentReason" in node and any(name.startswith("value") for name in node):
            yield Problem("obs-6", path, "a value and a dataAbsentReason exclude each other")
        if node is not resource and own & _codes(node):
            yield Problem("obs-7", path, "has the Observation's code, which has a value of its own")


def _codes(node: Resource) -> set[tuple[str, str]]:
    return {(coding.get("system", ""), coding.get("code", "")) for coding in node.get("code", {}).get("coding", [])}


def reference_type(reference: Resource) -> str:
    """Type that a Reference points to, from its `type` or its "Type/id"; empty where neither says it."""
    if isinstance(reference.get("type"), str):
        return str(reference["type"])
    literal = reference.get("reference", "")
    parts = str(literal).split("/")
    return parts[-2] if len(parts) >= 2 and parts[-2][:1].isupper() else ""


def _audit_event(resource: Resource) -> Iterator[Problem]:
    for place, entity in enumerate(resource.get("entity", [])):
        if "name" in entity and "query" in entity:
            yield Problem("sev-1", f"AuditEvent.entity[{place}]", "name and query exclude each other")


_BY_TYPE: Mapping[str, Callable[[Resource], Iterator[Problem]]] = {"Observation": _observation, "AuditEvent": _audit_event}
