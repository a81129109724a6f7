"""REST as FHIR R4 has it, on the sandbox and on HAPI: what the writer relies on is the same on both."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.ehr.conftest import Ehr
from wince.fhir.answer import Answer
from wince.fhir.client import Capabilities

URI = "urn:ietf:rfc:3986"
CODE = {"coding": [{"system": "urn:test", "code": "x"}]}


def observation(identity: str, patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "identifier": [{"system": URI, "value": f"urn:uuid:{identity}"}],
        "status": "final",
        "code": CODE,
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


def post(ehr: Ehr, resource: dict[str, Any], condition: str = "") -> Answer:
    headers = {"If-None-Exist": condition} if condition else {}
    return ehr.admin.request("POST", resource["resourceType"], body=json.dumps(resource).encode(), headers=headers)


@pytest.fixture
def patient(ehr: Ehr) -> str:
    return ehr.admit()[0].value


def test_what_it_declares_is_what_the_writer_needs(ehr: Ehr) -> None:
    can = ehr.admin.capabilities()
    assert isinstance(can, Capabilities)
    assert {"Observation", "Task", "Device"} <= can.conditional_create
    for kind in ("Observation", "Task", "Provenance", "AuditEvent", "Device"):
        assert can.can(kind, "create")
    for kind in ("Patient", "Encounter"):
        assert can.can(kind, "search-type")


def test_create_read_and_every_version(ehr: Ehr, patient: str) -> None:
    made = post(ehr, observation(str(uuid4()), patient))
    assert made.status == 201
    assert made.version == "1"
    changed = {**made.resource, "status": "amended"}
    answer = ehr.admin.request("PUT", made.location, body=json.dumps(changed).encode(), headers={"If-Match": 'W/"1"'})
    assert (answer.status, answer.version) == (200, "2")
    assert ehr.admin.request("GET", f"{made.location}/_history/1").resource["status"] == "final"
    assert ehr.admin.request("GET", f"{made.location}/_history/2").resource["status"] == "amended"
    assert ehr.admin.request("GET", made.location).version == "2"


def test_the_same_content_again_makes_no_version(ehr: Ehr, patient: str) -> None:
    made = post(ehr, observation(str(uuid4()), patient))
    again = ehr.admin.request("PUT", made.location, body=json.dumps(made.resource).encode())
    assert (again.status, again.version) == (200, "1")


def test_an_update_of_an_old_version_is_refused(ehr: Ehr, patient: str) -> None:
    made = post(ehr, observation(str(uuid4()), patient))
    body = json.dumps({**made.resource, "status": "amended"}).encode()
    answer = ehr.admin.request("PUT", made.location, body=body, headers={"If-Match": 'W/"7"'})
    assert answer.status in (409, 412)
    assert ehr.admin.request("GET", made.location).resource["status"] == "final"


def test_a_conditional_create_answers_with_what_is_there(ehr: Ehr, patient: str) -> None:
    identity = str(uuid4())
    condition = f"identifier={URI}|urn:uuid:{identity}"
    first = post(ehr, observation(identity, patient), condition)
    second = post(ehr, observation(identity, patient, status="amended"), condition)
    assert (first.status, second.status) == (201, 200)
    assert second.location == first.location
    assert ehr.admin.request("GET", first.location).resource["status"] == "final"


def test_a_race_of_conditional_creates_makes_one(ehr: Ehr, patient: str) -> None:
    identity = str(uuid4())
    condition = f"identifier={URI}|urn:uuid:{identity}"
    with ThreadPoolExecutor(6) as pool:
        statuses = [answer.status for answer in pool.map(lambda _: post(ehr, observation(identity, patient), condition), range(6))]
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert len(ehr.found("Observation", identifier=f"{URI}|urn:uuid:{identity}")) == 1


def test_several_matches_are_412(ehr: Ehr, patient: str) -> None:
    identity = str(uuid4())
    for _ in range(2):
        assert post(ehr, observation(identity, patient)).status == 201
    assert post(ehr, observation(identity, patient), f"identifier={URI}|urn:uuid:{identity}").status == 412


def test_searches_find_by_person_code_status_and_time(ehr: Ehr, patient: str) -> None:
    early, late = str(uuid4()), str(uuid4())
    post(ehr, observation(early, patient, effectivePeriod={"start": "2026-01-01T10:00:00Z", "end": "2026-01-01T10:01:00Z"}))
    post(ehr, observation(late, patient, effectiveDateTime="2026-01-02T10:00:00Z", status="preliminary"))

    def ids(**query: str) -> set[str]:
        found = ehr.found("Observation", patient=patient, **query)
        return {one["identifier"][0]["value"].removeprefix("urn:uuid:") for one in found}

    assert ids() == {early, late}
    assert ids(subject=f"Patient/{patient}") == {early, late}
    assert ids(status="preliminary") == {late}
    assert ids(status="preliminary,final") == {early, late}
    assert ids(code="urn:test|x") == {early, late}
    assert ids(code="other|x") == set()
    assert ids(date="2026-01-01") == {early}
    assert ids(date="ge2026-01-02") == {late}
    assert ids(date="lt2026-01-02") == {early}


def test_pages_follow_each_other_and_hold_all(ehr: Ehr, patient: str) -> None:
    made = {post(ehr, observation(str(uuid4()), patient)).location.split("/")[1] for _ in range(5)}
    seen: list[str] = []
    answer = ehr.admin.request("GET", "Observation", params={"patient": patient, "_count": "2"})
    while True:
        seen += [entry["resource"]["id"] for entry in answer.resource.get("entry", [])]
        links = [link["url"] for link in answer.resource["link"] if link["relation"] == "next"]
        if not links:
            break
        answer = ehr.admin.request("GET", httpx.URL(links[0]).raw_path.decode().removeprefix("/fhir").lstrip("/"))
        assert answer.status == 200
    assert sorted(seen) == sorted(made)


def test_an_unknown_search_parameter_is_refused(ehr: Ehr) -> None:
    assert ehr.admin.request("GET", "Observation", params={"shoe-size": "42"}).status == 400


def transaction(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}).encode()


def posted(resource: dict[str, Any], identity: str) -> dict[str, Any]:
    condition = f"identifier={URI}|urn:uuid:{identity}"
    request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": condition}
    return {"fullUrl": f"urn:uuid:{identity}", "resource": resource, "request": request}


def test_a_transaction_links_its_entries_and_repeats_harmlessly(ehr: Ehr, patient: str) -> None:
    identity, provenance = str(uuid4()), str(uuid4())
    proof = {
        "resourceType": "Provenance",
        "id": provenance,
        "target": [{"reference": f"urn:uuid:{identity}"}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "x"}}],
    }
    body = transaction(
        posted(observation(identity, patient), identity),
        {"fullUrl": f"urn:uuid:{provenance}", "resource": proof, "request": {"method": "PUT", "url": f"Provenance/{provenance}"}},
    )
    for _ in range(2):
        answer = ehr.admin.request("POST", "", body=body)
        assert answer.status == 200, answer.summary()
        assert len(answer.resource["entry"]) == 2
    [there] = ehr.found("Observation", identifier=f"{URI}|urn:uuid:{identity}")
    assert ehr.admin.request("GET", f"Provenance/{provenance}").resource["target"][0]["reference"] == f"Observation/{there['id']}"


def test_a_transaction_that_fails_leaves_nothing(ehr: Ehr, patient: str) -> None:
    good, bad = str(uuid4()), str(uuid4())
    body = transaction(posted(observation(good, patient), good), posted(observation(bad, f"nobody-{uuid4().hex[:8]}"), bad))
    assert ehr.admin.request("POST", "", body=body).status >= 400
    assert ehr.found("Observation", identifier=f"{URI}|urn:uuid:{good}") == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"resourceType": "Patient"}'])
def test_what_is_no_observation_is_refused(ehr: Ehr, body: bytes) -> None:
    assert 400 <= ehr.admin.request("POST", "Observation", body=body).status < 600


def test_a_reference_to_nothing_is_refused(ehr: Ehr) -> None:
    assert post(ehr, observation(str(uuid4()), f"nobody-{uuid4().hex[:8]}")).status in (400, 404, 422)


def test_unknown_is_404_and_nameless_is_401(ehr: Ehr) -> None:
    assert ehr.admin.request("GET", f"Observation/{uuid4()}").status == 404
    assert httpx.get(f"{ehr.base_url}/Observation").status_code == 401
    assert httpx.get(f"{ehr.base_url}/Observation", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert httpx.get(f"{ehr.base_url}/metadata").status_code == 200
