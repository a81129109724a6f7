"""RecordService, CareService and HospitalService as a foreign client drives them, on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from uuid import uuid4

import grpc
import pytest

from tests.integration.record_world import BED, T0, US, FakeTarget, admit, alert, change, stay, window
from tests.support.rpc import dialled, refused, served
from wince import codec
from wince.api.hospital.v1 import hospital_pb2, hospital_service_pb2
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceStub
from wince.api.record.v1 import record_pb2, record_service_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.clients.hospital import HospitalClient
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.census import Revision
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.hospital.servicer import HospitalServicer
from wince.hospital.servicer import registration as hospital
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.rpc.config import RpcSettings
from wince.rpc.errors import NotFound
from wince.store import audit, checkpoints
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def port(database: Database, tmp_path) -> Iterator[int]:
    key = checkpoints.signing_key(tmp_path / "audit.pem")

    def verify():
        return checkpoints.verify(database, tmp_path / "checkpoints", checkpoints.public_hex(key))

    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    clerk = HospitalServicer(database, clock=lambda: NOW)
    with served(record(RecordServicer(database, verify)), care(nurse), hospital(clerk)) as server:
        yield server.port


@pytest.fixture
def channel(port: int) -> Iterator[grpc.Channel]:
    with dialled(port) as dial:
        yield dial


def commit(database: Database, *messages, target: FakeTarget | None = None) -> None:
    PostgresSink(database, PROTOCOLS, [target or FakeTarget()], clock=lambda: NOW).commit(messages)


def of_bed(bed: str = BED, **more) -> record_service_pb2.Scope:
    return record_service_pb2.Scope(bed=bed, **more)


def test_assessments_alerts_and_entries_of_bed_and_encounter_in_pages(database, channel):
    admit(database, stay())
    windows = [window(number, 2 if number == 4 else 0) for number in range(7)]
    commit(database, *windows, alert(windows[4]))
    stub = RecordServiceStub(channel)
    for scope in (of_bed(), record_service_pb2.Scope(encounter="V1"), record_service_pb2.Scope(encounter="urn:wince:authority:VISIT|V1")):
        found, token = [], ""
        while True:
            answer = stub.ListAssessments(record_service_pb2.ListAssessmentsRequest(scope=scope, page_size=3, page_token=token))
            assert len(answer.assessments) <= 3
            found += answer.assessments
            token = answer.next_page_token
            if not token:
                break
        assert [one.id for one in found] == [str(one.id) for one in windows]
        assert codec.decode("wince.api.grade.v1.Assessment", found[4].SerializeToString()) == windows[4]
        assert [one.id for one in stub.ListAlerts(record_service_pb2.ListAlertsRequest(scope=scope)).alerts] == [str(alert(windows[4]).id)]
        entries = stub.ListEntries(record_service_pb2.ListEntriesRequest(scope=scope)).entries
        assert [one.kind for one in entries] == [record_pb2.ENTRY_KIND_GRADE, record_pb2.ENTRY_KIND_ALERT]
        assert {one.encounter.value for one in entries} == {"V1"}
    part = of_bed(start_us=windows[2].start_us, end_us=windows[4].start_us)
    assert len(stub.ListAssessments(record_service_pb2.ListAssessmentsRequest(scope=part)).assessments) == 2
    for elsewhere in (of_bed("ICU^2^A"), record_service_pb2.Scope(encounter="V2"), record_service_pb2.Scope(encounter="urn:x|V1")):
        assert not stub.ListAssessments(record_service_pb2.ListAssessmentsRequest(scope=elsewhere)).assessments
        assert not stub.ListEntries(record_service_pb2.ListEntriesRequest(scope=elsewhere)).entries


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (record_service_pb2.ListAssessmentsRequest(), "scope"),
        (record_service_pb2.ListAssessmentsRequest(scope=record_service_pb2.Scope()), "scope.bed"),
        (record_service_pb2.ListAssessmentsRequest(scope=of_bed(start_us=-1)), "scope.start_us"),
        (record_service_pb2.ListAssessmentsRequest(scope=of_bed(start_us=9, end_us=8)), "scope.end_us"),
        (record_service_pb2.ListAssessmentsRequest(scope=of_bed(), page_size=1001), "page_size"),
        (record_service_pb2.ListAssessmentsRequest(scope=of_bed(), page_token="x"), "page_token"),
        (record_service_pb2.ListAssessmentsRequest(scope=record_service_pb2.Scope(bed="ICU\0^1^A")), "scope.bed"),
        (record_service_pb2.ListAssessmentsRequest(scope=record_service_pb2.Scope(encounter="\0")), "scope.encounter"),
        (record_service_pb2.ListAssessmentsRequest(scope=of_bed(), page_token="WzEsICJ4Il0="), "page_token"),
    ],
)
def test_wrong_questions_name_the_field(channel, request_, field):
    found = refused(RecordServiceStub(channel).ListAssessments, request_)
    assert (found.code, found.fields, found.error.field) == (grpc.StatusCode.INVALID_ARGUMENT, [field], field)


def test_deliveries_dead_letters_and_replay(database, channel):
    admit(database, stay())
    target = FakeTarget(lambda number, _entry: Answer(Outcome.DEAD, "422 invalid") if number == 0 else None)
    commit(database, window(0), window(1, 2), alert(window(1, 2)), target=target)
    delivery = Delivery(database, [target], poll_s=0.02)
    delivery.start()
    try:
        assert delivery.drain(20)
    finally:
        delivery.stop()
    stub = RecordServiceStub(channel)
    (dead,) = stub.ListDeadLetters(record_service_pb2.ListDeadLettersRequest(target="fake")).deliveries
    assert (dead.state, dead.detail, dead.attempts) == (record_pb2.DELIVERY_STATE_DEAD, "422 invalid", 1)
    assert not stub.ListDeadLetters(record_service_pb2.ListDeadLettersRequest(target="other")).deliveries
    again = record_service_pb2.ReplayDeadLetterRequest(entry_id=dead.entry_id, revision=dead.revision, target="fake")
    assert stub.ReplayDeadLetter(again).delivery.state == record_pb2.DELIVERY_STATE_PENDING
    assert refused(stub.ReplayDeadLetter, again).code is grpc.StatusCode.FAILED_PRECONDITION
    assert [one.state for one in stub.GetDeliveries(record_service_pb2.GetDeliveriesRequest(entry_id=dead.entry_id)).deliveries] == [
        record_pb2.DELIVERY_STATE_PENDING
    ]
    letter = [row for row in audit.rows(database) if row.event == "replay"]
    assert [str(row.entry) for row in letter] == [dead.entry_id]
    told = stub.QueryAudit(record_service_pb2.QueryAuditRequest(entry_id=dead.entry_id)).entries
    assert {one.event: one.target for one in told} == dict.fromkeys(("charted", "intent", "dead", "replay"), "fake")
    unknown = str(uuid4())
    assert refused(stub.GetDeliveries, record_service_pb2.GetDeliveriesRequest(entry_id=unknown)).code is grpc.StatusCode.NOT_FOUND
    assert refused(stub.GetDeliveries, record_service_pb2.GetDeliveriesRequest(entry_id="x")).fields == ["entry_id"]
    nothing = record_service_pb2.ReplayDeadLetterRequest(entry_id=unknown, revision=1, target="fake")
    assert refused(stub.ReplayDeadLetter, nothing).code is grpc.StatusCode.NOT_FOUND


def test_the_trail_is_told_verified_and_a_broken_one_is_an_answer(database, channel):
    admit(database, stay())
    commit(database, window(0))
    stub = RecordServiceStub(channel)
    stub.ListAssessments(record_service_pb2.ListAssessmentsRequest(scope=of_bed()))
    rows = stub.QueryAudit(record_service_pb2.QueryAuditRequest(page_size=3)).entries
    assert [row.sequence for row in rows] == [1, 2, 3]
    assert rows[1].previous_hash == rows[0].hash
    every = stub.QueryAudit(record_service_pb2.QueryAuditRequest(from_sequence=2)).entries
    assert "read" in [row.event for row in every]
    about = stub.QueryAudit(record_service_pb2.QueryAuditRequest(entry_id=str(window(0).id))).entries
    assert [row.event for row in about] == ["assessment"]
    found = stub.VerifyAudit(record_service_pb2.VerifyAuditRequest())
    assert (found.verified, found.broken) == (True, "")
    with database.transaction() as tx:
        tx.execute("UPDATE audit_payload SET payload = payload || ' ' WHERE place = (SELECT payload FROM audit WHERE seq = 2)")
    found = stub.VerifyAudit(record_service_pb2.VerifyAuditRequest())
    assert (found.verified, "row 2" in found.broken) == (False, True)


def test_commits_are_followed_live(database, channel):
    admit(database, stay())
    commit(database, window(0))
    stub = RecordServiceStub(channel)
    here = stub.WatchAssessments(record_service_pb2.WatchAssessmentsRequest(bed=BED), timeout=60)
    elsewhere = stub.WatchAssessments(record_service_pb2.WatchAssessmentsRequest(bed="ICU^9^Z"), timeout=60)
    everything = stub.WatchAssessments(record_service_pb2.WatchAssessmentsRequest(), timeout=60)
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.extend(one.WhichOneof("item") for one in _quietly(elsewhere)))
    thread.start()
    for stream in (here, elsewhere, everything):
        stream.initial_metadata()
    commit(database, window(1), window(2, 2), alert(window(2, 2)))
    for stream in (here, everything):
        found = [next(stream) for _ in range(3)]
        assert [one.assessment.id for one in found if one.HasField("assessment")] == [str(window(1).id), str(window(2).id)]
        assert [one.alert.id for one in found if one.HasField("alert")] == [str(alert(window(2, 2)).id)]
        stream.cancel()
    elsewhere.cancel()
    thread.join(10)
    assert said == []


def test_who_watches_slowly_is_told_everything_later(database, channel, monkeypatch):
    monkeypatch.setattr("wince.pipeline.record.live.ROOM", 2)
    admit(database, stay())
    stream = RecordServiceStub(channel).WatchAssessments(record_service_pb2.WatchAssessmentsRequest(bed=BED), timeout=60)
    stream.initial_metadata()
    for number in range(0, 100, 10):
        commit(database, *(window(number + more) for more in range(10)))
    assert [next(stream).assessment.id for _ in range(100)] == [str(window(number).id) for number in range(100)]
    stream.cancel()


def _quietly(stream):
    try:
        yield from stream
    except grpc.RpcError:
        return


def test_who_lies_where_as_of_when(database, channel, port):
    known_us = T0 - 3600 * US
    admit(database, stay())
    stub = HospitalServiceStub(channel)
    now = stub.GetOccupancy(hospital_service_pb2.GetOccupancyRequest(bed=BED))
    assert now.stay.encounter.value == "V1"
    with HospitalClient([f"127.0.0.1:{port}"], RpcSettings()) as client:
        lying = client.occupancy(BED)
        assert isinstance(lying, Stay)
        assert lying.encounter.value == "V1"
    assert not stub.GetOccupancy(hospital_service_pb2.GetOccupancyRequest(bed=BED, at_us=1)).HasField("stay")
    other = stay("V2", start_us=T0, recorded_us=T0)
    change(database, Revision(supersede=(stay(),), add=(other,), recorded_us=T0))
    assert stub.GetOccupancy(hospital_service_pb2.GetOccupancyRequest(bed=BED)).stay.encounter.value == "V2"
    before = hospital_service_pb2.GetOccupancyRequest(bed=BED, known_us=known_us)
    assert stub.GetOccupancy(before).stay.encounter.value == "V1"
    change(database, Revision(add=(stay("V3", start_us=T0, recorded_us=T0),), recorded_us=T0), "V3")
    assert stub.GetOccupancy(hospital_service_pb2.GetOccupancyRequest(bed=BED)).ambiguous
    found = refused(stub.GetOccupancy, hospital_service_pb2.GetOccupancyRequest(bed="ICU^9^Z"))
    assert (found.code, found.fields) == (grpc.StatusCode.NOT_FOUND, ["bed"])
    assert refused(stub.GetOccupancy, hospital_service_pb2.GetOccupancyRequest()).fields == ["bed"]

    with HospitalClient([f"127.0.0.1:{port}"], RpcSettings()) as client:
        assert client.occupancy(BED) is Reason.TWO_PATIENTS
        assert client.occupancy(BED, 1) is Reason.NO_PATIENT
        with pytest.raises(NotFound, match="no such bed"):
            client.occupancy("ICU^9^Z")

    page = stub.ListStays(hospital_service_pb2.ListStaysRequest(bed=BED, page_size=1))
    rest = stub.ListStays(hospital_service_pb2.ListStaysRequest(bed=BED, page_token=page.next_page_token))
    assert [one.encounter.value for one in (*page.stays, *rest.stays)] == ["V2", "V3"]
    mine = hospital_pb2.Identifier(system="urn:wince:authority:VISIT", value="V1")
    assert not stub.ListStays(hospital_service_pb2.ListStaysRequest(encounter=mine)).stays
    assert len(stub.ListStays(hospital_service_pb2.ListStaysRequest(encounter=mine, known_us=known_us)).stays) == 1
    assert not stub.ListStays(hospital_service_pb2.ListStaysRequest(ward="ICU")).stays
    assert refused(stub.ListStays, hospital_service_pb2.ListStaysRequest()).fields == ["bed"]
    assert refused(stub.ListStays, hospital_service_pb2.ListStaysRequest(bed=BED, page_token="zz")).fields == ["page_token"]
    assert [row.event for row in audit.rows(database)].count("read") >= 10
