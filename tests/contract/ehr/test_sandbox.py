"""What the sandbox has beyond a plain FHIR server: validation, faults, a record that outlives it, HTTP that stands noise."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.ehr.samples import MRN, VISIT
from wince.errors import ConfigError, ResourceError
from wince.testing.ehr import EhrSandbox

WRONG = {"resourceType": "Observation", "status": "done", "code": {"text": "x"}}
RIGHT = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[EhrSandbox]:
    with EhrSandbox(tmp_path, smart=False) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5) as client:
        yield client


def test_a_wrong_body_is_422_with_the_rule_and_the_place(ehr: EhrSandbox, http: httpx.Client) -> None:
    answer = http.post(f"{ehr.base_url}/Observation", json=WRONG)
    assert answer.status_code == 422
    [issue] = answer.json()["issue"]
    assert (issue["code"], issue["expression"]) == ("invariant", ["Observation.status"])
    assert ehr.count("Observation") == 0


@pytest.mark.parametrize(
    "path", ["Nonsense", "Nonsense/1", "Observation/1/_history/x", "Observation/1/2/3/4/5", "../../etc/passwd", "%00", "metadata/x"]
)
def test_any_path_has_an_answer(ehr: EhrSandbox, http: httpx.Client, path: str) -> None:
    assert http.get(f"{ehr.base_url}/{path}").status_code in (400, 404, 405)


def test_delete_is_not_allowed(ehr: EhrSandbox, http: httpx.Client) -> None:
    assert http.delete(f"{ehr.base_url}/Observation/1").status_code == 405


def test_the_record_outlives_the_server(tmp_path: Path, http: httpx.Client) -> None:
    with EhrSandbox(tmp_path, smart=False) as first:
        first.seed([MRN], [(VISIT, MRN)])
        place = http.post(f"{first.base_url}/Observation", json=RIGHT).headers["location"]
        before = first.resources("Observation")
    with EhrSandbox(tmp_path, smart=False) as second:
        second.seed([MRN], [(VISIT, MRN)])
        assert second.resources("Observation") == before
        assert second.count("Patient") == second.count("Encounter") == 1
        assert second.resources("Encounter")[0]["meta"]["versionId"] == "1"
        assert http.get(f"{second.base_url}/{place.split('/fhir/')[1]}").status_code == 200


def test_a_taken_port_is_named(ehr: EhrSandbox, tmp_path: Path) -> None:
    port = int(ehr.base_url.split(":")[2].split("/")[0])
    with pytest.raises(ResourceError):
        EhrSandbox(tmp_path / "other", port=port).start()


def test_a_directory_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError):
        EhrSandbox(tmp_path / "file" / "below").start()


def test_a_stopped_sandbox_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        EhrSandbox(tmp_path).count("Observation")


def test_faults_over_http(ehr: EhrSandbox, http: httpx.Client) -> None:
    admin = ehr.base_url.removesuffix("/fhir") + "/admin/faults"
    added = http.post(admin, json={"effect": "status", "on": "create", "status": 429, "retry_after_s": 3, "count": 1})
    assert added.status_code == 200
    struck = http.post(f"{ehr.base_url}/Observation", json=RIGHT)
    assert (struck.status_code, struck.headers["retry-after"]) == (429, "3")
    assert struck.json()["resourceType"] == "OperationOutcome"
    assert http.post(f"{ehr.base_url}/Observation", json=RIGHT).status_code == 201
    assert http.get(admin).json()["faults"][0]["hits"] == 1
    assert http.delete(admin).json() == {"faults": []}
    for wrong in ({"effect": "explode"}, {"effect": "status", "on": "nonsense"}, {"effect": "drop", "rate": 2}, {"colour": 1}, [1]):
        assert http.post(admin, json=wrong).status_code == 400
    assert http.post(admin, content=b"nonsense").status_code == 400


def test_the_same_seed_hits_the_same_requests(tmp_path: Path) -> None:
    def pattern(name: str) -> list[int]:
        with EhrSandbox(tmp_path / name, smart=False, seed=7) as ehr, httpx.Client() as http:
            ehr.faults.add("status", rate=0.5, status=500)
            return [http.get(f"{ehr.base_url}/metadata").status_code for _ in range(30)]

    first = pattern("a")
    assert first == pattern("b")
    assert 5 < first.count(500) < 25


def test_slow_delays_one_and_not_the_others(ehr: EhrSandbox, http: httpx.Client) -> None:
    ehr.faults.add("slow", on="metadata", count=1, seconds=1.5)
    host, port = ehr.base_url.removeprefix("http://").removesuffix("/fhir").split(":")
    with socket.create_connection((host, int(port))) as waiting:
        waiting.sendall(b"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        start = time.monotonic()
        assert http.get(f"{ehr.base_url}/metadata").status_code == 200
        assert time.monotonic() - start < 1.2
        assert waiting.recv(12) == b"HTTP/1.1 200"


def raw(ehr: EhrSandbox, data: bytes) -> bytes:
    host, port = ehr.base_url.removeprefix("http://").removesuffix("/fhir").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while part := connection.recv(65536):
            got += part
        return got


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /fhir/Observation HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /fhir/Observation HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", b"413"),
        (b"POST /fhir/Observation HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"GET /fhir/metadata HTTP/1.1\r\nX: " + b"x" * 40_000, b"431"),
    ],
)
def test_noise_on_the_port_is_answered_and_closed(ehr: EhrSandbox, data: bytes, status: bytes) -> None:
    assert raw(ehr, data).split(b" ")[1] == status


def test_requests_in_a_row_on_one_connection_are_answered_in_order(ehr: EhrSandbox) -> None:
    body = json.dumps(RIGHT).encode()
    create = b"POST /fhir/Observation HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    answers = raw(ehr, create + b"GET /fhir/Nonsense HTTP/1.1\r\n\r\n" + create)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"201", b"404", b"201"]


def test_two_entries_of_a_transaction_with_one_condition_are_refused(ehr: EhrSandbox, http: httpx.Client) -> None:
    entry: dict[str, Any] = {"resource": RIGHT, "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=a|b"}}
    answer = http.post(ehr.base_url, json={"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]})
    assert answer.status_code == 400
    assert ehr.count("Observation") == 0
