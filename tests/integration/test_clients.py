"""The typed clients against the services as they are: domain types in and out, pages followed, errors of the tree."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.integration.record_world import BED, T0, US, FakeTarget, admit, alert, question, stay, window
from tests.support.rpc import served
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.clients import unary
from wince.clients.care import CareClient
from wince.clients.record import RecordClient
from wince.domain.assessment import Verdict
from wince.domain.audit import Verified
from wince.errors import IntegrityError, Refused, Unavailable
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.rpc.config import RpcSettings
from wince.store import checkpoints
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US


@pytest.fixture
def address(database: Database, tmp_path: Path) -> Iterator[str]:
    """Record and care, in one process."""
    key = checkpoints.signing_key(tmp_path / "audit.pem")

    def verify() -> Verified:
        return checkpoints.verify(database, tmp_path / "checkpoints", checkpoints.public_hex(key))

    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    with served(record(RecordServicer(database, verify)), care(nurse)) as server:
        yield f"127.0.0.1:{server.port}"


def test_record_gives_what_was_committed_whatever_the_page(
    database: Database, database_dsn: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unary, "PAGE", 2)
    admit(database, stay())
    windows = [window(number, number % 3) for number in range(5)]
    alarm = alert(windows[2])
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit([*windows, alarm])
    with RecordClient([address], RpcSettings()) as client:
        assert list(client.assessments(BED)) == windows
        assert list(client.assessments(BED, windows[1].start_us, windows[3].start_us)) == windows[1:3]
        assert list(client.alerts(BED)) == [alarm]
        assert list(client.assessments("ICU^9^Z")) == []
        assert client.verify().count > 5
        with psycopg.connect(database_dsn, autocommit=True) as connection:
            connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
            connection.execute("UPDATE audit SET event = 'other' WHERE seq = 3")
        with pytest.raises(IntegrityError, match="does not hold") as caught:
            client.verify()
    assert "row 3" in caught.value.field


def test_care_asks_and_takes_a_verdict_once(database: Database, address: str) -> None:
    admit(database, stay())
    asked = question(window(1))
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit([window(0), window(1), asked])
    with CareClient([address], RpcSettings()) as client:
        assert list(client.questions(BED)) == list(client.questions()) == [asked]
        verdict = Verdict(uuid4(), asked.id, window(1).id, "n-7", 1, NOW)
        given = client.give(verdict)
        assert client.give(verdict) == given
        assert given.id == verdict.id
        assert list(client.questions()) == []
        with pytest.raises(Refused):
            client.give(Verdict(uuid4(), asked.id, window(1).id, "n-7", 2, NOW))


def test_a_service_that_is_away_is_unavailable_in_time() -> None:
    with RecordClient(["127.0.0.1:1"], RpcSettings(), deadline_s=1.0) as client, pytest.raises(Unavailable):
        client.verify()
