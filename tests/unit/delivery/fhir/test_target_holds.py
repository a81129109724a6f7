"""What holds a FHIR server as a whole, what is worth a retry, and the probe of a hold."""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.ehr.samples import PROTOCOLS, entry
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Outcome
from wince.fhir.client import FhirClient
from wince.fhir.smart import SmartAuth
from wince.testing.ehr import EhrSandbox


@pytest.fixture
def target(ehr: EhrSandbox) -> Iterator[FhirTarget]:
    """Not signed in yet."""
    ehr.faults.clear()
    key = ehr.new_client()
    auth = SmartAuth(ehr.base_url, key.client_id, key.key_pem, key.kid, key.scope)
    yield FhirTarget("ehr", FhirClient(ehr.base_url, auth=auth, timeout_s=5), PROTOCOLS, version="0.1.0")
    ehr.faults.clear()


def test_a_key_that_the_server_does_not_know_holds_the_target(ehr: EhrSandbox) -> None:
    key = ehr.new_client()
    client = FhirClient(ehr.base_url, auth=SmartAuth(ehr.base_url, "stranger", key.key_pem, key.kid, key.scope))
    target = FhirTarget("ehr", client, PROTOCOLS, version="0.1.0")
    assert target.deliver(target.render(entry())).outcome is Outcome.HELD


def test_a_hold_says_what_a_person_can_do(ehr: EhrSandbox, target: FhirTarget) -> None:
    for status, word in ((403, "system/Observation.crus"), (401, "discovery")):
        ehr.faults.add("status", on="create", status=status, count=2)
        held = target.deliver(target.render(entry()))
        assert (held.outcome, word in held.remedy) == (Outcome.HELD, True)
        ehr.faults.clear()


def test_a_token_endpoint_that_is_away_for_a_while_holds_nothing(ehr: EhrSandbox, target: FhirTarget) -> None:
    """404 while it is deployed anew, a gateway's 502: tried again."""
    for status in (404, 502):
        ehr.faults.add("status", on="token", status=status, count=1)
        assert target.deliver(target.render(entry())).outcome is Outcome.RETRY
    assert target.deliver(target.render(entry())).outcome is Outcome.WRITTEN


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_refuses_us_from_the_first_request_on_is_held(status: int) -> None:
    """A gateway that lets nothing of ours through does so at /metadata already."""
    answers = [httpx.Response(status)] * 4
    client = FhirClient("http://ehr/fhir", transport=httpx.MockTransport(lambda _request: answers.pop()))
    held = FhirTarget("ehr", client, PROTOCOLS, version="0.1.0").deliver('{"entry": []}')
    assert (held.outcome, held.detail) == (Outcome.HELD, f"/metadata answered {status}")
    assert held.remedy


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (None, Outcome.WRITTEN),
        ({"on": "search", "status": 403}, Outcome.HELD),
        ({"on": "search", "status": 401}, Outcome.HELD),
        ({"on": "search", "status": 503}, Outcome.RETRY),
        ({"on": "token", "status": 404}, Outcome.RETRY),
        ({"on": "token", "status": 400}, Outcome.HELD),
    ],
)
def test_a_probe_signs_in_and_reads_and_changes_nothing(
    ehr: EhrSandbox, target: FhirTarget, fault: dict[str, object] | None, outcome: Outcome
) -> None:
    if fault:
        ehr.faults.add("status", **fault)  # type: ignore[arg-type]
    ehr.requests.clear()
    answer = target.probe()
    ehr.faults.clear()
    assert answer.outcome is outcome
    assert bool(answer.remedy) is (outcome is Outcome.HELD)
    assert ehr.requests["create"] == ehr.requests["update"] == 0
