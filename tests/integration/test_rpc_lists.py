"""Lists and Gets of the services that know patients: scope, filter, order, pages that hold while others write, the trail's end."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from tests.integration.record_world import BED, T0, US, FakeTarget, admit, alert, change, question, stay, window
from tests.support.rpc import dialled, refused, served
from wince.api.care.v1 import care_service_pb2 as care_pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.api.hospital.v1 import hospital_service_pb2 as clerk_pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceStub
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.clients import unary
from wince.clients.care import CareClient
from wince.clients.hospital import HospitalClient
from wince.clients.record import RecordClient
from wince.domain.asked import QuestionState
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause
from wince.domain.census import Revision
from wince.domain.entry import Kind
from wince.domain.stay import Watch
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
from wince.store.stays import save_watches

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
OTHER, ELSEWHERE = "ICU^2^A", "SURG^1^A"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def address(database: Database, tmp_path: Path) -> Iterator[str]:
    key = checkpoints.signing_key(tmp_path / "audit.pem")

    def verify():
        return checkpoints.verify(database, tmp_path / "checkpoints", checkpoints.public_hex(key))

    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    clerk = HospitalServicer(database, clock=lambda: NOW)
    with served(record(RecordServicer(database, verify)), care(nurse), hospital(clerk)) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture
def ward(database: Database) -> None:
    """Three beds in two wards, a camera and a patient in each."""
    admit(database, stay())
    save_watches(database, [Watch("cam-2", OTHER, 0, None, 0), Watch("cam-3", ELSEWHERE, 0, None, 0)])
    for number, bed in (("V2", OTHER), ("V3", ELSEWHERE)):
        one = stay(number, bed=bed)
        change(database, Revision(add=(one,), recorded_us=one.recorded_us), number)


def commit(database: Database, *messages) -> None:
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit(messages)


def test_a_ward_or_everything_is_listed_filtered_and_ordered(database: Database, address: str, ward: None) -> None:
    windows = [window(number, number % 3, source=f"cam-{1 + number % 3}") for number in range(9)]
    alerts = [alert(one) for one in windows if one.grade == 2]
    commit(database, *windows, *alerts)
    with RecordClient([address], RpcSettings()) as client:
        assert list(client.assessments()) == windows
        assert list(client.assessments(latest=True)) == windows[::-1]
        assert [one.source for one in client.assessments(ward="ICU")] == ["cam-1", "cam-2"] * 3
        assert [one.source for one in client.assessments(ward="SURG")] == ["cam-3"] * 3
        assert list(client.assessments(ward="icu")) == []
        assert list(client.assessments(where="grade >= 1 AND source != cam-2")) == [one for one in windows if one.grade == 2]
        assert list(client.assessments(where=f"start_us < {windows[4].start_us}", latest=True)) == windows[3::-1]
        assert list(client.assessments(where='reason = ""')) == windows
        assert list(client.alerts(ward="SURG")) == alerts
        assert list(client.alerts(where=f"assessment_id = {alerts[1].assessment}")) == alerts[1:2]
        kinds = {one.kind for one in client.entries(where="kind = alert AND status = preliminary")}
        assert kinds == {Kind.ALERT}
        every = list(client.entries())
        assert every == sorted(every, key=lambda one: (one.start_us, str(one.id)))
        assert list(client.entries(ward="ICU")) + list(client.entries(ward="SURG")) == sorted(every, key=lambda one: one.bed[:1] == "S")
        for one in every:
            assert client.entry(one.id) == client.entry(one.id, one.revision) == one
        assert client.assessment(windows[3].id) == windows[3]
        assert client.alert(alerts[0].id) == alerts[0]
        for ask in (client.assessment, client.alert, client.entry):
            with pytest.raises(NotFound):
                ask(uuid4())
        with pytest.raises(NotFound):
            client.entry(every[0].id, 99)


def test_questions_verdicts_and_pauses(database: Database, address: str, ward: None) -> None:
    windows = [window(number, 1, source=f"cam-{1 + number % 3}") for number in range(6)]
    asked = [question(one) for one in windows[:3]]
    commit(database, *windows, *asked)
    store = PostgresCare(database, PROTOCOLS, lambda: NOW)
    with CareClient([address], RpcSettings()) as client:
        assert [one.source for one in client.questions(ward="ICU", latest=True)] == ["cam-2", "cam-1"]
        assert list(client.questions(where="reason = conflict AND source = cam-3")) == asked[2:]
        given = [Verdict(uuid4(), asked[0].id, windows[0].id, "n-7", 1, T0 + 1), Verdict(uuid4(), None, windows[5].id, "n-8", 0, T0 + 2)]
        assert client.question(asked[0].id).state == QuestionState.OPEN
        for one in given:
            client.give(one)
        found = client.question(asked[0].id)
        assert (found.state, found.verdict) == (QuestionState.ANSWERED, given[0].id)
        assert list(client.verdicts()) == given
        assert list(client.verdicts(latest=True)) == given[::-1]
        assert list(client.verdicts(BED)) == list(client.verdicts(ward="ICU")) == given[:1]  # before record took them
        assert list(client.verdicts(where="nurse = n-8")) == given[1:]
        assert client.verdict(given[0].id) == given[0]

        rests = [BedPause(uuid4(), bed, T0 + number, NOW + US, None, "n-7") for number, bed in enumerate((BED, OTHER, ELSEWHERE))]
        for rest in rests:
            store.start_pause(rest, "test")
        store.end_pause(rests[0].id, "n-7", "test")
        ended = client.pause(rests[0].id)
        assert ended.end_us == NOW
        assert list(client.pauses()) == [ended, *rests[1:]]
        assert list(client.pauses(ward="ICU")) == [ended, rests[1]]
        assert list(client.pauses(ELSEWHERE)) == rests[2:]
        assert list(client.pauses(where=f"end_us > {NOW}")) == rests[1:]
        for ask in (client.question, client.verdict, client.pause):
            with pytest.raises(NotFound):
                ask(uuid4())
        with pytest.raises(NotFound):
            client.pause(given[0].id)


def test_stays_of_everybody_and_one(database: Database, address: str, ward: None) -> None:
    with HospitalClient([address], RpcSettings()) as client:
        assert [one.bed for one in client.stays(where=f"start_us <= {T0}")] == [BED, OTHER, ELSEWHERE]
        found = next(iter(client.stays(ELSEWHERE)))
        assert client.stay(found.id) == found
        moved = stay("V3", bed=ELSEWHERE, start_us=found.start_us + 1, recorded_us=T0)
        change(database, Revision(supersede=(found,), add=(moved,), recorded_us=T0), "V3")
        assert client.stay(found.id).superseded_us == T0
        assert client.stay(found.id, T0 - 1).superseded_us == T0
        with pytest.raises(NotFound):
            client.stay(found.id, T0 + 1)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (pb.ListAssessmentsRequest(scope=pb.Scope(bed=OTHER)), "page_token"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(all=True)), "page_token"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED, start_us=1)), "page_token"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED), filter="grade = 1"), "page_token"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED), order_by="start_us desc"), "page_token"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED), order_by="grade"), "order_by"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED), filter="mrn = 1"), "filter"),
        (pb.ListAssessmentsRequest(scope=pb.Scope(all=False)), "scope.bed"),
    ],
)
def test_a_page_token_goes_with_its_own_request_alone(database, address, ward, other, field):
    commit(database, *(window(number) for number in range(3)))
    with dialled(int(address.rpartition(":")[2])) as channel:
        ask = RecordServiceStub(channel).ListAssessments
        token = ask(pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED), page_size=1)).next_page_token
        assert len(ask(pb.ListAssessmentsRequest(scope=pb.Scope(bed=BED), page_size=2, page_token=token)).assessments) == 2
        other.page_token = token
        found = refused(ask, other)
        assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
        wrong = care_pb.ListQuestionsRequest(bed=BED, ward="ICU")
        assert refused(CareServiceStub(channel).ListQuestions, wrong).fields == ["ward"]
        assert refused(HospitalServiceStub(channel).ListStays, clerk_pb.ListStaysRequest(bed=BED, page_token=token)).fields == [
            "page_token"
        ]


def test_the_trail_ends_though_every_read_of_it_is_a_link(database: Database, address: str, ward: None, monkeypatch) -> None:
    monkeypatch.setattr(unary, "PAGE", 2)
    commit(database, *(window(number) for number in range(5)))
    before = [row.seq for row in audit.rows(database)]
    with RecordClient([address], RpcSettings()) as client:
        assert [row.seq for row in client.trail()] == before
        assert [row.event for row in client.trail(about=window(2).id)] == ["assessment"]
        assert len(list(audit.rows(database))) > len(before)


def test_lists_hold_while_others_write(database: Database, address: str, ward: None, monkeypatch) -> None:
    """What stood when a list began comes once, whatever is written between its pages: earlier and later windows, new revisions, stays."""
    monkeypatch.setattr(unary, "PAGE", 3)
    stood = [window(number, number % 3, source=f"cam-{1 + number % 3}") for number in range(0, 60, 2)]
    commit(database, *stood)
    done, dice = threading.Event(), random.Random(3)

    def write() -> None:
        later = [window(number, 2, source=f"cam-{1 + number % 3}") for number in range(1, 121, 2)]
        dice.shuffle(later)
        for number, one in enumerate(later):
            commit(database, one, alert(one))
            here = stay(f"W{number}", bed=f"ICU^{9 + number}^A", start_us=T0 - dice.randrange(7200) * US)
            change(database, Revision(add=(here,), recorded_us=here.recorded_us), f"W{number}")
            if done.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with RecordClient([address], RpcSettings()) as client, HospitalClient([address], RpcSettings()) as clerk:
            for latest in (False, True, False):
                found = [one.id for one in client.assessments(latest=latest)]
                assert len(found) == len(set(found))
                assert {one.id for one in stood} <= set(found)
                entries = [one.id for one in client.entries(latest=latest)]
                assert len(entries) == len(set(entries))
                lying = [one.id for one in clerk.stays(latest=latest)]
                assert len(lying) == len(set(lying)) >= 3
    finally:
        done.set()
        writer.join()
