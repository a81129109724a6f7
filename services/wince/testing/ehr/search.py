"""Search parameters of the sandbox (FHIR R4, 3.1.1): what is indexed of a resource, and a query as SQL.

Kinds: token (system|code, code, |code), reference (Type/id or id), date (prefixes eq ge gt le lt). A comma is "or", a repeated
parameter "and". An unknown parameter is an error, as HAPI has it: a filter that is silently ignored finds strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from wince.errors import MessageError

_COMMON: Mapping[str, tuple[str, str]] = {"identifier": ("token", "identifier")}
_SUBJECT: Mapping[str, tuple[str, str]] = {"subject": ("reference", "subject"), "patient": ("patient", "subject")}
PARAMETERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Patient": {**_COMMON, "birthdate": ("date", "birthDate"), "active": ("token", "active")},
    "Practitioner": _COMMON,
    "Location": _COMMON,
    "Device": {**_COMMON, "status": ("token", "status")},
    "Encounter": {
        **_COMMON,
        **_SUBJECT,
        "status": ("token", "status"),
        "date": ("date", "period"),
        "location": ("reference", "location.location"),
    },
    "Observation": {
        **_COMMON,
        **_SUBJECT,
        "encounter": ("reference", "encounter"),
        "code": ("token", "code"),
        "category": ("token", "category"),
        "status": ("token", "status"),
        "date": ("date", "effectiveDateTime|effectivePeriod|effectiveInstant"),
        "device": ("reference", "device"),
        "performer": ("reference", "performer"),
        "data-absent-reason": ("token", "dataAbsentReason"),
    },
    "Task": {
        **_COMMON,
        "subject": ("reference", "for"),
        "patient": ("patient", "for"),
        "encounter": ("reference", "encounter"),
        "focus": ("reference", "focus"),
        "status": ("token", "status"),
        "code": ("token", "code"),
        "authored-on": ("date", "authoredOn"),
    },
    "CommunicationRequest": {
        "identifier": ("token", "identifier"),
        "status": ("token", "status"),
        "subject": ("reference", "subject"),
        "patient": ("patient", "subject"),
        "encounter": ("reference", "encounter"),
    },
    "Provenance": {"target": ("reference", "target"), "recorded": ("date", "recorded")},
    "AuditEvent": {"entity": ("reference", "entity.what"), "patient": ("patient", "entity.what"), "date": ("date", "recorded")},
}
"""Per type the parameters, each with its kind and the paths that it indexes. These are also the types that the sandbox keeps."""

_PREFIX = re.compile(r"(eq|ge|gt|le|lt)?(\d{4}.*)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def terms(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(parameter, value) of every token and reference of a resource."""
    for name, (kind, paths) in PARAMETERS[resource["resourceType"]].items():
        if kind == "date":
            continue
        for node in _nodes(resource, paths):
            for value in _tokens(node) if kind == "token" else _places(node, patients=kind == "patient"):
                yield name, value


