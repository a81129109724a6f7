"""CareService as a foreign client drives it, on a real PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import grpc
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, change, question, stay, window
from tests.support.rpc import dialled, refused, served
from wince import codec
from wince.api.care.v1 import care_pb2, care_service_pb2
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.api.hospital.v1 import hospital_pb2
from wince.api.record.v1 import record_pb2, record_service_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.bus.memory import MemoryBus
from wince.bus.topics import CARE
from wince.care.events import standing
from wince.care.postgres import PostgresCare
from wince.care.relay import Relay
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.domain.care import PatientState, Pause
from wince.domain.census import Revision
from wince.domain.ids import site_namespace
from wince.domain.reason import Reason
from wince.domain.stay import Occupancy, Watch
from wince.hospital.servicer import HospitalServicer
from wince.hospital.servicer import registration as hospital
from wince.pipeline.grade import stage
from wince.pipeline.grade.people import blocked
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.runners.record import Recording
from wince.serve.hospital import holding
from wince.store import audit, checkpoints
from wince.store.database import Database
from wince.store.stays import save_watches

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def channel(database: Database, tmp_path) -> Iterator[grpc.Channel]:
    key = checkpoints.signing_key(tmp_path / "audit.pem")

    def verify():
        return checkpoints.verify(database, tmp_path / "checkpoints", checkpoints.public_hex(key))

    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    clerk = HospitalServicer(database, clock=lambda: NOW)
    with served(record(RecordServicer(database, verify)), care(nurse), hospital(clerk)) as server, dialled(server.port) as dial:
        yield dial


def commit(database: Database, *messages, target: FakeTarget | None = None) -> None:
    PostgresSink(database, PROTOCOLS, [target or FakeTarget()], clock=lambda: NOW).commit(messages)


def of_bed(bed: str = BED, **more) -> record_service_pb2.Scope:
    return record_service_pb2.Scope(bed=bed, **more)


def verdict(of, question_id="", grade=1, identity=None, **more) -> care_service_pb2.GiveVerdictRequest:
    made = care_pb2.Verdict(
        id=identity or str(uuid4()), question_id=question_id, assessment_id=str(of.id), nurse="n-7", grade=grade, at_us=NOW, **more
    )
    return care_service_pb2.GiveVerdictRequest(verdict=made)


def test_a_verdict_is_committed_told_and_charted_once(database, channel):
    admit(database, stay())
    asked = question(window(1))
    commit(database, window(0), window(1), asked)
    stub = CareServiceStub(channel)
    (open_,) = stub.ListQuestions(care_service_pb2.ListQuestionsRequest(bed=BED)).questions
    assert (open_.id, open_.assessment_id) == (str(asked.id), str(window(1).id))
    request = verdict(window(1), open_.id)
    first = stub.GiveVerdict(request)
    assert stub.GiveVerdict(request) == first
    assert not stub.ListQuestions(care_service_pb2.ListQuestionsRequest()).questions
    assert refused(stub.GiveVerdict, verdict(window(1), open_.id)).code is grpc.StatusCode.FAILED_PRECONDITION
    other = verdict(window(1), identity=first.verdict.id, grade=2)
    assert refused(stub.GiveVerdict, other).code is grpc.StatusCode.ALREADY_EXISTS

    bus = MemoryBus()
    bus.ensure_topics([CARE])
    sink = PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW)
    recording = Recording(bus, lambda _: None, lambda _: None, lambda verdicts: bool(sink.commit(verdicts)) or None)
    recording.start()
    relay = Relay(database, bus.publish, clock=lambda: NOW)
    assert relay.send() == 1
    assert relay.send() == 0
    recording.stop()
    bus.close()
    assert relay.send() == 0
    assert told(database) == []
    entries = RecordServiceStub(channel).ListEntries(record_service_pb2.ListEntriesRequest(scope=of_bed())).entries
    (own,) = [one for one in entries if one.kind == record_pb2.ENTRY_KIND_VERDICT]
    assert (own.grade, own.nurse, own.status) == (1, "n-7", record_pb2.ENTRY_STATUS_FINAL)
    assert [row.event for row in audit.rows(database)].count("care.verdict") == 1


def test_a_verdict_of_the_version_before_stands_and_is_the_same_verdict(database, channel):
    """Its stored bytes say by what they lack that she could not tell; the same call again is no other verdict."""
    admit(database, stay())
    commit(database, window(0))
    request = verdict(window(0))
    request.verdict.ClearField("grade")
    stub = CareServiceStub(channel)
    assert stub.GiveVerdict(request).verdict.cannot_tell
    old = request.verdict.SerializeToString(deterministic=True)
    with database.transaction() as tx:
        tx.execute("UPDATE care_event SET body = %s WHERE id = %s", (old, request.verdict.id))
        tx.execute("UPDATE care_outbox SET body = %s", (old,))
    assert stub.GiveVerdict(request).verdict.cannot_tell
    with database.transaction() as tx:
        ((schema, body),) = tx.execute("SELECT schema, body FROM care_outbox").fetchall()
    assert codec.received(schema, bytes(body)).grade is None
    request.verdict.grade = 0
    assert refused(stub.GiveVerdict, request).code is grpc.StatusCode.ALREADY_EXISTS


def test_a_verdict_that_the_bus_forgot_is_sent_again(database, channel):
    admit(database, stay())
    commit(database, window(0))
    CareServiceStub(channel).GiveVerdict(verdict(window(0)))
    bus = MemoryBus()
    bus.ensure_topics([CARE])
    taken: list[bytes] = []
    consumer = bus.consume([CARE], "t", lambda records: taken.extend(record.value for record in records))
    now = [NOW]
    relay = Relay(database, bus.publish, clock=lambda: now[0])
    assert relay.send() == 1
    now[0] += 59 * US
    assert relay.send() == 0
    now[0] += 2 * US
    assert relay.send() == 1
    consumer.stop()
    bus.close()
    assert len(taken) == 2


def test_no_verdict_about_a_protocol_that_only_looked_on(database, channel):
    """It would answer nothing that anybody was asked, in grades that nobody uses here."""
    admit(database, stay())
    shadow = replace(window(0), id=uuid4(), protocol="other", shadow=True)
    commit(database, shadow)
    found = refused(CareServiceStub(channel).GiveVerdict, verdict(shadow))
    assert found.code is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("change_", "code", "field"),
    [
        ({"id": "x"}, grpc.StatusCode.INVALID_ARGUMENT, "verdict.id"),
        ({"assessment_id": str(uuid4())}, grpc.StatusCode.NOT_FOUND, "verdict.assessment_id"),
        ({"question_id": str(uuid4())}, grpc.StatusCode.NOT_FOUND, "verdict.question_id"),
        ({"grade": 99}, grpc.StatusCode.INVALID_ARGUMENT, "verdict.grade"),
        ({"nurse": ""}, grpc.StatusCode.INVALID_ARGUMENT, "verdict.nurse"),
        ({"nurse": "n\0"}, grpc.StatusCode.INVALID_ARGUMENT, "verdict.nurse"),
        ({"at_us": -1}, grpc.StatusCode.INVALID_ARGUMENT, "verdict.at_us"),
        ({"at_us": NOW // US}, grpc.StatusCode.INVALID_ARGUMENT, "verdict.at_us"),  # seconds: 1970
    ],
)
def test_wrong_verdicts_name_the_field(database, channel, change_, code, field):
    admit(database, stay())
    commit(database, window(0))
    request = verdict(window(0))
    for name, value in change_.items():
        setattr(request.verdict, name, value)
    found = refused(CareServiceStub(channel).GiveVerdict, request)
    assert (found.code, found.fields) == (code, [field])
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM care_event").fetchone() == (0,)


def told(database: Database) -> list[Pause | PatientState]:
    with database.transaction() as tx:
        rows = tx.execute("SELECT schema, body FROM care_outbox ORDER BY seq").fetchall()
    return [codec.decode(schema, bytes(body)) for schema, body in rows]  # type: ignore[misc]


def test_pauses_begin_end_early_and_reach_the_cameras(database, channel):
    admit(database, stay())
    stub = CareServiceStub(channel)
    pause = care_pb2.Pause(id=str(uuid4()), bed=BED, start_us=T0, end_us=NOW + 600 * US, reason=care_pb2.PAUSE_REASON_PRIVACY, nurse="n-7")
    begin = care_service_pb2.StartPauseRequest(pause=pause)
    assert stub.StartPause(begin).pause == pause
    assert stub.StartPause(begin).pause == pause
    assert told(database) == [Pause(CAMERA, T0, NOW + 600 * US)]
    end = care_service_pb2.EndPauseRequest(pause_id=pause.id, nurse="n-8")
    ended = stub.EndPause(end).pause
    assert ended.end_us == NOW
    assert stub.EndPause(end).pause == ended
    assert stub.StartPause(begin).pause == ended
    assert told(database)[1:] == [Pause(CAMERA, T0, NOW)]
    with database.transaction() as tx:
        assert standing(tx, CAMERA, T0) == [Pause(CAMERA, T0, NOW)]
    bus = MemoryBus()
    bus.ensure_topics([CARE])
    taken: list[object] = []
    schema = "wince.api.care.v1.SourcePause"
    consumer = bus.consume([CARE], "t", lambda records: taken.extend(codec.decode(schema, one.value) for one in records))
    relay = Relay(database, bus.publish)
    relay.start()
    relay.wake()
    relay.stop()
    consumer.stop()
    bus.close()
    assert taken == [Pause(CAMERA, T0, NOW + 600 * US), Pause(CAMERA, T0, NOW)]
    assert told(database) == []
    long = care_pb2.Pause(id=str(uuid4()), bed=BED, start_us=T0, end_us=T0 + 12 * 3600 * US + 1, nurse="n-7")
    assert refused(stub.StartPause, care_service_pb2.StartPauseRequest(pause=long)).fields == ["pause.end_us"]
    nowhere = care_pb2.Pause(id=str(uuid4()), bed="ICU^9^Z", start_us=T0, end_us=T0 + 1, nurse="n-7")
    found = refused(stub.StartPause, care_service_pb2.StartPauseRequest(pause=nowhere))
    assert (found.code, found.fields) == (grpc.StatusCode.NOT_FOUND, ["pause.bed"])
    unknown = care_service_pb2.EndPauseRequest(pause_id=str(uuid4()), nurse="n-7")
    assert refused(stub.EndPause, unknown).code is grpc.StatusCode.NOT_FOUND
    assert refused(stub.EndPause, care_service_pb2.EndPauseRequest(pause_id=pause.id)).fields == ["nurse"]


def test_patient_states_hold_reach_the_cameras_and_follow_the_patient(database, channel):
    admit(database, stay())
    stub = CareServiceStub(channel)
    ask = care_service_pb2.GetPatientStateRequest(encounter="V1")
    assert stub.GetPatientState(ask).state.face == care_pb2.FACE_STATE_ASSESSABLE
    visit = {"system": stay().encounter.system, "value": "V1"}
    state = care_pb2.PatientState(encounter="V1", face=care_pb2.FACE_STATE_PARALYSED, since_us=T0, nurse="n-7")
    say = care_service_pb2.SetPatientStateRequest(state=state)
    state.encounter_id.MergeFrom(hospital_pb2.Identifier(**visit))  # in answers whole, however it was asked
    assert stub.SetPatientState(say).state == state
    assert stub.SetPatientState(say).state == state
    assert stub.GetPatientState(ask).state == state
    assert told(database) == [PatientState(CAMERA, T0, None, False)]
    named = care_pb2.PatientState(encounter_id=visit, face=care_pb2.FACE_STATE_PARALYSED, since_us=T0, nurse="n-7")
    stub.SetPatientState(care_service_pb2.SetPatientStateRequest(state=named))
    assert len(told(database)) == 1, "the same was said, under the encounter's other name"
    assert stub.GetPatientState(care_service_pb2.GetPatientStateRequest(encounter_id=visit)).state == state
    two = care_service_pb2.GetPatientStateRequest(encounter="V2", encounter_id=visit)
    assert refused(stub.GetPatientState, two).fields == ["encounter"]
    assert refused(stub.GetPatientState, care_service_pb2.GetPatientStateRequest()).fields == ["encounter_id"]
    free = care_pb2.PatientState(encounter="V1", since_us=T0 + 60 * US, nurse="n-7")  # as older clients say it
    stub.SetPatientState(care_service_pb2.SetPatientStateRequest(state=free))
    free.face = care_pb2.FACE_STATE_ASSESSABLE
    free.encounter_id.MergeFrom(hospital_pb2.Identifier(**visit))
    assert stub.GetPatientState(ask).state == free
    assert told(database)[1:] == [PatientState(CAMERA, T0 + 60 * US, None, True)]
    with database.transaction() as tx:
        assert standing(tx, CAMERA, T0) == [PatientState(CAMERA, T0, T0 + 60 * US, False), PatientState(CAMERA, T0 + 60 * US, None, True)]
    sedated = care_pb2.PatientState(encounter="V1", face=care_pb2.FACE_STATE_DEEPLY_SEDATED, since_us=T0 + 90 * US, nurse="n-7")
    stub.SetPatientState(care_service_pb2.SetPatientStateRequest(state=sedated))
    save_watches(database, [Watch("cam-2", "ICU^2^B", 0, None, 0)])
    moved_us = T0 + 120 * US
    there = stay(start_us=moved_us, recorded_us=moved_us, bed="ICU^2^B")
    left = replace(stay(), end_us=moved_us, recorded_us=moved_us)
    change(database, Revision(supersede=(stay(),), add=(left, there), recorded_us=moved_us))
    assert holding(database, [Occupancy("cam-2", moved_us, there)]) == [PatientState("cam-2", moved_us, None, False)]
    assert holding(database, [Occupancy(CAMERA, moved_us, None)]) == [PatientState(CAMERA, moved_us, None, True)]
    assert holding(database, [Occupancy("cam-3", moved_us, None)]) == [], "nothing was ever said of anybody there"
    for encounter, code in (("V9", grpc.StatusCode.NOT_FOUND), ("", grpc.StatusCode.INVALID_ARGUMENT)):
        wrong = care_pb2.PatientState(encounter=encounter, since_us=T0, nurse="n-7")
        assert refused(stub.SetPatientState, care_service_pb2.SetPatientStateRequest(state=wrong)).code is code
        assert refused(stub.GetPatientState, care_service_pb2.GetPatientStateRequest(encounter=encounter)).code is code


def blocked_at(messages: list, at_us: int) -> Reason | None:
    """Why grade must not assess what this camera sees then, told this in this order."""
    state = stage.begin(CAMERA, stage.Setup(load("activity"), site_namespace("test")))
    return blocked(stage.step(state, messages)[0], at_us, at_us + US)


def test_what_was_said_of_a_patient_who_had_left_before_does_not_stay_with_the_next(database, channel):
    """Said at T0 + 60 s of whom was believed to lie there; the transfer before that, and who came then, becomes known afterwards."""
    admit(database, stay())
    say = care_pb2.PatientState(encounter="V1", face=care_pb2.FACE_STATE_PARALYSED, since_us=T0 + 60 * US, nurse="n-7")
    CareServiceStub(channel).SetPatientState(care_service_pb2.SetPatientStateRequest(state=say))
    before, left_us = told(database), T0 + 30 * US
    there = stay(start_us=left_us, recorded_us=NOW, bed="ICU^2^B")
    change(database, Revision(supersede=(stay(),), add=(replace(stay(), end_us=left_us, recorded_us=NOW), there), recorded_us=NOW))
    nobody = Occupancy(CAMERA, left_us, None)
    after = holding(database, [nobody])
    assert blocked_at(before, T0 + 90 * US) is Reason.PATIENT
    assert blocked_at([*before, nobody], T0 + 90 * US) is Reason.PATIENT, "the empty bed alone voids only what was said before it"
    assert blocked_at([*before, nobody, *after], T0 + 90 * US) is None


def test_what_is_said_late_of_one_patient_leaves_what_was_said_of_the_next(database, channel):
    left_us = T0 + 30 * US
    admit(database, replace(stay(), end_us=left_us), stay("V2", start_us=left_us))
    stub = CareServiceStub(channel)
    for encounter, since_us in (("V2", T0 + 40 * US), ("V1", T0 + 10 * US)):
        say = care_pb2.PatientState(encounter=encounter, face=care_pb2.FACE_STATE_PALSY, since_us=since_us, nurse="n-7")
        stub.SetPatientState(care_service_pb2.SetPatientStateRequest(state=say))
    found = [blocked_at(told(database), T0 + second * US) for second in (5, 20, 35, 50)]
    assert found == [None, Reason.PATIENT, None, Reason.PATIENT]


def test_a_pause_is_withdrawn_from_a_camera_that_had_moved_before_it_began(database, channel):
    admit(database, stay())
    pause = care_pb2.Pause(id=str(uuid4()), bed=BED, start_us=T0 + 20 * US, end_us=T0 + 90 * US, nurse="n-7")
    CareServiceStub(channel).StartPause(care_service_pb2.StartPauseRequest(pause=pause))
    before, moved_us = told(database), T0 + 10 * US
    save_watches(database, [Watch(CAMERA, "ICU^9^Z", moved_us, None, NOW)])
    assert blocked_at(before, T0 + 60 * US) is Reason.PAUSED
    assert blocked_at([*before, *holding(database, [Occupancy(CAMERA, moved_us, None)])], T0 + 60 * US) is None


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_moment_in_seconds_or_milliseconds_is_refused_by_its_field(database, channel, unit):
    """A patient who is paralysed since 1970 would never be assessed."""
    stub, wrong_us = CareServiceStub(channel), 1_790_000_000 * unit
    state = care_pb2.PatientState(encounter="V1", face=care_pb2.FACE_STATE_PARALYSED, since_us=wrong_us, nurse="n-7")
    pause = care_pb2.Pause(
        id=str(uuid4()), bed=BED, start_us=wrong_us, end_us=wrong_us + 1, reason=care_pb2.PAUSE_REASON_PRIVACY, nurse="n-7"
    )
    consent = care_pb2.Consent(encounter="V1", given=False, since_us=wrong_us, nurse="n-7")
    for call, request, field in (
        (stub.SetPatientState, care_service_pb2.SetPatientStateRequest(state=state), "state.since_us"),
        (stub.StartPause, care_service_pb2.StartPauseRequest(pause=pause), "pause.start_us"),
        (stub.SetConsent, care_service_pb2.SetConsentRequest(consent=consent), "consent.since_us"),
    ):
        error = refused(call, request)
        assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
