"""The client: one fresh token on a 401, limits, and nothing about a patient in what it says."""

import gzip
import json
import zlib
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


@pytest.mark.parametrize(("text", "seconds"), [
    ("3", 3.0), ("1e9", 3600.0), ("-1", 0.0), ("", None), ("soon", None), ("nan", None), ("inf", None), ("1,5", None),
])  # fmt: skip
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


@pytest.mark.parametrize(("date", "seconds"), [
    ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0), ("Wed, 21 Oct 2026 09:28:00 GMT", 3600.0), ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
    ("Wed, 99 Oct 2026 07:00:00 GMT", None), ("Mon", None),
])  # fmt: skip
def test_retry_after_may_be_a_date_by_the_servers_own_clock(date: str, seconds: float | None) -> None:
    headers = httpx.Headers({b"retry-after": date.encode(), b"date": b"Wed, 21 Oct 2026 07:28:00 GMT"})
    assert Answer(503, b"", headers).retry_after_s == seconds


BODY = b'{"resourceType": "Patient", "id": "1", "name": null, "active": true}'


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(("encoding", "body"), [
    ("gzip", packed(BODY)), ("x-gzip", packed(BODY)), ("GZIP", packed(BODY)), ("deflate", zlib.compress(BODY)),
    ("deflate", zlib.compress(BODY)[2:-4]), ("gzip, identity", packed(BODY)), ("gzip, gzip", packed(packed(BODY))),
    ("identity", BODY), ("utf-8", BODY), ("none", BODY), ("aws-chunked", BODY), ("gzip", BODY), ("", BODY),
    ("identity", b"\xef\xbb\xbf" + BODY), ("identity", BODY.decode().encode("utf-16")), ("identity", BODY.decode().encode("utf-32")),
])  # fmt: skip
def test_any_encoding_is_read(encoding: str, body: bytes) -> None:
    """None was asked for; a proxy may compress all the same, or name what is none."""
    got = client(lambda _: httpx.Response(200, stream=httpx.ByteStream(body), headers={"Content-Encoding": encoding})).request("GET", "x")
    assert got.resource == {"resourceType": "Patient", "id": "1", "active": True}


@pytest.mark.parametrize(("encoding", "body"), [
    ("gzip", packed(BODY)[:-10]), ("br", b"\x8b\x02"), ("deflate", b"\x00\x01"), ("gzip", b""),
])  # fmt: skip
def test_what_can_not_be_decoded_is_no_resource(encoding: str, body: bytes) -> None:
    got = client(lambda _: httpx.Response(201, stream=httpx.ByteStream(body), headers={"Content-Encoding": encoding})).request("GET", "x")
    assert (got.status, got.resource) == (201, {})


def test_a_small_body_that_grows_beyond_the_limit_is_refused() -> None:
    bomb = gzip.compress(b" " * (5 << 20))
    with pytest.raises(MessageError):
        client(lambda _: httpx.Response(200, stream=httpx.ByteStream(bomb), headers={"Content-Encoding": "gzip"})).request("GET", "x")


@pytest.mark.parametrize("charset", ["iso-8859-1", "ISO-8859-1", '"latin1"', "nonsense", "rot13", "base64", ""])
def test_another_charset_than_utf8_is_read(charset: str) -> None:
    body = '{"resourceType": "Patient", "id": "1", "name": [{"family": "M\u00fcller"}]}'.encode("latin-1")
    found = Answer(200, body, httpx.Headers({"content-type": f"application/fhir+json; charset={charset}"})).resource
    assert found.get("id") in ("1", None)
    assert found or charset in ("nonsense", "rot13", "base64")


@pytest.mark.parametrize("body", [
    b'{"a":' * 5000 + b"1" + b"}" * 5000, b"[" * 101 + b"]" * 101, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\xfe\x00", b"nul",
    b'"\\ud800"', b"1e999",
])  # fmt: skip
def test_a_body_that_is_made_to_hurt_is_no_resource(body: bytes) -> None:
    answer = Answer(200, body, httpx.Headers())
    assert (answer.resource, answer.location, answer.version, answer.summary()) == ({}, "", "", "200")


@pytest.mark.parametrize("place", [
    "Observation/\ud800", "Observation/a b", "../..", "Observation/", "x/1", "Observation/1?a=b", "Observation/" + "1" * 65,
])  # fmt: skip
def test_a_place_that_is_none_is_not_kept(place: str) -> None:
    kind, _, identity = place.rpartition("/")
    body = json.dumps({"resourceType": kind, "id": identity, "meta": {"versionId": "a b\0"}}).encode()
    answer = Answer(201, body, httpx.Headers({b"location": place.encode("utf-8", "surrogatepass")}))
    assert (answer.location, answer.version) == ("", "")


@pytest.mark.parametrize(("status", "method", "onward", "followed"), [
    (302, "GET", "http://ehr.example/fhir/y", True), (307, "POST", "/fhir/y", False), (307, "PUT", "/fhir/y", True),
    (308, "PUT", "y", True),
    (302, "POST", "/fhir/y", False), (303, "POST", "/fhir/y", False), (307, "GET", "https://ehr.example/fhir/y", False),
    (307, "GET", "http://ehr.example:81/fhir/y", False),
    (307, "GET", "http://evil.example/fhir/y", False), (307, "GET", "//evil.example/y", False), (302, "GET", "http://[bad", False),
    (302, "GET", "", False),
])  # fmt: skip
def test_a_redirect_is_followed_only_where_the_token_stays(status: int, method: str, onward: str, followed: bool) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        assert (request.method, request.content) == (method, b"{}")
        return httpx.Response(200) if "/y" in request.url.path else httpx.Response(status, headers={"Location": onward})

    got = client(answer, auth=Tokens()).request(method, "x", body=b"{}")
    assert (got.status, len(asked)) == ((200, 2) if followed else (status, 1))
    assert set(asked) == {"ehr.example"}


def test_redirects_in_a_circle_end() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(302, headers={"Location": "/fhir/x"})

    assert client(answer).request("GET", "x").status == 302
    assert len(asked) == 4


def test_another_host_is_never_asked() -> None:
    """Such as one that the next link of a search names."""
    with pytest.raises(MessageError):
        client(lambda _: httpx.Response(200)).request("GET", "https://evil.example/next")
