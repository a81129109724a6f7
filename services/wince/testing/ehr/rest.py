"""FHIR R4 REST of the sandbox (3.1.0): create, read, vread, update, search, conditional create, transaction, capabilities."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from wince.errors import MessageError
from wince.fhir.invariants import Problem, problems
from wince.testing.ehr.search import PARAMETERS
from wince.testing.ehr.store import Resource, Store
from wince.testing.ehr.wire import Response

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/\d+)?")


class Refusal(Exception):
    """Ends an interaction with an OperationOutcome."""

    def __init__(self, status: int, code: str, found: list[Problem] | None = None, text: str = "") -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.found, self.text = status, code, found or [], text

    def response(self) -> Response:
        """As HTTP."""
        issues: list[Resource] = [
            {"severity": "error", "code": self.code, "expression": [p.path], "diagnostics": f"{p.rule}: {p.text}"} for p in self.found
        ] or [{"severity": "error", "code": self.code, **({"diagnostics": self.text} if self.text else {})}]
        return _answer(self.status, {"resourceType": "OperationOutcome", "issue": issues})


class Rest:
    """The interactions on one store. `now` gives seconds since 1970."""

    def __init__(self, store: Store, base: str, now: Callable[[], float]) -> None:
        self._store, self._base, self._now = store, base, now

    def create(self, kind: str, body: bytes, headers: dict[str, str]) -> Response:
        """POST [type], with If-None-Exist as a conditional create."""
        resource = self._parse(kind, body)
        with self._store.transaction():
            status, stored = self._create(resource, headers.get("if-none-exist", ""))
        return self._written(status, stored, headers)

    def update(self, kind: str, identity: str, body: bytes, headers: dict[str, str]) -> Response:
        """PUT [type]/[id], with If-Match; a new id is created. The same content again leaves the version as it is."""
        resource = self._parse(kind, body)
        if resource.get("id") != identity:
            raise Refusal(400, "invalid", [Problem("id", f"{kind}.id", "must be the id of the URL")])
        with self._store.transaction():
            status, stored = self._update(resource, headers.get("if-match", ""))
        return self._written(status, stored, headers)

    def read(self, kind: str, identity: str, version: str = "") -> Response:
        """GET [type]/[id] or [type]/[id]/_history/[version]."""
        found = self._store.read(_known(kind), identity, int(version) if version.isdigit() else None)
        if found is None:
            raise Refusal(404, "not-found")
        return _answer(200, found, {"ETag": f'W/"{found["meta"]["versionId"]}"'})

    def search(self, kind: str, query: str) -> Response:
        """GET [type]?..., with paging."""
        try:
            found, total, count, offset = self._store.find(_known(kind), query)
        except MessageError as error:
            raise Refusal(400, "invalid", [Problem("search", error.field, error.message)]) from None
        links = [{"relation": "self", "url": f"{self._base}/{kind}" + (f"?{query}" if query else "")}]
        if offset + len(found) < total and count:
            rest = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "_offset"]
            links.append({"relation": "next", "url": f"{self._base}/{kind}?{urlencode([*rest, ('_offset', str(offset + count))])}"})
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
        if found:
            bundle["entry"] = [{"fullUrl": f"{self._base}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in found]
        return _answer(200, bundle)

    def transaction(self, body: bytes, allowed: Callable[[str, str], bool]) -> Response:
        """POST [base]: all entries or none. Creates and updates; urn:uuid references between entries are resolved."""
        bundle = _loaded(body)
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
            raise Refusal(400, "not-supported", text="a Bundle of type transaction is expected")
        entries = bundle.get("entry", [])
        answers: list[Resource] = []
        with self._store.transaction():
            plan: list[tuple[str, Resource, Resource, Resource | None, str]] = []
            places: dict[str, str] = {}
            asked: set[str] = set()
            for entry in entries:
                request, resource = entry.get("request", {}), entry.get("resource", {})
                method, url = request.get("method"), str(request.get("url", ""))
                kind = _known(url.split("/", maxsplit=1)[0])
                if not allowed("create" if method == "POST" else "update", kind):
                    raise Refusal(403, "forbidden")
                if method == "POST" and url == kind:
                    query = request.get("ifNoneExist", "")
                    if query and f"{kind}?{query}" in asked:
                        raise Refusal(400, "duplicate", text="two entries of one transaction have the same ifNoneExist")
                    asked.add(f"{kind}?{query}")
                    there = self._matches(kind, query)
                    identity = there["id"] if there else str(uuid4())
                elif method == "PUT" and url.count("/") == 1 and resource.get("id") == url.split("/")[1]:
                    there, identity = None, resource["id"]
                else:
                    raise Refusal(400, "not-supported", text="POST [type] and PUT [type]/[id] are expected")
                plan.append((method, request, resource, there, identity))
                if entry.get("fullUrl"):
                    places[entry["fullUrl"]] = f"{kind}/{identity}"
            for method, request, resource, there, identity in plan:
                linked = _linked(resource, places)
                if there is not None:
                    status, stored = 200, there
                else:
                    self._check(linked, linked.get("resourceType", ""), fresh=set(places.values()))
                    if method == "POST":
                        status, stored = 201, self._keep({**linked, "id": identity}, 1)
                    else:
                        status, stored = self._update(linked, request.get("ifMatch", ""))
                number = stored["meta"]["versionId"]
                place = f"{stored['resourceType']}/{stored['id']}/_history/{number}"
                answers.append({"response": {"status": str(status), "location": place, "etag": f'W/"{number}"'}, "resource": stored})
        return _answer(200, {"resourceType": "Bundle", "type": "transaction-response", **({"entry": answers} if answers else {})})

    def capabilities(self) -> Response:
        """GET metadata."""
        codes = ["read", "vread", "update", "create", "search-type"]
        resources = [
            {
                "type": kind,
                "interaction": [{"code": code} for code in codes],
                "versioning": "versioned-update",
                "conditionalCreate": True,
                "conditionalUpdate": False,
                "updateCreate": True,
                "searchParam": [
                    {"name": name, "type": "reference" if of == "patient" else of} for name, (of, _) in PARAMETERS[kind].items()
                ],
            }
            for kind in PARAMETERS
        ]
        return _answer(
            200,
            {
                "resourceType": "CapabilityStatement",
                "status": "active",
                "date": _instant(self._now()),
                "kind": "instance",
                "software": {"name": "Wince EHR sandbox"},
                "implementation": {"description": "A sandbox for tests and demonstrations; holds no real patients", "url": self._base},
                "fhirVersion": "4.0.1",
                "format": ["json"],
                "rest": [{"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}],
            },
        )

    def _parse(self, kind: str, body: bytes) -> Resource:
        resource = _loaded(body)
        self._check(resource, _known(kind), fresh=set())
        return resource

    def _check(self, resource: Resource, kind: str, *, fresh: set[str]) -> None:
        if resource.get("resourceType") != kind:
            raise Refusal(400, "invalid", [Problem("type", "resourceType", "must be the type of the URL")])
        if found := problems(resource):
            raise Refusal(422, "invariant", found)
        for name, literal in _references(resource, []):
            match = _LOCAL.fullmatch(literal)
            if literal.startswith("urn:uuid:") or (
                match and literal not in fresh and match[1] in PARAMETERS and not self._store.exists(match[1], match[2])
            ):
                raise Refusal(400, "not-found", [Problem("reference", f"{kind}.{name}", "points to nothing here")])

    def _matches(self, kind: str, query: str) -> Resource | None:
        if not query:
            return None
        if not parse_qsl(query):
            raise Refusal(400, "invalid", text="If-None-Exist holds no search")
        try:
            found, total, _, _ = self._store.find(kind, query)
        except MessageError as error:
            raise Refusal(400, "invalid", [Problem("search", error.field, error.message)]) from None
        if total > 1:
            raise Refusal(412, "multiple-matches")
        return found[0] if found else None

    def _create(self, resource: Resource, query: str) -> tuple[int, Resource]:
        if there := self._matches(resource["resourceType"], query):
            return 200, there
        return 201, self._keep({**resource, "id": str(uuid4())}, 1)

    def _update(self, resource: Resource, match: str) -> tuple[int, Resource]:
        there = self._store.read(resource["resourceType"], resource["id"])
        if match and (there is None or match.removeprefix("W/").strip('"') != there["meta"]["versionId"]):
            raise Refusal(412, "conflict")
        if there is None:
            return 201, self._keep(resource, 1)
        if _content(there) == _content(resource):
            return 200, there
        return 200, self._keep(resource, int(there["meta"]["versionId"]) + 1)

    def _keep(self, resource: Resource, version: int) -> Resource:
        if not _ID.fullmatch(str(resource["id"])):
            raise Refusal(400, "invalid", [Problem("id", "id", "is no FHIR id")])
        meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": _instant(self._now())}
        kept = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
        kept.update((name, value) for name, value in resource.items() if name not in kept)
        self._store.write(kept)
        return kept

    def _written(self, status: int, stored: Resource, headers: dict[str, str]) -> Response:
        kind, identity, version = stored["resourceType"], stored["id"], stored["meta"]["versionId"]
        place = {"ETag": f'W/"{version}"', "Location": f"{self._base}/{kind}/{identity}/_history/{version}"}
        if "return=minimal" in headers.get("prefer", ""):
            return Response(status, b"", place)
        return _answer(status, stored, place)


def _known(kind: str) -> str:
    if kind not in PARAMETERS:
        raise Refusal(404, "not-supported", text="this type is not kept here")
    return kind


def _loaded(body: bytes) -> Resource:
    try:
        resource = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "structure", text="the body is no JSON") from None
    if not isinstance(resource, dict):
        raise Refusal(400, "structure", text="the body is no JSON object")
    return resource


def _content(resource: Resource) -> Resource:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta}


def _references(node: Any, found: list[tuple[str, str]], name: str = "") -> list[tuple[str, str]]:
    """(name of the element, literal) of every reference."""
    if type(node) is dict:
        literal = node.get("reference")
        if isinstance(literal, str):
            found.append((name, literal))
        for child_name, child in node.items():
            if type(child) in (dict, list):
                _references(child, found, child_name)
    else:
        for child in node:
            if type(child) in (dict, list):
                _references(child, found, name)
    return found


def _linked(node: Any, places: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_linked(child, places) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        name: places.get(value, value) if name == "reference" and isinstance(value, str) else _linked(value, places)
        for name, value in node.items()
    }


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answer(status: int, resource: Resource, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode(), headers or {})
