"""Answers that can't be believed: a success that can't be used, a gateway's page, a redirect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.contract.ehr.samples import MRN, VISIT, entry, question
from tests.support.memory_ehr import BASE, MemoryEhr
from tests.unit.delivery.fhir.memory import audited, deliver, once, target
from wince.delivery.interface import Outcome, Result

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.fixture
def ehr() -> MemoryEhr:
    made = MemoryEhr()
    made.admit(MRN, VISIT)
    return made


# A success that can't be used

SPOILED: dict[str, Callable[[httpx.Response], httpx.Response]] = {
    "no place, no body": lambda _: httpx.Response(201),
    "an outcome as body": lambda _: httpx.Response(201, json={"resourceType": "OperationOutcome", "issue": [{"severity": "information"}]}),
    "an error as body": lambda a: httpx.Response(
        201, headers=a.headers, json={"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    ),
    "another type": lambda _: httpx.Response(201, json={"resourceType": "Patient", "id": "p1"}),
    "another's observation": lambda _: httpx.Response(
        201, json={"resourceType": "Observation", "id": "x9", "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0"}]}
    ),
    "a searchset": lambda _: httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "total": 0}),
    "a page": lambda _: httpx.Response(200, content=PAGE, headers={"Content-Type": "text/html"}),
    "half of it": lambda a: httpx.Response(201, content=a.content[: len(a.content) // 2]),
    "accepted": lambda _: httpx.Response(202),
    "no content": lambda _: httpx.Response(204),
    "another status": lambda _: httpx.Response(299, json={}),
    "a refusal": lambda _: httpx.Response(422, json={"resourceType": "OperationOutcome", "issue": []}),
    "a page that refuses": lambda _: httpx.Response(403, content=PAGE),
    "a conflict": lambda _: httpx.Response(409),
    "a redirect": lambda _: httpx.Response(302, headers={"Location": "https://login.example/"}),
}


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.parametrize("honours", [True, False])
@pytest.mark.parametrize("again", [False, True])
def test_what_was_committed_is_looked_for_before_anything_is_sent_again(ehr: MemoryEhr, name: str, honours: bool, again: bool) -> None:
    """Also at a server that declares If-None-Exist and ignores it, and by a process that begins anew in between."""
    ehr.honours = honours
    ehr.spoil = once(SPOILED[name])
    made = target(ehr)
    for item in (entry(), entry()):
        outcomes = []
        for attempt in range(4):
            made = target(ehr) if again else made
            outcomes.append(deliver(made, item, first=attempt == 0).outcome)
        assert outcomes[-1] is Outcome.WRITTEN
        assert set(outcomes) <= {Outcome.WRITTEN, Outcome.RETRY}
    assert len(ehr.of("Observation")) == 2
    assert len(ehr.of("Provenance")) == len(audited(ehr)) == 2


def test_a_revision_looks_for_the_one_before_that_was_never_seen_to_arrive(ehr: MemoryEhr) -> None:
    """The server ignores If-None-Exist. The first revision ended without an answer, and another process sends the next one."""
    ehr.honours = False
    item = entry()
    ehr.spoil = lambda request, answer: httpx.Response(503) if "/Provenance" in request.url.path else answer
    assert deliver(target(ehr), item, first=True).outcome is Outcome.RETRY
    ehr.spoil = lambda _request, answer: answer
    final = entry(**{field: getattr(item, field) for field in item.__slots__} | {"revision": 2, "status": "final"})
    assert deliver(target(ehr), final, first=True).outcome is Outcome.WRITTEN
    assert [seen["status"] for seen in ehr.of("Observation")] == ["final"]


def test_a_server_without_conditional_create_is_searched_first(ehr: MemoryEhr) -> None:
    ehr.conditional, ehr.honours = False, False
    item = question(focus=None)
    for _ in range(3):
        made = target(ehr)
        assert made.deliver(made.render(item), first=True).outcome is Outcome.WRITTEN
    assert len(ehr.of("Task")) == len(audited(ehr)) == 1


@pytest.mark.parametrize("kind", ["Provenance", "AuditEvent", "Device"])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("name", ["a page", "half of it", "an error as body"])
def test_what_stands_beside_is_not_believed_either(ehr: MemoryEhr, kind: str, conditional: bool, name: str) -> None:
    ehr.conditional = conditional
    ehr.spoil = once(SPOILED[name], "PUT" if conditional else "POST", kind)
    made, item = target(ehr), entry()
    outcomes = [deliver(made, item).outcome for _ in range(2)]
    assert outcomes[-1] is Outcome.WRITTEN
    assert outcomes[0] is Outcome.RETRY or (kind, conditional) == ("Device", False)
    assert len(ehr.of("Observation")) == len(ehr.of("Provenance")) == len(audited(ehr)) == 1


@pytest.mark.parametrize("name", ["a page", "no content", "another type", "half of it", "an error as body", "no place, no body"])
def test_a_revision_whose_success_can_not_be_used_is_read_again(ehr: MemoryEhr, name: str) -> None:
    made, item = target(ehr), entry()
    first = deliver(made, item)
    ehr.spoil = once(SPOILED[name], "PUT")
    final = made.render(entry(**{field: getattr(item, field) for field in item.__slots__} | {"revision": 2, "status": "final"}))
    assert made.deliver(final, first.location, first.version).outcome is Outcome.WRITTEN
    assert [seen["status"] for seen in ehr.of("Observation")] == ["final"]


def test_a_place_that_was_told_wrongly_is_not_written_over(ehr: MemoryEhr) -> None:
    made, item, other = target(ehr), entry(), entry(score=1.0)
    theirs = deliver(made, other)
    ehr.spoil = once(lambda answer: httpx.Response(201, headers={"Location": f"{BASE}/{theirs.location}/_history/1"}))
    wrong = deliver(made, item, first=True)
    final = made.render(entry(**{field: getattr(item, field) for field in item.__slots__} | {"revision": 2, "status": "final"}))
    assert made.deliver(final, wrong.location, wrong.version).outcome is Outcome.WRITTEN
    assert {seen["valueQuantity"]["value"]: seen["status"] for seen in ehr.of("Observation")} == {1.0: "preliminary", 3.5: "final"}


@pytest.mark.parametrize("spoiled", [
    {"resourceType": "Bundle", "type": "searchset", "total": 1}, {"resourceType": "Bundle", "entry": {"resource": 1}},
    {"resourceType": "Bundle", "entry": [None]}, {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation"}}]},
    {"resourceType": "Bundle", "type": "transaction-response", "entry": []}, [], "x", None,
])  # fmt: skip
def test_nothing_is_concluded_from_a_search_that_is_spoiled(ehr: MemoryEhr, spoiled: object) -> None:
    ehr.honours = False
    made, item = target(ehr), entry()
    deliver(made, item)
    ehr.spoil = once(lambda _: httpx.Response(200, json=spoiled), "GET")
    assert deliver(made, item).outcome is Outcome.RETRY
    assert deliver(made, item).outcome is Outcome.WRITTEN
    assert len(ehr.of("Observation")) == 1


def test_a_search_goes_over_pages(ehr: MemoryEhr) -> None:
    """An empty page with a next one, which holds the hit."""
    made, item = target(ehr), entry()
    deliver(made, item)
    link = [{"relation": "next", "url": f"{BASE}/Observation?identifier=urn:ietf:rfc:3986|urn:uuid:{item.id}"}]
    ehr.spoil = once(lambda _: httpx.Response(200, json={"resourceType": "Bundle", "total": 1, "link": link}), "GET")
    assert deliver(made, item).outcome is Outcome.WRITTEN
    assert len(ehr.of("Observation")) == 1


def test_what_stands_beside_is_found_among_many_of_one_moment(ehr: MemoryEhr) -> None:
    """At a server without client ids: entries that were made at once have Provenances of one moment, more than a page of them."""
    ehr.conditional = False
    made, item = target(ehr), entry()
    for other in (*(entry() for _ in range(25)), item, *(entry() for _ in range(25))):
        assert deliver(made, other, first=True).outcome is Outcome.WRITTEN
    for _ in range(3):
        assert deliver(target(ehr), item).outcome is Outcome.WRITTEN
    place = next(f"Observation/{seen['id']}" for seen in ehr.of("Observation") if str(item.id) in json.dumps(seen["identifier"]))
    about = [seen for seen in ehr.of("Provenance") if seen["target"][0]["reference"].split("/_history/")[0] == place]
    assert (len(about), len(ehr.of("Provenance")), len(audited(ehr))) == (1, 51, 51)


def test_an_audit_event_is_found_among_many_about_one_entry(ehr: MemoryEhr) -> None:
    """Whoever reads an entry there leaves an AuditEvent about it, too."""
    ehr.conditional = False
    made, item = target(ehr), entry()
    ours = deliver(made, item, first=True)
    [event] = audited(ehr)
    del ehr.kept[f"AuditEvent/{event['id']}"]
    for number in range(30):
        ehr.put({"resourceType": "AuditEvent", "id": f"read{number}", "entity": [{"what": {"reference": ours.location}}], "outcome": "0",
                 "subtype": [{"code": "read"}]})  # fmt: skip
    ehr.put(event)
    for _ in range(2):
        assert deliver(target(ehr), item).outcome is Outcome.WRITTEN
    assert len(audited(ehr)) == 1


# A no that may pass


@pytest.mark.parametrize("answer", [
    httpx.Response(302, headers={"Location": "https://login.example/"}), httpx.Response(301), httpx.Response(404), httpx.Response(405),
    httpx.Response(423), httpx.Response(403, content=PAGE), httpx.Response(400, content=PAGE), httpx.Response(410, content=PAGE),
])  # fmt: skip
def test_a_no_that_may_be_a_gateways_may_pass(ehr: MemoryEhr, answer: httpx.Response) -> None:
    ehr._answer, real = (lambda request: answer if request.method == "POST" else real(request)), ehr._answer  # type: ignore[method-assign]
    no = deliver(target(ehr), entry())
    assert (no.outcome, no.may_pass) == (Outcome.DEAD, True)


@pytest.mark.parametrize(("answer", "odd"), [
    (httpx.Response(500), True), (httpx.Response(501), True), (httpx.Response(200, json=[]), True),
    (httpx.Response(201, content=PAGE), True),
    (httpx.Response(502), False), (httpx.Response(503), False), (httpx.Response(504), False), (httpx.Response(429), False),
])  # fmt: skip
def test_an_answer_of_which_nothing_can_be_made_does_not_go_on_for_ever(ehr: MemoryEhr, answer: httpx.Response, odd: bool) -> None:
    ehr._answer, real = (lambda request: answer if request.method == "POST" else real(request)), ehr._answer  # type: ignore[method-assign]
    said = deliver(target(ehr), entry())
    assert (said.outcome, said.may_pass) == (Outcome.RETRY, odd)


@pytest.mark.parametrize("bundle", [{"resourceType": "Bundle", "entry": {}}, {"resourceType": "Bundle", "entry": [1]}, {"entry": []}, []])
def test_a_search_of_odd_shape_does_not_go_on_for_ever(ehr: MemoryEhr, bundle: object) -> None:
    odd, real = httpx.Response(200, json=bundle), ehr._answer
    ehr._answer = lambda request: odd if request.method == "GET" and "identifier" in str(request.url) else real(request)  # type: ignore[method-assign]
    said = deliver(target(ehr), entry())
    assert (said.outcome, said.may_pass) == (Outcome.RETRY, True)


@pytest.mark.parametrize("status", [400, 412, 422])
def test_the_servers_own_no_does_not_pass(ehr: MemoryEhr, status: int) -> None:
    no = httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": []})
    ehr._answer, real = (lambda request: no if request.method == "POST" else real(request)), ehr._answer  # type: ignore[method-assign]
    answer = deliver(target(ehr), entry())
    assert (answer.outcome, answer.may_pass) == (Outcome.DEAD, False)


def test_a_gateway_that_lets_nothing_through_holds_the_target(ehr: MemoryEhr) -> None:
    made = target(ehr)
    deliver(made, entry())
    ehr.spoil = lambda request, answer: httpx.Response(403, content=PAGE) if request.method == "POST" else httpx.Response(401)
    assert deliver(made, entry(), first=True).outcome is Outcome.HELD


def test_a_search_is_followed_where_it_stays(ehr: MemoryEhr) -> None:
    def moved(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.method == "GET" and "metadata" not in str(request.url) and "moved" not in str(request.url):
            return httpx.Response(302, headers={"Location": f"{request.url}&moved=1"})
        return answer

    ehr.spoil = moved
    assert deliver(target(ehr), entry()).outcome is Outcome.WRITTEN


def test_a_create_that_is_sent_elsewhere_is_not_sent_twice(ehr: MemoryEhr) -> None:
    """A gateway answers with a redirect what the server carried out."""
    ehr.honours = False
    ehr.spoil = once(lambda answer: httpx.Response(307, headers={"Location": answer.headers["location"]}))
    assert deliver(target(ehr), entry(), first=True).outcome is Outcome.WRITTEN
    assert len(ehr.of("Observation")) == 1


# Read-back


def test_what_the_chart_shows_is_compared_with_what_was_written(ehr: MemoryEhr) -> None:
    made, item = target(ehr), entry()
    done, body = deliver(made, item), made.render(item)

    def shows(**change: Any) -> tuple[Result, tuple[str, ...]]:
        kept = ehr.kept[done.location]
        ehr.kept[done.location] = {**json.loads(json.dumps(kept)), **change}
        shown = made.shows(body, done.location, done.version)
        ehr.kept[done.location] = kept
        return shown.result, shown.differs

    assert shows() == (Result.SAME, ())
    assert shows(meta={"versionId": "2"}) == (Result.EDITED, ())
    assert shows(status="entered-in-error") == (Result.DIFFERS, ("status",))
    assert shows(valueQuantity={"value": 9.0}) == (Result.DIFFERS, ("value",))
    assert shows(subject={"reference": "Patient/other"}, status="final") == (Result.DIFFERS, ("status", "subject"))
    assert shows(identifier=[]) == (Result.DIFFERS, ("identifier",))
    ehr.spoil = lambda _request, _answer: httpx.Response(200, content=PAGE)
    assert shows() == (Result.UNKNOWN, ())
    ehr.spoil = lambda _request, answer: answer
    del ehr.kept[done.location]
    assert made.shows(body, done.location, done.version).result is Result.GONE