def spans(resource: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """(parameter, first, last) of every date, microseconds since 1970, both inclusive."""
    for name, (kind, paths) in PARAMETERS[resource["resourceType"]].items():
        if kind == "date":
            for node in _nodes(resource, paths):
                if isinstance(node, dict):
                    low = span(node["start"])[0] if "start" in node else -(1 << 62)
                    high = span(node["end"])[1] if "end" in node else 1 << 62
                    yield name, low, high
                else:
                    yield name, *span(str(node))


def _nodes(resource: Any, paths: str) -> Iterator[Any]:
    for path in paths.split("|"):
        found = [resource]
        for step in path.split("."):
            found = [child for node in found if isinstance(node, dict) and step in node for child in _listed(node[step])]
        yield from found


def _listed(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def _tokens(node: Any) -> Iterator[str]:
    if isinstance(node, dict) and "coding" in node:
        for coding in node["coding"]:
            yield from _tokens(coding)
    elif isinstance(node, dict):
        code = node.get("code", node.get("value"))
        if code is not None:
            yield str(code)
            yield f"{node.get('system', '')}|{code}"
    else:
        text = str(node).lower() if isinstance(node, bool) else str(node)
        yield text
        yield f"|{text}"


def _places(node: Any, *, patients: bool) -> Iterator[str]:
    literal = node.get("reference") if isinstance(node, dict) else None
    if isinstance(literal, str) and (not patients or "Patient/" in literal):
        yield literal
        plain = literal.partition("/_history/")[0]  # what is asked for without a version matches every version
        if plain != literal:
            yield plain
        if not literal.startswith(("urn:", "http")):
            yield plain.rpartition("/")[2]


def span(text: str) -> tuple[int, int]:
    """First and last microsecond of a FHIR date, dateTime or instant (UTC where no zone is given). Raises MessageError.

    >>> span("1970-01-01T00:00:01Z")
    (1000000, 1999999)
    """
    try:
        if len(text) == 4:
            low, high = datetime(int(text), 1, 1, tzinfo=UTC), datetime(int(text) + 1, 1, 1, tzinfo=UTC)
        elif len(text) == 7:
            year, month = int(text[:4]), int(text[5:])
            low = datetime(year, month, 1, tzinfo=UTC)
            high = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        else:
            low = datetime.fromisoformat(text)
            low = low if low.tzinfo else low.replace(tzinfo=UTC)
            fraction = re.search(r"\.(\d+)", text)
            day = len(text) == 10
            rest = 10 ** max(0, 6 - len(fraction[1])) if fraction else 1_000_000
            high = low + (timedelta(days=1) if day else timedelta(microseconds=rest))
    except (ValueError, OverflowError):
        raise MessageError("is no FHIR date", field="date") from None
    return (low - _EPOCH) // timedelta(microseconds=1), (high - _EPOCH) // timedelta(microseconds=1) - 1


def where(kind: str, query: str) -> tuple[str, list[Any], int, int]:
    """A query string as (SQL condition on `current.seq` and `.id`, its arguments, _count, _offset). Raises MessageError."""
    conditions: list[str] = ["type = ?"]
    arguments: list[Any] = [kind]
    count, offset = 50, 0
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in ("_count", "_offset"):
            if not value.isdigit():
                raise MessageError("must be a number", field=name)
            count, offset = (min(int(value), 500), offset) if name == "_count" else (count, int(value))
            continue
        if name in ("_format", "_total", "_summary"):
            continue
        values = _alternatives(value)
        if name == "_id":
            conditions.append(f"id IN ({','.join('?' * len(values))})")
            arguments.extend(values)
            continue
        found = PARAMETERS[kind].get(name)
        if found is None:
            raise MessageError("is no search parameter of this type", field=name)
        if found[0] == "date":
            clauses = [_date(text) for text in values]
            conditions.append(f"seq IN (SELECT seq FROM span WHERE type = ? AND name = ? AND ({' OR '.join(c for c, _ in clauses)}))")
            arguments.extend([kind, name])
            arguments.extend(number for _, numbers in clauses for number in numbers)
        else:
            conditions.append(f"seq IN (SELECT seq FROM term WHERE type = ? AND name = ? AND value IN ({','.join('?' * len(values))}))")
            arguments.extend([kind, name, *values])
    return " AND ".join(conditions), arguments, count, offset


def _alternatives(text: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\),", text)]


def _date(text: str) -> tuple[str, list[int]]:
    match = _PREFIX.fullmatch(text)
    if match is None:
        raise MessageError("is no FHIR date", field="date")
    low, high = span(match[2])
    match match[1] or "eq":
        case "ge":
            return "high >= ?", [low]
        case "gt":
            return "high > ?", [high]
        case "le":
            return "low <= ?", [high]
        case "lt":
            return "low < ?", [low]
        case _:
            return "(low >= ? AND high <= ?)", [low, high]
