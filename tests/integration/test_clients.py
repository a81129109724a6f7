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
from wince.clients import NotFound, connect, unary
from wince.clients.care import CareClient
from wince.clients.record import RecordClient
from wince.domain.asked import QuestionState
from wince.domain.assessment import Verdict
from wince.domain.audit import Verified
from wince.domain.care import BedPause, EncounterState, FaceState, PauseReason
from wince.domain.delivered import DeliveryState
from wince.domain.entry import Kind
from wince.domain.stay import Bedside
from wince.domain.withheld import Consent, Scope
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


def test_care_takes_everything_that_people_decide(database: Database, address: str) -> None:
    """Each comes back as it went in, and as lists have it."""
    admit(database, stay())
    visit = stay().encounter
    with connect(addresses={"care": address}) as wince:
        rest = BedPause(uuid4(), BED, NOW, NOW + 60 * US, PauseReason.CARE, "n-7")
        assert wince.care.start_pause(rest) == wince.care.start_pause(rest) == rest
        assert wince.care.pause(rest.id) == rest
        assert wince.care.end_pause(rest.id, "n-7").end_us <= rest.end_us
        state = wince.care.set_state(EncounterState(visit.value, FaceState.BANDAGED, NOW, "n-7", visit))
        assert (state.face, state.identifier) == (FaceState.BANDAGED, visit)
        assert wince.care.state(visit) == state
        off = wince.care.switch_off(Scope.SITE, "", "the cameras are cleaned")
        assert wince.care.switches() == [off]
        assert (off.scope, off.on_us, off.reason) == (Scope.SITE, None, "the cameras are cleaned")
        assert wince.care.switch_on(Scope.SITE, "", "clean").on_us is not None
        with pytest.raises(NotFound):
            wince.care.switch_on(Scope.SITE, "", "clean")
        for about in (Consent("encounter", visit, False, NOW, "n-7"), Consent("patient", stay().patient, True, NOW, "n-7")):
            assert wince.care.set_consent(about) == about
        assert {(one.subject, one.given) for one in wince.care.consents()} == {("encounter", False), ("patient", True)}


def test_record_tells_bed_question_and_delivery(database: Database, address: str) -> None:
    admit(database, stay())
    alarm, asked = alert(window(1)), question(window(1))
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit([window(0), window(1), alarm, asked])
    with connect(addresses={"record": address, "care": address}) as wince:
        place = Bedside(BED, stay().encounter)
        assert [found for _, found in wince.record.assessments_with_bed(ward=BED.split("^")[0])] == [place] * 2
        assert list(wince.record.alerts_with_bed()) == [(alarm, place)]
        told = wince.care.question(asked.id)
        assert (told.assessment, told.place, told.state, told.verdict) == (asked.assessment, place, QuestionState.OPEN, None)
        assert told in list(wince.care.asked(BED))
        entry = next(one for one in wince.record.entries() if one.kind is Kind.ALERT)
        assert (entry.bed, entry.patient, entry.score) == (BED, stay().patient, alarm.peak)
        delivery = wince.record.deliveries(entry.id)[0]
        assert (delivery.entry, delivery.state, delivery.attempts) == (entry.id, DeliveryState.PENDING, 0)
        waiting = wince.record.targets()
        assert [(one.target, one.hold) for one in waiting] == [(delivery.target, None)]
        assert waiting[0].waiting > 0
        assert list(wince.record.dead_letters()) == []
        with pytest.raises(Refused):
            wince.record.replay(entry.id, 1, delivery.target)
        with pytest.raises(Refused):
            wince.record.release(delivery.target)
