"""What a FHIR server, or its token endpoint, answered: read with suspicion.

Anything may stand in an answer: a proxy's page, half of a body, null where an element should be, a number that is none. What can't be
read is absent, never an error. Texts of an OperationOutcome may quote a patient, so only its codes and expressions leave this module.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import httpx

_MAX_RETRY_AFTER_S = 3600.0
ISSUE_CODES = frozenset({
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden", "suppressed",
    "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension",
    "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
    "informational",
})  # fmt: skip
"""FHIR R4's value set IssueType. A server that writes something else there may write a name."""
_PATH = re.compile(
    r"(?:Bundle|Observation|Task|CommunicationRequest|Provenance|AuditEvent|Device|Patient|Encounter)"
    r"(?:\.[a-z][A-Za-z]*(?:\[\d{1,4}\])?(?:\([a-zA-Z]*\))?)*"
)
_PLACE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r"[A-Za-z0-9\-._:+/=~]{1,128}")
_NOTHING = re.compile(rb"null|NaN|Infinity|n\0+u\0+l\0+l")
_DEEPEST = 100
"""Levels of a JSON body; FHIR's own resources stay below 20."""


def part(node: object, name: str) -> dict[str, Any]:
    """The object under a name; empty where there is none."""
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, dict) else {}


def parts(node: object, name: str) -> list[dict[str, Any]]:
    """The objects of the list under a name; what is no object is left out."""
    value = node.get(name) if isinstance(node, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(node: object, name: str) -> str:
    """The text under a name; empty where there is none."""
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""


def place(reference: str) -> str:
    """ "Type/id" at the end of a literal reference or URL; empty where it ends in none.

    >>> place("https://ehr/fhir/Patient/1/_history/2"), place("Patient/1?x=1"), place("urn:uuid:1")
    ('Patient/1', '', '')
    """
    found = "/".join(reference.partition("/_history/")[0].rstrip("/").split("/")[-2:])
    return found if _PLACE.fullmatch(found) else ""


def carries(resource: object, system: str, value: str) -> bool:
    """Whether a resource has this identifier, system and value as they are."""
    return any(text(has, "system") == system and text(has, "value") == value for has in parts(resource, "identifier"))


@dataclass(frozen=True)
class Answer:
    """Status, body (decoded, at most the client's limit) and headers."""

    status: int
    body: bytes = field(repr=False)
    headers: httpx.Headers = field(repr=False)

    @cached_property
    def json(self) -> object:
        """The body as JSON, members that are null or no number left out; None where it is none or nests too deep."""
        return read_json(self.body, self.headers.get("content-type", "")) if self.body else None

    @cached_property
    def resource(self) -> dict[str, Any]:
        """The body as a resource; empty where there is none or it is not a JSON object."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def kind(self) -> str:
        """resourceType of the body; empty where it has none."""
        return text(self.resource, "resourceType")

    @property
    def is_page(self) -> bool:
        """Whether the body is no JSON: a page of a proxy, a firewall or a login, or a spoiled answer."""
        return bool(self.body.strip()) and self.json is None

    @property
    def complains(self) -> bool:
        """Whether the body is an OperationOutcome that tells of an error."""
        return self.kind == "OperationOutcome" and any(text(i, "severity") in ("error", "fatal") for i in parts(self.resource, "issue"))

    @property
    def location(self) -> str:
        """ "Type/id" of the resource that was written, from Location, Content-Location or the body; empty where none says it.

        >>> Answer(201, b"", httpx.Headers({"location": "http://ehr/fhir/Observation/7/_history/1"})).location
        'Observation/7'
        """
        for name in ("location", "content-location"):
            if where := place(self.headers.get(name, "")):
                return where
        return "" if self.kind in ("OperationOutcome", "Bundle") else place(f"{self.kind}/{text(self.resource, 'id')}")

    @property
    def version(self) -> str:
        """Version id, from the ETag, the Location or the body's meta; empty where none says it."""
        tag = str(self.headers.get("etag", "")).removeprefix("W/").strip('"')
        said = str(self.headers.get("location", "")).partition("/_history/")[2].strip("/")
        found = tag or said or text(part(self.resource, "meta"), "versionId")
        return found if _VERSION.fullmatch(found) else ""

    @property
    def retry_after_s(self) -> float | None:
        """Retry-After in seconds from now (at most an hour), given as seconds or as an HTTP date; None where absent or neither.

        A date is held against the answer's own Date, since the server's clock may differ from ours.
        """
        said = self.headers.get("retry-after", "")
        try:
            seconds = float(said)
        except ValueError:
            then = _moment(said)
            if then is None:
                return None
            seconds = then - (_moment(self.headers.get("date", "")) or time.time())
        return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S) if math.isfinite(seconds) else None

    def summary(self) -> str:
        """Status and, of an OperationOutcome, the codes and expressions of its first three errors: nothing about a patient.

        >>> body = b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invariant"}]}'
        >>> Answer(422, body, httpx.Headers()).summary()
        '422 invariant'
        """
        said = [str(self.status)]
        issues = self.resource.get("issue") if self.kind == "OperationOutcome" else None
        for issue in (issues if isinstance(issues, list) else [])[:3]:
            if isinstance(issue, dict) and issue.get("severity") in ("error", "fatal"):
                where = issue.get("expression") or issue.get("location") or []
                paths = [path for path in where if isinstance(path, str) and _plain(path)] if isinstance(where, list) else []
                code = issue.get("code")
                said.append(" ".join([code if isinstance(code, str) and code in ISSUE_CODES else "error", *paths[:1]]))
        return " ".join(said)


def read_json(body: bytes, content_type: str = "") -> object:
    """A body as JSON (RFC 8259), in UTF-8, UTF-16 or UTF-32 with or without a byte order mark, else in the charset that it declares.
    None where it can't be read."""
    if body.count(b"[") + body.count(b"{") > _DEEPEST and _depth(body) > _DEEPEST:
        return None
    hook = _without_nulls if _NOTHING.search(body) else None
    try:
        return json.loads(body, object_pairs_hook=hook, parse_constant=_nothing)
    except UnicodeDecodeError:
        pass
    except (ValueError, RecursionError):
        return None
    try:
        charset = codecs.lookup(content_type.lower().partition("charset=")[2].split(";")[0].strip(" \"'") or "latin-1").name
        return json.loads(body.decode(charset), object_pairs_hook=_without_nulls, parse_constant=_nothing)
    except (ValueError, LookupError, RecursionError, TypeError, AttributeError):
        return None


def _depth(body: bytes) -> int:
    """Levels of nesting, outside of texts."""
    deepest = level = 0
    for mark in re.findall(rb"[\[{\]}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", body)):
        level += 1 if mark in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _without_nulls(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}


def _nothing(_constant: str) -> None:
    """NaN and the infinities, which JSON doesn't have."""


def _moment(date: str) -> float | None:
    """An HTTP date as seconds since 1970."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _plain(words: str) -> bool:
    """Whether a text is a path to an element of a resource, such as Observation.code.coding[0]; free text may name a patient."""
    return len(words) <= 120 and _PATH.fullmatch(words) is not None


def origin(url: str | httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL: what a token may be sent to."""
    made = httpx.URL(url)
    return made.scheme, made.host, made.port
