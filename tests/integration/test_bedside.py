"""A client learns bed and encounter with what it asks for: of windows, alerts and questions by the record, of cameras by capture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import grpc
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, alert, change, question, stay, window
from tests.support.rpc import dialled, served
from wince.api.capture.v1 import capture_pb2, capture_service_pb2
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.api.care.v1 import care_service_pb2
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.api.hospital.v1 import hospital_pb2
from wince.api.record.v1 import record_service_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.domain.camera import CameraSpec, CameraState, CameraStatus
from wince.domain.census import Revision
from wince.pipeline.capture.servicer import CaptureServicer
from wince.pipeline.capture.servicer import registration as capture
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve.capture import bedsides
from wince.serve.permission import Permission
from wince.store import audit
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
VISIT = hospital_pb2.Identifier(system=stay().encounter.system, value="V1")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def channel(database: Database) -> Iterator[grpc.Channel]:
    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    with served(record(RecordServicer(database, None)), care(nurse)) as server, dialled(server.port) as dial:  # type: ignore[arg-type]
        yield dial


def commit(database: Database, *messages: object) -> None:
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit(messages)  # type: ignore[arg-type]


def test_windows_alerts_and_questions_say_their_bed_and_encounter(database, channel):
    admit(database, stay())
    before = replace(window(0), start_us=T0 - 60 * US, end_us=T0 - 55 * US, id=window(9).id)
    nobodys = replace(before, source="cam-9", id=window(8).id)
    commit(database, window(1), alert(window(1)), question(window(1)), nobodys)
    records, cares = RecordServiceStub(channel), CareServiceStub(channel)
    scope = record_service_pb2.Scope(bed=BED)
    (seen,) = records.ListAssessments(record_service_pb2.ListAssessmentsRequest(scope=scope)).assessments
    (fired,) = records.ListAlerts(record_service_pb2.ListAlertsRequest(scope=scope)).alerts
    (asked,) = cares.ListQuestions(care_service_pb2.ListQuestionsRequest(bed=BED)).questions
    one = records.GetAssessment(record_service_pb2.GetAssessmentRequest(id=seen.id)).assessment
    two = records.GetAlert(record_service_pb2.GetAlertRequest(id=fired.id)).alert
    three = cares.GetQuestion(care_service_pb2.GetQuestionRequest(id=asked.id)).question
    for message in (seen, fired, asked, one, two, three):
        assert (message.bed, message.encounter) == (BED, VISIT), message
    stranger = records.GetAssessment(record_service_pb2.GetAssessmentRequest(id=str(nobodys.id))).assessment
    assert (stranger.bed, stranger.HasField("encounter")) == ("", False)


def test_they_follow_what_the_census_says_now(database, channel):
    """It was another visit that lay there: the record is brought in line, and so is what is answered."""
    admit(database, stay())
    commit(database, window(1))
    other = replace(stay(), encounter=replace(stay().encounter, value="V2"), id=window(7).id, recorded_us=NOW)
    change(database, Revision(supersede=(stay(),), add=(other,), recorded_us=NOW))
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).review()
    scope = record_service_pb2.Scope(bed=BED)
    (seen,) = RecordServiceStub(channel).ListAssessments(record_service_pb2.ListAssessmentsRequest(scope=scope)).assessments
    assert (seen.bed, seen.encounter.value) == (BED, "V2")


class Control:
    """Two cameras: one of a bed, one of none."""

    def cameras(self) -> list[CameraStatus]:
        return [CameraStatus(CameraSpec(source, ""), CameraState.RUNNING) for source in (CAMERA, "cam-9")]


def listed(database: Database, tmp_path, token: str = "") -> list[capture_pb2.Camera]:
    permission = Permission(database, required=False, from_us=lambda: T0)
    permission.look()
    servicer = CaptureServicer(Control(), None, bedsides=bedsides(permission, database, lambda: NOW))  # type: ignore[arg-type]
    tokens = tmp_path / "tokens"
    secrets = {role: hashlib.sha256(f"the-{role}-s-long-secret".encode()).hexdigest() for role in ("reader", "operator")}
    tokens.write_text("".join(f"{role}-1 {role} sha256:{digest}\n" for role, digest in secrets.items()))
    tokens.chmod(0o600)
    with served(capture(servicer), **({"token_file": tokens} if token else {})) as server, dialled(server.port) as dial:
        metadata = [("authorization", f"Bearer {token}")] if token else []
        answer = CaptureServiceStub(dial).ListCameras(capture_service_pb2.ListCamerasRequest(), metadata=metadata)
        return list(answer.cameras)


def test_cameras_say_their_bed_and_who_lies_there_only_to_readers(database, tmp_path):
    admit(database, stay())
    for token in ("", "the-operator-s-long-secret"):
        assert [(one.bed, one.HasField("encounter")) for one in listed(database, tmp_path, token)] == [(BED, False), ("", False)]
    reads = [row for row in audit.rows(database) if row.event == "read"]
    first, second = listed(database, tmp_path, "the-reader-s-long-secret")
    assert (first.bed, first.encounter, second.bed, second.HasField("encounter")) == (BED, VISIT, "", False)
    assert len([row for row in audit.rows(database) if row.event == "read"]) == len(reads) + 1, "that read stands in the trail"


def test_two_in_a_bed_are_no_encounter(database, tmp_path):
    admit(database, stay())
    other = replace(stay(), encounter=replace(stay().encounter, value="V2"), id=window(7).id)
    change(database, Revision(add=(other,), recorded_us=NOW))
    first, _ = listed(database, tmp_path, "the-reader-s-long-secret")
    assert (first.bed, first.HasField("encounter")) == (BED, False)
