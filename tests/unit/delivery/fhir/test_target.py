"""The writer against a faulty EHR: every answer becomes the right outcome, and one Observation stands in the end."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.contract.ehr.samples import MRN, PROTOCOLS, VISIT, entry, question
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Outcome
from wince.domain.entry import Entry
from wince.domain.stay import Identifier
from wince.fhir.client import FhirClient
from wince.fhir.smart import SmartAuth
from wince.testing.ehr import EhrSandbox


@pytest.fixture
def target(ehr: EhrSandbox) -> FhirTarget:
    """Warm: signed in, the stay known, the Device written; then the faults and counters start afresh."""
    ehr.faults.clear()
    key = ehr.new_client()
    auth = SmartAuth(ehr.base_url, key.client_id, key.key_pem, key.kid, key.scope)
    made = FhirTarget("ehr", FhirClient(ehr.base_url, auth=auth, timeout_s=2), PROTOCOLS, version="0.1.0")
    assert made.deliver(made.render(entry())).outcome is Outcome.WRITTEN
    ehr.requests.clear()
    return made


def count(ehr: EhrSandbox, item: Entry) -> int:
    return ehr.count("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{item.id}")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.DEAD),
        (403, Outcome.HELD),
        (404, Outcome.DEAD),
        (408, Outcome.RETRY),
        (409, Outcome.RETRY),
        (410, Outcome.DEAD),
        (412, Outcome.DEAD),
        (422, Outcome.DEAD),
        (425, Outcome.RETRY),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (502, Outcome.RETRY),
        (503, Outcome.RETRY),
        (504, Outcome.RETRY),
    ],
)
def test_an_answer_to_a_create_becomes_its_outcome(ehr: EhrSandbox, target: FhirTarget, status: int, outcome: Outcome) -> None:
    item = entry()
    ehr.faults.add("status", on="create", status=status)
    delivery = target.deliver(target.render(item))
    assert delivery.outcome is outcome
    assert delivery.detail.startswith(str(status))
    assert count(ehr, item) == 0
    ehr.faults.clear()
    assert target.deliver(target.render(item)).outcome is Outcome.WRITTEN
    assert count(ehr, item) == 1


def test_retry_after_is_handed_on(ehr: EhrSandbox, target: FhirTarget) -> None:
    ehr.faults.add("status", on="create", status=429, retry_after_s=7)
    assert target.deliver(target.render(entry())).retry_after_s == 7


def test_one_401_is_answered_by_a_fresh_token(ehr: EhrSandbox, target: FhirTarget) -> None:
    ehr.faults.add("status", on="create", status=401, count=1)
    assert target.deliver(target.render(entry())).outcome is Outcome.WRITTEN
    assert ehr.requests["token"] == 1


def test_a_401_that_stays_holds_the_target(ehr: EhrSandbox, target: FhirTarget) -> None:
    ehr.faults.add("status", on="create", status=401)
    assert target.deliver(target.render(entry())).outcome is Outcome.HELD


def test_one_409_is_tried_again_at_once(ehr: EhrSandbox, target: FhirTarget) -> None:
    ehr.faults.add("status", on="create", status=409, count=2)
    assert target.deliver(target.render(entry())).outcome is Outcome.WRITTEN


@pytest.mark.parametrize("effect", ["commit_then_timeout", "commit_then_drop", "reset", "truncated"])
@pytest.mark.parametrize("resource", ["Observation", "Provenance", "AuditEvent"])
def test_what_was_committed_in_silence_is_found_again(ehr: EhrSandbox, target: FhirTarget, effect: str, resource: str) -> None:
    item = entry()
    ehr.faults.add(effect, resource=resource, count=1, seconds=5)
    assert target.deliver(target.render(item), first=True).outcome is Outcome.RETRY
    assert count(ehr, item) == 1
    done = target.deliver(target.render(item))
    assert (done.outcome, done.version) == (Outcome.WRITTEN, "1")
    assert count(ehr, item) == 1
    assert ehr.count("Provenance", f"target={done.location}") == 1
    assert ehr.count("AuditEvent", f"entity={done.location}") == 1


@pytest.mark.parametrize("fault", [{"effect": "drop"}, {"effect": "slow", "seconds": 5}])
def test_an_ehr_that_is_down_or_too_slow_is_tried_again(ehr: EhrSandbox, target: FhirTarget, fault: dict[str, object]) -> None:
    ehr.faults.add(**fault)  # type: ignore[arg-type]
    item = entry()
    assert target.deliver(target.render(item)).outcome is Outcome.RETRY
    ehr.faults.clear()
    assert target.deliver(target.render(item)).outcome is Outcome.WRITTEN
    assert count(ehr, item) == 1


@pytest.mark.parametrize("on", ["create", "update", "read", "search", "metadata", "token"])
@pytest.mark.parametrize("effect", ["garbled", "truncated", "reset", "expired"])
def test_an_answer_that_is_no_json_decides_nothing(ehr: EhrSandbox, effect: str, on: str) -> None:
    """Whichever request it meets, in a writer that has nothing cached: never a dead letter, and in the end one resource, revised once."""
    ehr.faults.clear()
    key = ehr.new_client()
    auth = SmartAuth(ehr.base_url, key.client_id, key.key_pem, key.kid, key.scope)
    target = FhirTarget("ehr", FhirClient(ehr.base_url, auth=auth, timeout_s=2), PROTOCOLS, version="0.1.0")
    ehr.faults.add(effect, on=on, count=1, seconds=0)
    item = entry()
    first, again = (target.render(one) for one in (item, replace(item, revision=2, status="final")))
    for body in (first, again, first):
        outcomes = [target.deliver(body, "", "").outcome for _ in range(3)]
        assert outcomes[-1] is Outcome.WRITTEN
        assert set(outcomes) <= {Outcome.RETRY, Outcome.WRITTEN}
    ehr.faults.clear()
    [there] = ehr.resources("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{item.id}")
    assert there["status"] == "final"


def test_a_read_that_is_no_resource_is_not_taken_for_anothers(ehr: EhrSandbox, target: FhirTarget) -> None:
    """Another version stands there; what does is read, and the answer is spoiled."""
    item = entry()
    place = target.deliver(target.render(item)).location
    ehr.faults.add("garbled", on="read", count=1)
    body = target.render(replace(item, revision=2, status="final"))
    assert target.deliver(body, place, "9").outcome is Outcome.RETRY
    assert target.deliver(body, place, "9").outcome is Outcome.WRITTEN


def test_an_ehr_that_is_gone_comes_back_with_its_record(tmp_path: Path) -> None:
    ehr = EhrSandbox(tmp_path, smart=False)
    ehr.start()
    ehr.seed([MRN], [(VISIT, MRN)])
    target = FhirTarget("ehr", FhirClient(ehr.base_url, timeout_s=1), PROTOCOLS, version="0.1.0")
    item = entry()
    assert target.deliver(target.render(item)).outcome is Outcome.WRITTEN
    ehr.stop()
    assert target.deliver(target.render(item)).outcome is Outcome.RETRY
    ehr.start()
    assert target.deliver(target.render(item)).outcome is Outcome.WRITTEN
    assert count(ehr, item) == 1
    ehr.stop()


def test_under_random_faults_every_entry_stands_once(ehr: EhrSandbox, target: FhirTarget) -> None:
    for effect in ("commit_then_drop", "drop"):
        ehr.faults.add(effect, rate=0.15)
    for status in (409, 429, 500, 503):
        ehr.faults.add("status", status=status, rate=0.1)
    items = [entry() for _ in range(25)]
    for item in items:
        body = target.render(item)
        for _ in range(60):
            delivery = target.deliver(body)
            if delivery.outcome is Outcome.WRITTEN:
                break
            assert delivery.outcome is Outcome.RETRY
        assert delivery.outcome is Outcome.WRITTEN
    ehr.faults.clear()
    for item in items:
        assert count(ehr, item) == 1
        [there] = ehr.resources("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{item.id}")
        assert ehr.count("Provenance", f"target=Observation/{there['id']}") == 1
        assert ehr.count("AuditEvent", f"entity=Observation/{there['id']}") == 1


@pytest.mark.parametrize("status", [409, 412])
def test_an_update_that_lost_is_read_again_and_decided_again(ehr: EhrSandbox, target: FhirTarget, status: int) -> None:
    item = entry()
    first = target.deliver(target.render(item))
    second = target.render(entry(**{name: getattr(item, name) for name in item.__slots__} | {"revision": 2, "status": "final"}))
    ehr.faults.add("status", on="update", resource="Observation", status=status, count=1)
    done = target.deliver(second, first.location, first.version)
    assert done.outcome is Outcome.WRITTEN
    assert ehr.resources("Observation", f"_id={first.location.split('/')[1]}")[0]["status"] == "final"


def test_a_provenance_that_is_refused_does_not_undo_the_observation(ehr: EhrSandbox, target: FhirTarget) -> None:
    ehr.faults.add("status", resource="Provenance", status=422)
    done = target.deliver(target.render(entry()))
    assert done.outcome is Outcome.WRITTEN
    assert done.left.startswith("Provenance refused: 422")


def test_the_stay_is_looked_up_once(ehr: EhrSandbox, target: FhirTarget) -> None:
    for _ in range(5):
        target.deliver(target.render(entry()), first=True)
    assert ehr.requests["search"] == 0
    assert ehr.requests["update"] == 10, "Provenance and AuditEvent; the Device stands"


def test_the_stay_is_looked_up_again_after_its_time(ehr: EhrSandbox) -> None:
    clock = [0.0]
    key = ehr.new_client()
    client = FhirClient(ehr.base_url, auth=SmartAuth(ehr.base_url, key.client_id, key.key_pem, key.kid, key.scope))
    target = FhirTarget("ehr", client, PROTOCOLS, version="0.1.0", stay_cache_s=60, clock=lambda: clock[0])
    target.deliver(target.render(entry()), first=True)
    ehr.requests.clear()
    clock[0] = 61
    target.deliver(target.render(entry()), first=True)
    assert ehr.requests["search"] == 2


def test_the_stay_is_looked_up_again_after_a_merge(ehr: EhrSandbox) -> None:
    """The hospital's feed told that one of its numbers was merged: what was remembered is not believed any more, at once."""
    merges = [0]
    key = ehr.new_client()
    client = FhirClient(ehr.base_url, auth=SmartAuth(ehr.base_url, key.client_id, key.key_pem, key.kid, key.scope))
    target = FhirTarget("ehr", client, PROTOCOLS, version="0.1.0", merges=lambda _patient, _visit: merges[0])
    target.deliver(target.render(entry()), first=True)
    ehr.requests.clear()
    target.deliver(target.render(entry()), first=True)
    assert ehr.requests["search"] == 0
    merges[0] = 1
    for _ in range(3):
        target.deliver(target.render(entry()), first=True)
    assert ehr.requests["search"] == 2


