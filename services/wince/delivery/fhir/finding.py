"""Searches by identifier, whose hits are not believed unseen: each must carry the identifier asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wince.delivery.fhir.judging import IGNORED, Stop, judged, odd
from wince.delivery.interface import Answer, Outcome
from wince.fhir.answer import Answer as Response
from wince.fhir.answer import carries, part, parts, place, text
from wince.fhir.client import FhirClient
from wince.fhir.invariants import Resource

_PAGES = 4
"""Of one search. A page may hold less than was found, even nothing (FHIR R4, 3.1.1.5)."""
_A_PAGE, _ALL_PAGES = 100, 200
"""Hits that are asked for at once, and pages, where all that is found is looked at."""

Heard = Callable[[str, str, Answer | None, str], None]
"""Is told of every search: type, query as it was sent, failure or None, and Patient/id where one patient alone was found."""


class Finder:
    """Searches one server. Thread-safe."""

    def __init__(self, client: FhirClient, heard: Heard = lambda *_: None) -> None:
        self._client, self._heard = client, heard

    def search(self, kind: str, system: str, value: str) -> list[Resource]:
        """Resources that carry an identifier, on the first pages.

        Raises Stop: HELD where the server gives others than those asked for, RETRY where the answer can't be read as a whole (nothing
        may be concluded from it), what `judged` says where it is no 200.
        """
        query = f"{kind}?identifier={_escaped(system)}|{_escaped(value)}"
        try:
            found = self._search(kind, system, value)
        except Stop as stop:
            self._heard(kind, query, stop.answer, "")
            raise
        self._heard(kind, query, None, _whose(found))
        return found

    def _search(self, kind: str, system: str, value: str) -> list[Resource]:
        answer = self._client.request("GET", kind, params={"identifier": f"{_escaped(system)}|{_escaped(value)}", "_count": "10"})
        found: list[Resource] = []
        for _ in range(_PAGES):
            hits, _, onward = _page(answer, kind)
            if not all(carries(hit, system, value) for hit in hits):
                raise Stop(Answer(Outcome.HELD, f"a search for {kind} by identifier found others", remedy=IGNORED))
            found += hits
            if len(found) > 1 or not onward:
                break
            answer = self._client.request("GET", onward)
        return found

    def pages(self, kind: str, params: Mapping[str, str], most: int = _ALL_PAGES) -> Iterator[tuple[list[Resource], list[Resource]]]:
        """(hits, what was included with them) of each page of a search, to the last: servers show what they found in pages of their own
        size. `most`: pages.

        Raises Stop as `search`; DEAD where there are more, so that nothing may be concluded from what was not shown.
        """
        answer = self._client.request("GET", kind, params={**params, "_count": str(_A_PAGE)})
        for _ in range(most):
            hits, included, onward = _page(answer, kind)
            yield hits, included
            if not onward:
                return
            answer = self._client.request("GET", onward)
        raise Stop(Answer(Outcome.DEAD, f"a search for {kind} has no end"))

    def read(self, where: str) -> Resource:
        """The resource at Type/id. Raises Stop where it can't be had."""
        answer = self._client.request("GET", where)
        if answer.status != 200:
            raise Stop(judged(answer))
        if f"{answer.kind}/{text(answer.resource, 'id')}" != where:
            raise Stop(odd("the answer to a read is another resource, or none"))
        return answer.resource


def _page(answer: Response, kind: str) -> tuple[list[Resource], list[Resource], str]:
    """Hits of one page, what was included with them, and where the next one is. Raises Stop."""
    if answer.status != 200:
        raise Stop(judged(answer))
    bundle = answer.resource
    entries: Any = bundle.get("entry", [])
    if answer.kind != "Bundle" or bundle.get("type", "searchset") != "searchset":
        raise Stop(odd("the answer to a search is no Bundle"))
    if not isinstance(entries, list) or len(parts(bundle, "entry")) != len(entries):
        raise Stop(odd("the answer to a search is spoiled"))
    hits, included = [], []
    for entry in entries:
        resource, mode = part(entry, "resource"), part(entry, "search").get("mode", "match")
        if mode not in ("match", "include") or text(resource, "resourceType") == "OperationOutcome":
            continue
        if not place(f"{text(resource, 'resourceType')}/{text(resource, 'id')}"):
            raise Stop(odd("the answer to a search is spoiled"))
        if mode == "match" and resource["resourceType"] == kind:
            hits.append(resource)
        else:
            included.append(resource)
    onward = next((text(link, "url") for link in parts(bundle, "link") if link.get("relation") == "next"), "")
    total = bundle.get("total")
    if not hits and not onward and isinstance(total, int) and total > 0:
        raise Stop(odd("the answer to a search counts what it does not show"))
    return hits, included, onward


def _escaped(words: str) -> str:
    r"""FHIR R4 3.1.1.4.0.2: in a search value, $ , | and \ are escaped by a backslash."""
    return "".join("\\" + c if c in "\\$,|" else c for c in words)


def _whose(found: list[Resource]) -> str:
    """Patient/id that the one hit is, or is about; empty where it says none, or there are several."""
    if len(found) != 1:
        return ""
    if text(found[0], "resourceType") == "Patient":
        return f"Patient/{text(found[0], 'id')}"
    person = part(found[0], "subject") or part(found[0], "for")
    return where if (where := place(text(person, "reference"))).startswith("Patient/") else ""
