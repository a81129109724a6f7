"""Doubt, a nurse's word and the differences of a census, over gRPC as a console asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.integration.record_world import BED, T0, US, admit, stay
from tests.support.rpc import served
from wince.clients.hospital import HospitalClient
from wince.domain.outside import CensusList, Difference, Listed
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.domain.trust import Cause
from wince.errors import Refused
from wince.hospital.outside import reconcile
from wince.hospital.servicer import HospitalServicer, registration
from wince.rpc.config import RpcSettings
from wince.store import audit, trust
from wince.store.database import Database

HOUR = 3600 * US
NOW = T0 + 6 * HOUR


@pytest.fixture
def client(database: Database) -> Iterator[HospitalClient]:
    with (
        served(registration(HospitalServicer(database, clock=lambda: NOW))) as server,
        HospitalClient([f"127.0.0.1:{server.port}"], RpcSettings()) as opened,
    ):
        yield opened


def test_a_nurse_ends_the_doubt_of_a_silent_feed(database: Database, client: HospitalClient) -> None:
    admit(database, stay())
    with database.transaction() as tx:
        trust.heard(tx, T0)
        trust.watch_feed(tx, NOW, 4 * HOUR)
    assert client.occupancy(BED) is Reason.DOUBTFUL
    assert client.occupancy(BED, T0 + HOUR) == stay()
    (doubt,) = client.doubts()
    assert (doubt.bed, doubt.cause, doubt.from_us, doubt.encounter) == (BED, Cause.FEED, T0 + 4 * HOUR, None)
    other = replace(stay().encounter, value="V9")
    for bed, encounter in ((BED, other), ("ICU^9^A", stay().encounter)):
        with pytest.raises(Refused):
            client.confirm(bed, encounter)
    assert client.confirm(BED, stay().encounter) == stay()
    assert client.occupancy(BED) == stay()
    assert client.doubts() == []
    assert "trust.confirmed" in [row.event for row in audit.rows(database)]


def test_differences_of_the_newest_census(database: Database, client: HospitalClient) -> None:
    assert client.differences() == []
    here = replace(stay(), ward="ICU")
    admit(database, here)
    row = Listed(Identifier("urn:wince:authority:MRN", "M-V2"), replace(here.encounter, value="V2"), BED, T0, None)
    with database.transaction() as tx:
        compared, _ = reconcile.reconcile(tx, CensusList("fhir", NOW, (row,), frozenset()), NOW, 0)
    assert client.differences() == list(compared.differing)
    (one,) = client.differences()
    assert (one.kind, one.listed, one.believed) == (Difference.ANOTHER_PATIENT, (row,), (here,))
    (doubt,) = client.doubts()
    assert (doubt.cause, doubt.kind, doubt.encounter) == (Cause.CENSUS, "another_patient", row.encounter)
    reads = [row.event for row in audit.rows(database)].count("read")
    assert reads >= 4
