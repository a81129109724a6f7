"""The client: one fresh token on a 401, limits, and nothing about a patient in what it says."""

import json
from collections.abc import Callable

import httpx
import pytest

from wince.errors import MessageError, Unavailable
from wince.fhir.answer import Answer
from wince.fhir.client import Capabilities, FhirClient

OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "error", "code": "invariant", "expression": ["Observation.code"], "diagnostics": "Jane Doe 4711 is unknown"},
        {"severity": "error", "code": "value", "expression": ["Patient named Jane Doe"]},
        {"severity": "warning", "code": "informational"},
    ],
}


class Tokens:
    def __init__(self) -> None:
        self.given, self.refused = 0, []

    def token(self) -> str:
        self.given += 1
        return f"t{self.given}"

    def invalidate(self, token: str) -> None:
        self.refused.append(token)


def client(answer: Callable[[httpx.Request], httpx.Response], **options: object) -> FhirClient:
    return FhirClient("http://ehr.example/fhir/", transport=httpx.MockTransport(answer), **options)  # type: ignore[arg-type]


def test_a_401_takes_one_fresh_token_and_asks_once_more() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(401 if len(seen) == 1 else 200, json={"resourceType": "Patient"})

    tokens = Tokens()
    assert client(answer, auth=tokens).request("GET", "Patient/1").status == 200
    assert seen == ["Bearer t1", "Bearer t2"]
    assert tokens.refused == ["t1"]


def test_a_second_401_is_the_answer() -> None:
    count = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(401)

    assert client(answer, auth=Tokens()).request("GET", "x").status == 401
    assert count == 2


@pytest.mark.parametrize("error", [httpx.ReadTimeout("x"), httpx.ConnectError("x"), httpx.RemoteProtocolError("x")])
def test_no_answer_is_unavailable(error: Exception) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Unavailable):
        client(answer).request("GET", "x")


def test_an_answer_beyond_the_limit_is_refused() -> None:
    with pytest.raises(MessageError):
        client(lambda _: httpx.Response(200, content=b"x" * 1001), max_answer_bytes=1000).request("GET", "x")


def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "http://evil.example/"})

    assert client(answer, auth=Tokens()).request("GET", "x").status == 302
    assert asked == ["ehr.example"]


def test_a_summary_holds_codes_and_paths_only() -> None:
    summary = Answer(422, json.dumps(OUTCOME).encode(), httpx.Headers()).summary()
    assert summary == "422 invariant Observation.code value"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 100_000, b'{"issue": 3, "resourceType": "OperationOutcome"}'])
def test_any_body_can_be_summed_up(body: bytes) -> None:
    answer = Answer(500, body, httpx.Headers())
    assert answer.summary() == "500"
    assert answer.location == ""


def test_place_and_version_come_from_wherever_the_server_says_them() -> None:
    moved = httpx.Headers({"location": "https://ehr.example/fhir/Observation/7/_history/3"})
    assert (Answer(201, b"", moved).location, Answer(201, b"", moved).version) == ("Observation/7", "3")
    tagged = httpx.Headers({"etag": 'W/"9"', "content-location": "Observation/8"})
    assert (Answer(200, b"", tagged).location, Answer(200, b"", tagged).version) == ("Observation/8", "9")
    body = b'{"resourceType": "Task", "id": "5", "meta": {"versionId": "2"}}'
    assert (Answer(200, body, httpx.Headers()).location, Answer(200, body, httpx.Headers()).version) == ("Task/5", "2")


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("1e9", 3600.0), ("-1", 0.0), ("", None), ("Wed, 21 Oct 2026", None)])
def test_retry_after_is_bounded(text: str, seconds: float | None) -> None:
    assert Answer(503, b"", httpx.Headers({"retry-after": text})).retry_after_s == seconds


def test_capabilities_are_what_is_declared() -> None:
    can = Capabilities.of(
        {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "rest": [
                {
                    "mode": "server",
                    "resource": [
                        {"type": "Observation", "interaction": [{"code": "create"}], "conditionalCreate": True},
                        {"type": "Device", "updateCreate": True},
                    ],
                }
            ],
        }
    )
    assert can.can("Observation", "create")
    assert not can.can("Observation", "update")
    assert not can.can("Task", "create")
    assert can.conditional_create == {"Observation"}
    assert can.client_ids == {"Device"}


@pytest.mark.parametrize("statement", [{}, {"resourceType": "CapabilityStatement", "rest": [{"mode": "server"}], "fhirVersion": "5.0.0"}])
def test_what_is_no_r4_server_is_named(statement: dict[str, object]) -> None:
    with pytest.raises(MessageError) as error:
        Capabilities.of(statement)
    assert "base URL" in error.value.remedy


@pytest.mark.parametrize("code", ["Musterfrau", "4711", ["value"], {"a": 1}, None, 7])
@pytest.mark.parametrize("path", ["Musterfrau", "Patient.4711", "Observation.Musterfrau", ["Observation"]])
def test_a_server_that_writes_a_name_as_code_or_path_gets_it_into_no_error(code: object, path: object) -> None:
    """Codes are those of FHIR's IssueType, paths those of elements."""
    body = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "expression": [path]}]}
    assert Answer(422, json.dumps(body).encode(), httpx.Headers()).summary() == "422 error"
