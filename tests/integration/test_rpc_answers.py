"""What a verdict may answer, which questions stay open, and the ids of what people said: by gRPC and over the bus."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import grpc
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, change, question, stay, window
from tests.integration.test_rpc_care import NOW, PROTOCOLS, commit, verdict
from tests.support.rpc import dialled, refused, served
from wince.api.care.v1 import care_pb2, care_service_pb2
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.bus.memory import MemoryBus
from wince.bus.topics import CARE
from wince.care.postgres import PostgresCare
from wince.care.relay import Relay
from wince.care.servicer import CareServicer, registration
from wince.care.withholding import Withholding
from wince.domain.assessment import Verdict
from wince.domain.census import Revision
from wince.domain.stay import Watch
from wince.pipeline.record.sink import PostgresSink
from wince.serve.record import backlog
from wince.store.stays import save_watches
from wince.telemetry import metrics

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def channel(database) -> Iterator[grpc.Channel]:
    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    with served(registration(nurse)) as server, dialled(server.port) as dial:
        yield dial


def open_questions(channel, bed: str = "") -> list[str]:
    return [one.id for one in CareServiceStub(channel).ListQuestions(care_service_pb2.ListQuestionsRequest(bed=bed)).questions]


def test_a_verdict_answers_only_the_question_of_its_own_camera_and_time(database, channel):
    """Also where the question names no assessment: record asks who lies there."""
    admit(database, stay())
    save_watches(database, [Watch("cam-2", "ICU^2^B", 0, None, 0)])
    commit(database, window(0), window(9), window(3, source="cam-2"))
    (who,) = open_questions(channel, "ICU^2^B")
    assert open_questions(channel) == [who]
    stub = CareServiceStub(channel)
    for of in (window(0), window(9)):
        found = refused(stub.GiveVerdict, verdict(of, who))
        assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["verdict.assessment_id"])
    forged = Verdict(uuid4(), UUID(who), window(0).id, "n-7", 1, NOW)
    commit(database, forged)
    assert open_questions(channel) == [who], "nor where it comes over the bus"
    stub.GiveVerdict(verdict(window(3, source="cam-2"), who))
    assert open_questions(channel) == []


def test_a_verdict_over_the_bus_answers_no_question_of_another_assessment(database, channel):
    admit(database, stay())
    commit(database, window(0), window(1), question(window(1)))
    (asked,) = open_questions(channel)
    commit(database, Verdict(uuid4(), UUID(asked), window(0).id, "n-7", 1, T0))
    assert open_questions(channel) == [asked]


def test_who_lies_there_is_asked_no_more_once_somebody_lies_there(database, channel):
    save_watches(database, [Watch(CAMERA, BED, T0 + US, None, T0 + US)])  # it came within the first window
    commit(database, window(0), window(1))
    assert len(open_questions(channel, BED)) == 1, "listed by the bed that its camera came to"
    backlog(database, [], NOW)
    assert (metrics.QUESTIONS_OPEN._value.get(), metrics.QUESTION_AGE._value.get()) == (1, 0), "no nurse is waited for"
    change(database, Revision(add=(stay(start_us=T0 + 20 * US, recorded_us=NOW),), recorded_us=NOW))
    assert len(open_questions(channel)) == 1
    commit(database, window(9))
    assert open_questions(channel) == []
    with database.transaction() as tx:
        assert tx.execute("SELECT state FROM question").fetchall() == [("superseded",)]


def test_a_question_that_moved_is_still_about_its_assessment(database, channel):
    admit(database, stay())
    commit(database, window(0), question(window(0)))
    (asked,) = open_questions(channel)
    other = stay("V2")
    change(database, Revision(supersede=(stay(),), add=(other,), recorded_us=NOW), "V2")
    sink = PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW)
    while sink.review().tasks == () and open_questions(channel) == [asked]:
        pass
    (moved,) = CareServiceStub(channel).ListQuestions(care_service_pb2.ListQuestionsRequest(bed=BED)).questions
    assert moved.id != asked
    assert moved.assessment_id == str(window(0).id)


def test_a_pause_that_has_not_begun_ends_once(database, channel):
    admit(database, stay())
    stub = CareServiceStub(channel)
    pause = care_pb2.Pause(id=str(uuid4()), bed=BED, start_us=NOW + 60 * US, end_us=NOW + 600 * US, nurse="n-7")
    stub.StartPause(care_service_pb2.StartPauseRequest(pause=pause))
    ended = stub.EndPause(care_service_pb2.EndPauseRequest(pause_id=pause.id, nurse="n-7")).pause
    assert ended.end_us == pause.start_us
    assert stub.EndPause(care_service_pb2.EndPauseRequest(pause_id=pause.id, nurse="n-8")).pause == ended


def test_two_messages_of_people_never_share_an_id(database, channel):
    """One pause is told to each camera of its bed; one nurse says two things of one moment."""
    admit(database, stay())
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0), Watch("cam-2", BED, 0, None, 0)])
    stub = CareServiceStub(channel)
    pause = care_pb2.Pause(id=str(uuid4()), bed=BED, start_us=T0, end_us=NOW + 600 * US, nurse="n-7")
    stub.StartPause(care_service_pb2.StartPauseRequest(pause=pause))
    for face in (care_pb2.FACE_STATE_PALSY, care_pb2.FACE_STATE_UNSPECIFIED):
        state = care_pb2.PatientState(encounter="V1", face=face, since_us=T0, nurse="n-7")
        stub.SetPatientState(care_service_pb2.SetPatientStateRequest(state=state))
    commit(database, window(0))
    stub.GiveVerdict(verdict(window(0)))
    bus = MemoryBus()
    bus.ensure_topics([CARE])
    taken: list[tuple[bytes, str, bytes]] = []
    consumer = bus.consume([CARE], "t", lambda records: taken.extend((one.headers["id"], one.key, one.value) for one in records))
    sent = Relay(database, bus.publish).send()
    consumer.stop()
    bus.close()
    assert sent == len(taken) == len(set(taken)) == 7
    assert len({identity for identity, _, _ in taken}) == 7
    assert all(len(identity) == 32 and int(identity, 16) >= 0 for identity, _, _ in taken), "32 hex digits, as the bus's description says"
