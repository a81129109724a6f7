"""The EHR is tried without writing: certificate, sign-in, what it takes, its clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.fhir_tls import tls_fhir
from wince.errors import PeerError, Refused, Unavailable
from wince.serve.checks import ehr
from wince.serve.checks.finding import State
from wince.settings import Settings
from wince.testing.ehr import EhrSandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[EhrSandbox]:
    with EhrSandbox(tmp_path / "ehr") as made:
        yield made


def reached(sandbox: EhrSandbox, tmp_path: Path) -> Settings:
    client = sandbox.new_client()
    key = tmp_path / "key.pem"
    key.write_bytes(client.key_pem)
    return Settings(ehr_url=sandbox.base_url, ehr_client_id=client.client_id, ehr_key_id=client.kid, ehr_key_file=key)


def test_without_an_ehr_there_is_nothing_to_say():
    assert list(ehr.check(Settings())) == []


def test_a_server_that_takes_everything(sandbox, tmp_path):
    settings = reached(sandbox, tmp_path)
    before = dict(sandbox.requests)
    found = {one.what: one for one in ehr.check(settings)}
    assert {one.state for one in found.values()} == {State.OK}
    assert "signed in as wince" in found["ehr"].found
    assert {"ehr", "ehr interactions"} <= set(found)
    assert all(sandbox.requests.get(kind, 0) == before.get(kind, 0) for kind in ("create", "update", "transaction")), "nothing is written"


def test_a_client_that_is_not_registered(sandbox, tmp_path):
    settings = reached(sandbox, tmp_path).model_copy(update={"ehr_client_id": "stranger"})
    with pytest.raises(Refused) as caught:
        list(ehr.check(settings))
    assert "registered" in caught.value.remedy


def test_a_server_that_lacks_what_entries_need(tmp_path):
    """Each missing interaction is named."""
    authority = Authority(tmp_path)
    with tls_fhir(authority.issue("localhost"), smart=False) as (url, _):
        found = {one.what: one for one in ehr.check(Settings(ehr_url=url, ehr_auth="none", ehr_ca_file=authority.file))}
    assert found["ehr"].state is State.OK
    lacks = found["ehr interactions"]
    assert lacks.state is State.MISSING
    assert "Observation.update" in lacks.found
    assert "Patient.search-type" in lacks.found
    assert "Observation.create," not in lacks.found
    assert found["clock, the EHR"].state is State.OK


def test_a_server_that_wants_a_sign_in(tmp_path):
    authority = Authority(tmp_path)
    with tls_fhir(authority.issue("localhost")) as (url, _), pytest.raises(Refused) as caught:
        list(ehr.check(Settings(ehr_url=url, ehr_auth="none", ehr_ca_file=authority.file)))
    assert "smart" in caught.value.remedy


def test_a_server_that_is_not_there_or_not_believed(tmp_path):
    with pytest.raises(Unavailable):
        list(ehr.check(Settings(ehr_url="http://127.0.0.1:9/fhir", ehr_auth="none")))
    with tls_fhir(Authority(tmp_path).issue("localhost")) as (url, _), pytest.raises(PeerError) as caught:
        list(ehr.check(Settings(ehr_url=url, ehr_auth="none")))
    assert "WINCE_EHR_CA_FILE" in caught.value.remedy
