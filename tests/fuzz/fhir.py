"""Answers of a FHIR server: a right server in memory whose answers are spoilt on the way, in status, headers and every part of the body.

Allowed: one of the outcomes of a delivery, at most one resource for an entry and only in the record of its patient; and once the answers
are right again, exactly one, unless the entry became a dead letter or the target is held.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx

from tests.contract.ehr.samples import MRN, PROTOCOLS, VISIT, entry, question
from tests.support.memory_ehr import BASE, MemoryEhr
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Answer, Outcome
from wince.domain.stay import Identifier
from wince.fhir.client import FhirClient

NAME = "fhir"
STATUSES = [100, 200, 200, 200, 201, 201, 202, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406,
            408, 409, 410, 412, 413, 415, 418, 422, 423, 425, 429, 451, 499, 500, 501, 502, 503, 504, 507, 511, 520, 599, 999]  # fmt: skip
VALUES: list[Any] = [None, "", [], {}, 0, -1, 1.5, True, [None], [[]], "x" * 3000, "\ud800", "\0", "Patient/", {"reference": None},
                     float("nan"), 10**400, "9999-99-99", {"": ""}, "urn:uuid:", "../../x", [1, "a"], "1" * 65]  # fmt: skip
HEADERS = {
    "Location": ["", "x", "/", f"{BASE}/Observation", "Observation/\x01", "https://evil.example/fhir/Observation/1",
                 f"{BASE}/Observation/" + "1" * 70],
    "ETag": ["", "W/", 'W/""', '"' * 9, "W/\"" + "9" * 500 + '"', "\xe9"],
    "Retry-After": ["", "x", "-1", "nan", "inf", "1e400", "Wed, 99 Foo 9999", "Thu, 01 Jan 1970 00:00:00 GMT",
                    "99999999999999999999"],
    "Content-Encoding": ["gzip", "deflate", "br", "zstd", "utf-8", "gzip, gzip", ",,", "\xff"],
    "Content-Type": ["", "text/html", "application/json; charset=utf-16", "application/fhir+json; charset=rot13", "a/b; charset=\x01"],
    "Date": ["", "x", "Wed, 21 Oct 2026 07:28:00 GMT"],
}  # fmt: skip
ERRORS = [httpx.ReadTimeout, httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError]
_MADE = FhirTarget("ehr", FhirClient(BASE, transport=httpx.MockTransport(lambda _: httpx.Response(500))), PROTOCOLS, version="0.1.0")
_GRADE = entry(id=UUID(int=1), origin=UUID(int=2), assessment=UUID(int=3), stay=UUID(int=4))
_TASK = question(id=UUID(int=5), stay=UUID(int=4), focus=None)
BODIES = [str(_MADE.render(item)) for item in (_GRADE, replace(_GRADE, revision=2, status="final"), _TASK)]
KINDS = ["Observation", "Observation", "Task"]


@dataclass(frozen=True)
class Case:
    """How the server is, and of which chance its answers are spoilt."""

    seed: int
    conditional: bool
    honours: bool
    share: float


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    return Case(chance.getrandbits(48), chance.random() < 0.7, chance.random() < 0.5, chance.choice([0.1, 0.3, 0.6, 1.0]))


def check(tried: Case) -> None:
    """Delivers three bodies to a server whose answers are spoilt, and then to the same one as it is."""
    chance = random.Random(tried.seed)
    ehr = MemoryEhr(conditional=tried.conditional, honours=tried.honours)
    ehr.admit(MRN, VISIT)
    ehr.admit(Identifier(MRN.system, "other"), Identifier(VISIT.system, "other"), "2")
    made = _target(ehr)
    done: list[Answer] = []
    for spoilt in (True, False):
        ehr.spoil = (lambda request, answer: _spoilt(chance, tried.share, request, answer)) if spoilt else (lambda _request, answer: answer)
        for number, body in enumerate(BODIES):
            if not spoilt and done[number].outcome not in (Outcome.RETRY, Outcome.WRITTEN):
                continue
            before = done[0] if number == 1 and done[0].outcome is Outcome.WRITTEN else Answer(Outcome.RETRY)
            for attempt in range(4):
                made = _target(ehr) if chance.random() < 0.2 else made
                answer = made.deliver(body, before.location, before.version, first=spoilt and attempt == 0)
                _allowed(ehr, answer)
                if answer.outcome is not Outcome.RETRY:
                    break
            if spoilt:
                done.append(answer)
            else:
                assert answer.outcome in (Outcome.WRITTEN, Outcome.DEAD), answer
                if answer.outcome is Outcome.WRITTEN:
                    assert len(ehr.of(KINDS[number])) == 1


def _target(ehr: MemoryEhr) -> FhirTarget:
    client = FhirClient(BASE, transport=httpx.MockTransport(ehr), max_answer_bytes=1 << 20)
    return FhirTarget("ehr", client, PROTOCOLS, version="0.1.0")


def _allowed(ehr: MemoryEhr, answer: Answer) -> None:
    assert isinstance(answer.outcome, Outcome)
    answer.detail.encode()
    assert not {MRN.value, VISIT.value} & set(answer.detail.split())
    assert answer.outcome is not Outcome.HELD or answer.remedy
    for kind in ("Observation", "Task"):
        written = ehr.of(kind)
        assert len(written) <= 1, f"{len(written)} {kind}"
        for resource in written:
            assert (resource.get("subject") or resource["for"])["reference"] == "Patient/p1"
            assert resource["encounter"]["reference"] == "Encounter/e1"


def _spoilt(chance: random.Random, share: float, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    if chance.random() > share:
        return answer
    status, body, headers = answer.status_code, answer.content, {k.encode(): v.encode() for k, v in answer.headers.items()}
    headers.pop(b"content-length", None)
    match chance.randrange(8):
        case 0:
            raise chance.choice(ERRORS)("spoilt", request=request)
        case 1:
            status = chance.choice(STATUSES)
        case 2:
            name = chance.choice(list(HEADERS))
            headers[name.encode()] = chance.choice(HEADERS[name]).encode("latin-1")
        case 3:
            body = _bytes(chance, body)
        case 4:
            status, body = chance.choice(STATUSES), b"<html><body>Blocked</body></html>"
        case 5:
            status, body, headers = chance.choice(STATUSES), b"", {}
        case _:
            body = _mutated(chance, body)
    return httpx.Response(status, stream=httpx.ByteStream(body), headers=list(headers.items()))


def _bytes(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    match chance.randrange(7):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes(chance.randrange(256) for _ in range(chance.randint(1, 8))) + body[at:]
        case 2:
            return b"\xef\xbb\xbf" + body
        case 3:
            return body.decode("utf-8", "replace").encode(chance.choice(["utf-16", "utf-32", "utf-7"]))
        case 4:
            return gzip.compress(chance.choice([body, b" " * (2 << 20)]), 1)
        case 5:
            return chance.choice([b"[" * 50_000, b'{"a":' * 5000, b"null", b"[]", b'""', b"0", b"{}", b" ", b"{" + b'"a":1,' * 50_000])
        case _:
            return body + body


def _mutated(chance: random.Random, body: bytes) -> bytes:
    """One value anywhere in the JSON, or a whole branch, is another."""
    try:
        made = json.loads(body)
    except ValueError:
        return body
    node, key = made, None
    while isinstance(node, (dict, list)) and node:
        key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        if not isinstance(node[key], (dict, list)) or not node[key] or chance.random() < 0.3:
            break
        node = node[key]
    if key is None:
        return body
    if chance.random() < 0.2 and isinstance(node, dict):
        del node[key]
    else:
        node[key] = chance.choice(VALUES)
    return json.dumps(made).encode("utf-8", "surrogatepass")
