"""A real, validating server behind a proxy that spoils a fifth of all answers: nothing is lost, nothing stands twice, the order is kept.

With scopes of both versions, and once with a server that can't see If-None-Exist.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.contract.ehr.samples import PROTOCOLS, START, entry, fresh_stay
from tests.support.spoiling_proxy import SpoilingProxy
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.worker import Delivery
from wince.domain.audit import verify
from wince.domain.entry import Entry
from wince.domain.stay import Identifier
from wince.fhir.client import FhirClient
from wince.fhir.scopes import VERSIONS
from wince.fhir.smart import SmartAuth
from wince.pipeline.record import rows, writing
from wince.pipeline.record.rows import Outgoing
from wince.store import audit
from wince.store.database import Database
from wince.testing.ehr import Credentials, EhrSandbox
from wince.testing.peers import HapiPeer, available

pytestmark = [pytest.mark.peer, pytest.mark.slow]
STAYS = 5
ENTRIES = pytest.param(4, id="60"), pytest.param(int(os.environ.get("WINCE_SPOILED", "300")) // 15, id="long", marks=pytest.mark.long)
"""Of each stay in each of the three rounds: 60 entries together in the suite, 300 in `make long` (WINCE_SPOILED: another number)."""
MINUTES = 10
SOON = random.Random()
SOON.uniform = lambda low, _high: low  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HapiPeer, Credentials]]:
    if reason := available():
        pytest.skip(f"HAPI FHIR: {reason}")
    folder = tmp_path_factory.mktemp("hapi")
    with EhrSandbox(folder) as sandbox:
        key = sandbox.new_client("wince", "system/*.cruds")
    with HapiPeer(folder, clients={key.kid: key.key_pem}, validate=True, token_life_s=60) as peer:
        yield peer, key


def signed_in(base_url: str, token_url: str, key: Credentials, scope: str, timeout_s: float) -> FhirClient:
    auth = SmartAuth(base_url, key.client_id, key.key_pem, key.kid, scope, token_url=token_url, timeout_s=60)
    return FhirClient(base_url, auth=auth, timeout_s=timeout_s)


def put(admin: FhirClient, resource: dict[str, Any]) -> None:
    answer = admin.request("PUT", f"{resource['resourceType']}/{resource['id']}", body=json.dumps(resource).encode())
    assert answer.status in (200, 201), answer.summary()


def admit(admin: FhirClient) -> tuple[Identifier, Identifier]:
    mrn, visit = fresh_stay()
    put(admin, {"resourceType": "Patient", "id": mrn.value, "identifier": [{"system": mrn.system, "value": mrn.value}]})
    encounter = {"resourceType": "Encounter", "id": visit.value, "status": "in-progress"}
    encounter |= {"identifier": [{"system": visit.system, "value": visit.value}], "subject": {"reference": f"Patient/{mrn.value}"}}
    encounter |= {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}}
    put(admin, encounter)
    return mrn, visit


def charted(database: Database, target: FhirTarget, stays: list[tuple[Identifier, Identifier]], entries: int) -> dict[str, list[UUID]]:
    """So many entries of each stay, a minute apart, the last one confirmed; ids in their order, by encounter."""
    made: dict[str, list[UUID]] = {visit.value: [] for _, visit in stays}
    with database.transaction() as tx:
        for mrn, visit in stays:
            items: list[Entry] = []
            for number in range(entries - 1):
                start = START + number * 60_000_000
                items.append(entry(patient=mrn, encounter=visit, start_us=start, end_us=start + 60_000_000, issued_us=start + 61_000_000))
                made[visit.value].append(items[-1].id)
            items.append(replace(items[-1], revision=2, status="final", nurse="N-1"))
            waiting = [Outgoing(item, target.name, str(target.render(item)), "ready") for item in items]
            rows.save_outbox(tx, waiting, {})
            audit.append(tx, [writing.charted(row, "charted") for row in waiting], START)
    return made


@pytest.mark.parametrize("entries", ENTRIES)
@pytest.mark.parametrize(("scopes", "blind"), [("v2", False), ("v1", False), ("v2", True)])
def test_nothing_is_lost_doubled_or_out_of_order(
    database: Database, hapi: tuple[HapiPeer, Credentials], scopes: str, blind: bool, entries: int
) -> None:
    peer, key = hapi
    token_url = peer.base_url.removesuffix("/fhir") + "/token"
    admin = signed_in(peer.base_url, token_url, key, "system/*.cruds", 120)
    stays = [admit(admin) for _ in range(STAYS)]
    with SpoilingProxy(peer.base_url, rate=0.2, seed=7, blind=blind) as proxy:
        client = signed_in(proxy.base_url, token_url, key, VERSIONS[scopes], 10)
        target = FhirTarget("hapi", client, PROTOCOLS, version="0.1.0", site=f"test-{uuid4()}")
        made = charted(database, target, stays, entries)
        running = Delivery(database, [target], poll_s=0.05, jitter=SOON, per_encounter=8)
        running.start()
        try:
            deadline = time.monotonic() + MINUTES * 60
            while (open_ := _states(database)) != {"written": STAYS * entries} and time.monotonic() < deadline:
                assert "dead" not in open_, _refused(database)
                running.wake()
                time.sleep(0.2)
        finally:
            running.stop()
        client.close()
    assert _states(database) == {"written": STAYS * entries}, _refused(database)
    assert sum(count for fault, count in proxy.faults.items() if fault) > STAYS * entries / 5, "it was spoilt indeed"
    for mrn, visit in stays:
        answer = admin.request("GET", "Observation", params={"encounter": f"Encounter/{visit.value}", "_count": "500"})
        found = [entry["resource"] for entry in answer.resource["entry"]]
        begun = {one["identifier"][0]["value"].removeprefix("urn:uuid:"): _created(admin, one) for one in found}
        assert len(found) == len(begun) == entries - 1, "none lost, none doubled"
        assert sorted(begun, key=lambda value: begun[value]) == [str(identity) for identity in made[visit.value]], "in their order"
        assert {one["subject"]["reference"] for one in found} == {f"Patient/{mrn.value}"}
        assert sorted(one["status"] for one in found)[0] == "final"
    assert verify(audit.rows(database, payloads=True)).count > 0
    admin.close()


def _states(database: Database) -> dict[str, int]:
    with database.transaction() as tx:
        return dict(tx.execute("SELECT CASE state WHEN 'leased' THEN 'ready' ELSE state END, count(*) FROM outbox GROUP BY 1").fetchall())


def _refused(database: Database) -> list[tuple[Any, ...]]:
    with database.transaction() as tx:
        open_ = "SELECT state, last_error, attempts FROM outbox WHERE state <> 'written' ORDER BY attempts DESC LIMIT 9"
        return tx.execute(open_.encode()).fetchall()


def _created(admin: FhirClient, observation: dict[str, Any]) -> str:
    """When its first version was written."""
    first = admin.request("GET", f"Observation/{observation['id']}/_history/1")
    return str(first.resource["meta"]["lastUpdated"])