def carried(identifier: Identifier) -> dict[str, str]:
    return {"system": identifier.system, "value": identifier.value}


class Plain:
    """A server that declares little, as many EHRs do: no conditional create, no client ids, no Provenance."""

    def __init__(self) -> None:
        self.observations: list[dict[str, object]] = []
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        kind = request.url.path.split("/")[2]
        self.asked.append(f"{request.method} {kind}")
        assert "if-none-exist" not in request.headers
        if kind == "metadata":
            rest = [{"type": name, "interaction": [{"code": "create"}, {"code": "search-type"}]} for name in ("Observation", "Task")]
            server = {"mode": "server", "resource": rest}
            return httpx.Response(200, json={"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [server]})
        if request.method == "GET":
            hits: list[dict[str, object]] = {
                "Patient": [{"resourceType": "Patient", "id": "1", "identifier": [carried(MRN)]}],
                "Encounter": [
                    {
                        "resourceType": "Encounter",
                        "id": "2",
                        "identifier": [carried(VISIT)],
                        "subject": {"reference": "https://ehr.example/fhir/Patient/1"},
                    }
                ],
                "Observation": self.observations,
            }[kind]
            return httpx.Response(200, json={"resourceType": "Bundle", "entry": [{"resource": hit} for hit in hits]})
        assert kind == "Observation"
        made = {**json.loads(request.content), "id": "77", "meta": {"versionId": "1"}}
        self.observations.append(made)
        return httpx.Response(201, headers={"Location": "https://ehr.example/fhir/Observation/77/_history/1"})


def test_only_what_a_server_declares_is_used() -> None:
    server = Plain()
    client = FhirClient("https://ehr.example/fhir", transport=httpx.MockTransport(server))
    target = FhirTarget("ehr", client, PROTOCOLS, version="0.1.0")
    body = target.render(entry())
    for _ in range(2):
        done = target.deliver(body)
        assert (done.outcome, done.location) == (Outcome.WRITTEN, "Observation/77")
    assert len(server.observations) == 1
    assert server.asked.count("POST Observation") == 1
    device = server.observations[0]["device"]
    assert isinstance(device, dict)
    assert "reference" not in device
    assert device["identifier"]["value"].startswith("urn:uuid:")


def test_a_type_that_the_server_does_not_take_is_dead() -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server", "resource": []}]}
    hits = {
        "Patient": {"id": "1", "identifier": [carried(MRN)]},
        "Encounter": {"id": "2", "identifier": [carried(VISIT)], "subject": {"reference": "Patient/1"}},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        kind = request.url.path.split("/")[2]
        if kind == "metadata":
            return httpx.Response(200, json=statement)
        assert request.method == "GET"
        return httpx.Response(200, json={"resourceType": "Bundle", "entry": [{"resource": {"resourceType": kind, **hits[kind]}}]})

    target = FhirTarget("ehr", FhirClient("https://e/fhir", transport=httpx.MockTransport(answer)), PROTOCOLS, version="0.1.0")
    assert target.deliver(target.render(question())).outcome is Outcome.DEAD


def test_details_say_nothing_about_the_patient(ehr: EhrSandbox, target: FhirTarget) -> None:
    details = []
    for status in (400, 403, 409, 422, 500):
        ehr.faults.clear()
        ehr.faults.add("status", status=status)
        details.append(target.deliver(target.render(entry())).detail)
    assert all(MRN.value not in detail and VISIT.value not in detail for detail in details)
