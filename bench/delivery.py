"""Delivery: entries into the EHR sandbox by FhirTarget, against a bare HTTP loop that sends the same bodies.

Each entry is three requests (Observation by conditional create, Provenance and AuditEvent by PUT), on the same number of
connections, without sign-in. The sandbox runs in a process of its own, so that the client is what is measured.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx

from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Outcome
from wince.domain.entry import Entry, Kind
from wince.domain.stay import Identifier
from wince.fhir.client import FhirClient
from wince.protocols.loader import load
from wince.testing.ehr import EhrSandbox

CONNECTIONS = 4
ENTRIES = 100
ROUNDS = 8
MRN, VISIT = Identifier("urn:bench", "patient"), Identifier("urn:bench", "visit")
START = 1_700_000_040_000_000
Sent = list[tuple[str, str, bytes, dict[str, str]]]


def _serve(directory: str, answer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with EhrSandbox(Path(directory), smart=False) as ehr:
        ehr.seed([MRN], [(VISIT, MRN)])
        ehr.put({"resourceType": "Observation", "id": str(UUID(int=1)), "status": "final", "code": {"text": "a target of references"}})
        answer.send(ehr.base_url)
        answer.recv()


def _entry(number: int) -> Entry:
    protocol = load("activity")
    start = START + number * 60_000_000
    grade = number % 2
    return Entry(
        id=uuid4(),
        revision=1,
        kind=Kind.GRADE,
        origin=uuid4(),
        assessment=uuid4(),
        source="camera-1",
        bed="ICU^1^2",
        stay=uuid4(),
        patient=MRN,
        encounter=VISIT,
        protocol=protocol.name,
        start_us=start,
        end_us=start + 60_000_000,
        issued_us=start + 61_500_000,
        grade=grade,
        grade_name=protocol.scale.name_of(grade),
        score=1.0 + grade,
        median=1.0 + grade,
        peak=4.25,
        assessable_share=0.91,
        confidence=0.8,
        reason=None,
        units=(1.0, None, 2.0, None, 0.5, 0.0),
        personal=False,
        model_set="ab" * 32,
        rule="cd" * 32,
        status="preliminary",
    )


def _bodies(target: FhirTarget) -> list[str]:
    first = _entry(0)
    return [target.render(replace(first, id=uuid4(), assessment=uuid4())) for _ in range(ENTRIES)]


def _recorded(base_url: str, bodies: list[str], target: Callable[[FhirClient], FhirTarget]) -> list[Sent]:
    """What FhirTarget sends for each body, with references that hold on the server."""
    sent: Sent = []
    with httpx.Client(timeout=60) as real:

        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET" or "/Device" in request.url.path:
                head = {"Content-Type": "application/fhir+json"}
                head |= {name: request.headers[name] for name in ("if-none-exist",) if name in request.headers}
                asked = real.request(request.method, request.url, content=request.content, headers=head)
                said = {"Location": asked.headers["location"]} if "location" in asked.headers else {}
                return httpx.Response(asked.status_code, content=asked.content, headers=said)
            kept = ("accept", "content-type", "if-none-exist", "prefer", "x-request-id")
            headers = {name: request.headers[name] for name in kept if name in request.headers}
            sent.append((request.method, str(request.url), request.content, headers))
            return httpx.Response(201, headers={"Location": f"{base_url}/Observation/{UUID(int=1)}/_history/1"})

        writer = target(FhirClient(base_url, transport=httpx.MockTransport(answer), timeout_s=60))
        found = []
        for body in bodies:
            assert writer.deliver(body, first=True).outcome is Outcome.WRITTEN
            found.append(list(sent))
            sent.clear()
        return found


def _timed(send: Callable[[Any], None], items: list[Any]) -> float:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        start = time.perf_counter()
        list(pool.map(send, items))
        return len(items) / (time.perf_counter() - start)


def compare(base_url: str, *, entries: int = ENTRIES, rounds: int = ROUNDS) -> tuple[float, float, float]:
    """(entries a second of ours, of a bare loop with the same bodies, ratio) into a server that knows patient and visit: medians of the
    rounds; the ratio is the median of the rounds' ratios, for a shared machine."""
    protocols = {"activity": load("activity")}

    def target(client: FhirClient) -> FhirTarget:
        return FhirTarget("bench", client, protocols, version="bench", stay_cache_s=3600)

    ours, bare = [], []
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    with (
        httpx.Client(limits=limits, trust_env=False, timeout=60) as http,
        FhirClient(base_url, connections=CONNECTIONS, timeout_s=60) as client,
    ):
        writer = target(client)

        def deliver(body: str) -> None:
            if writer.deliver(body, first=True).outcome is not Outcome.WRITTEN:
                raise RuntimeError("an entry was not written")

        def send(requests: Sent) -> None:
            for method, url, content, headers in requests:
                if http.request(method, url, content=content, headers=headers).status_code != 201:
                    raise RuntimeError("the bare loop was refused")

        for body in _bodies(writer)[:20]:  # the server's first answers are slow
            deliver(body)
        for number in range(rounds):
            bodies, requests = _bodies(writer)[:entries], _recorded(base_url, _bodies(writer)[:entries], target)
            if number % 2:
                ours.append(_timed(deliver, bodies))
                bare.append(_timed(send, requests))
            else:
                bare.append(_timed(send, requests))
                ours.append(_timed(deliver, bodies))
    ratio = median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    return median(ours), median(bare), ratio


def row(into: str, found: tuple[float, float, float]) -> dict[str, Any]:
    """A figure of the table."""
    return {
        "figure": f"entries into {into} (3 requests each), {CONNECTIONS} connections",
        "ours": round(found[0], 1),
        "rival_name": "bare HTTP loop, same bodies",
        "rival": round(found[1], 1),
        "ratio": round(found[2], 3),
        "aim": 0.9,
        "unit": "1/s",
    }


def run() -> dict[str, Any]:
    """Into the sandbox, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    with tempfile.TemporaryDirectory() as directory:
        server = spawn.Process(target=_serve, args=(directory, there))
        server.start()
        try:
            return {"title": "Delivery", "rows": [row("the sandbox", compare(here.recv()))]}
        finally:
            here.send(None)
            server.join(timeout=30)
