"""What a bound caller gets of record, care and hospital, on a real PostgreSQL: its own beds, and of others not even whether they exist."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, alert, question, stay, window
from tests.support.rpc import dialled, refused, served
from tests.support.rpc_services import bearer, tokens
from wince.api.care.v1 import care_pb2
from wince.api.care.v1 import care_service_pb2 as care_pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.api.hospital.v1 import hospital_pb2
from wince.api.hospital.v1 import hospital_service_pb2 as hospital_pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceStub
from wince.api.record.v1 import record_service_pb2 as record_pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.domain.stay import Watch
from wince.domain.withheld import Scope
from wince.hospital.servicer import HospitalServicer
from wince.hospital.servicer import registration as hospital
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database
from wince.store.reach import Reach
from wince.store.stays import save_watches

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
OTHER, CAMERA_2 = "PACU^2^A", "cam-2"
FILE = f"""
    icu       reader,nurse,operator   icu-token-0123456789abc     wards=ICU
    bed       reader,nurse,operator   bed-token-0123456789abc     beds={BED}
    cam       reader,nurse,operator   cam-token-0123456789abc     sources={CAMERA}
    pacu      reader,nurse,operator   pacu-token-0123456789ab     wards=PACU
    all       reader,nurse,operator   all-token-0123456789abc
    console   nurse,on_behalf         console-token-01234567      wards=ICU
"""
HERE = ("icu", "bed")
"""Two ways to be bound to the first bed. `cam` reaches what its camera saw, and no beds."""
pytestmark = pytest.mark.timeout(120)


def at(who: str) -> tuple[tuple[str, str], ...]:
    return bearer(next(line.split()[2] for line in FILE.splitlines() if line.split()[:1] == [who]))


@pytest.fixture
def dial(database: Database, tmp_path: Path) -> Iterator[grpc.Channel]:
    nurse = CareServicer(PostgresCare(database, PROTOCOLS, lambda: NOW), Withholding(database, lambda: NOW))
    clerk = HospitalServicer(database, clock=lambda: NOW)
    file = tokens(tmp_path / "tokens", FILE)
    found = Reach(database, lambda: NOW)
    services = (record(RecordServicer(database, lambda: pytest.fail("nobody asks"))), care(nurse), hospital(clerk))
    with served(*services, token_file=file, find=found) as server, dialled(server.port) as channel:
        yield channel


W1, W2 = window(0, 2), window(0, 2, source=CAMERA_2)
Q1, Q2 = question(W1), question(W2)


@pytest.fixture
def two_beds(database: Database) -> Database:
    """V1 in ICU^1^A before cam-1, V2 in PACU^2^A before cam-2; each with windows, an alert, a question, entries."""
    admit(database, replace(stay("V1"), ward="ICU"))
    admit(database, replace(stay("V2", bed=OTHER), ward="PACU"))
    save_watches(database, [Watch(CAMERA_2, OTHER, 0, None, 0)])
    messages = [W1, alert(W1), W2, alert(W2), Q1, Q2]
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit(messages)
    return database


def test_lists_show_what_is_within(two_beds: Database, dial: grpc.Channel):
    record_, care_, hospital_ = RecordServiceStub(dial), CareServiceStub(dial), HospitalServiceStub(dial)
    with two_beds.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM question").fetchone() == (2,)
    Withholding(two_beds, lambda: NOW).off(Scope.BED, BED, "repair", "x")
    Withholding(two_beds, lambda: NOW).off(Scope.WARD, "PACU", "repair", "x")
    for visit in ("V1", "V2"):
        Withholding(two_beds, lambda: NOW).consent(visit, "", True, NOW, "n", "x")
    Withholding(two_beds, lambda: NOW).consent("", "M-V2", True, NOW, "n", "x")

    def asked(who: str) -> tuple[list[str], list[str], int]:
        questions = care_.ListQuestions(care_pb.ListQuestionsRequest(), metadata=at(who)).questions
        switches = care_.ListSwitches(care_pb.ListSwitchesRequest(), metadata=at(who)).switches
        consents = care_.ListConsents(care_pb.ListConsentsRequest(), metadata=at(who)).consents
        return [one.source for one in questions], [one.name for one in switches], len(consents)

    assert asked("all") == ([CAMERA, CAMERA_2], ["PACU", BED], 3)
    assert asked("icu") == asked("bed") == ([CAMERA], [BED], 1)
    assert asked("pacu") == ([CAMERA_2], ["PACU"], 2)
    assert asked("cam") == ([CAMERA], [], 0)
    for who, ward, wanted in (("icu", "ICU", [BED]), ("pacu", "PACU", [OTHER]), ("all", "PACU", [OTHER])):
        found = hospital_.ListStays(hospital_pb.ListStaysRequest(ward=ward), metadata=at(who)).stays
        assert [one.bed for one in found] == wanted, who
    scope = record_pb.Scope(bed=BED)
    for who in (*HERE, "all"):
        assert len(record_.ListAssessments(record_pb.ListAssessmentsRequest(scope=scope), metadata=at(who)).assessments) == 1
        assert len(record_.ListAlerts(record_pb.ListAlertsRequest(scope=scope), metadata=at(who)).alerts) == 1
        assert len(record_.ListEntries(record_pb.ListEntriesRequest(scope=scope), metadata=at(who)).entries) == 1


def test_what_lies_elsewhere_is_denied_as_if_it_were_not_there(two_beds: Database, dial: grpc.Channel):
    """Each call about the other bed, and about one that does not exist: the same answer to the letter."""
    record_, care_, hospital_ = RecordServiceStub(dial), CareServiceStub(dial), HospitalServiceStub(dial)
    with two_beds.transaction() as tx:
        row = tx.execute("SELECT id::text FROM entry WHERE source = %s LIMIT 1", (CAMERA_2,)).fetchone()
    assert row is not None
    pause = care_pb2.Pause(id=str(uuid4()), bed=OTHER, start_us=NOW, end_us=NOW + 60 * US)
    care_.StartPause(care_pb.StartPauseRequest(pause=pause), metadata=at("all"))

    def visit(number: str) -> hospital_pb2.Identifier:
        return hospital_pb2.Identifier(system=stay("V2").encounter.system, value=number)

    none = str(uuid4())
    said = given(str(W2.id))
    care_.GiveVerdict(said, metadata=at("all"))
    real = (str(alert(W2).id), said.verdict.id, str(stay("V2", bed=OTHER).id))
    for bed, number, window_, question_, entry, paused, (alert_, verdict, lying) in (
        (OTHER, "V2", str(W2.id), str(Q2.id), row[0], pause.id, real),
        ("PACU^9^Z", "V99", none, none, none, none, (none, none, none)),
    ):
        scopes = (record_pb.Scope(bed=bed), record_pb.Scope(encounter=number))
        about = (
            *((record_.ListAssessments, record_pb.ListAssessmentsRequest(scope=scope)) for scope in scopes),
            *((record_.ListAlerts, record_pb.ListAlertsRequest(scope=scope)) for scope in scopes),
            *((record_.ListEntries, record_pb.ListEntriesRequest(scope=scope)) for scope in scopes),
            (record_.WatchAssessments, record_pb.WatchAssessmentsRequest(bed=bed)),
            (record_.GetDeliveries, record_pb.GetDeliveriesRequest(entry_id=entry)),
            (record_.ReplayDeadLetter, record_pb.ReplayDeadLetterRequest(entry_id=entry, revision=1, target="fake")),
            (record_.ListTargets, record_pb.ListTargetsRequest()),
            (record_.QueryAudit, record_pb.QueryAuditRequest()),
            (record_.VerifyAudit, record_pb.VerifyAuditRequest()),
            (record_.GetAssessment, record_pb.GetAssessmentRequest(id=window_)),
            (record_.GetAlert, record_pb.GetAlertRequest(id=alert_)),
            (record_.GetEntry, record_pb.GetEntryRequest(id=entry)),
            (record_.ListAssessments, record_pb.ListAssessmentsRequest(scope=record_pb.Scope(encounter_id=visit(number)))),
            (record_.ListAlerts, record_pb.ListAlertsRequest(scope=record_pb.Scope(ward="PACU"))),
            (care_.ListQuestions, care_pb.ListQuestionsRequest(bed=bed)),
            (care_.ListVerdicts, care_pb.ListVerdictsRequest(ward="PACU")),
            (care_.ListPauses, care_pb.ListPausesRequest(bed=bed)),
            (care_.GetQuestion, care_pb.GetQuestionRequest(id=question_)),
            (care_.GetVerdict, care_pb.GetVerdictRequest(id=verdict)),
            (care_.GetPause, care_pb.GetPauseRequest(id=paused)),
            (care_.GetPatientState, care_pb.GetPatientStateRequest(encounter="V1", encounter_id=visit(number))),
            (hospital_.GetStay, hospital_pb.GetStayRequest(id=lying)),
            (care_.GiveVerdict, given(window_)),
            (care_.GiveVerdict, given(window_, question_)),
            (care_.GiveVerdict, given(str(W1.id), question_)),
            (care_.StartPause, care_pb.StartPauseRequest(pause=care_pb2.Pause(id=none, bed=bed, start_us=NOW, end_us=NOW + 1))),
            (care_.EndPause, care_pb.EndPauseRequest(pause_id=paused)),
            (care_.SetPatientState, care_pb.SetPatientStateRequest(state=care_pb2.PatientState(encounter=number, since_us=NOW))),
            (care_.GetPatientState, care_pb.GetPatientStateRequest(encounter=number)),
            (care_.SwitchOff, care_pb.SwitchOffRequest(scope=care_pb2.SWITCH_SCOPE_BED, name=bed, reason="r")),
            (care_.SwitchOff, care_pb.SwitchOffRequest(scope=care_pb2.SWITCH_SCOPE_WARD, name="PACU", reason="r")),
            (care_.SwitchOff, care_pb.SwitchOffRequest(scope=care_pb2.SWITCH_SCOPE_SITE, reason="r")),
            (care_.SwitchOn, care_pb.SwitchOnRequest(scope=care_pb2.SWITCH_SCOPE_SITE, reason="r")),
            (care_.SetConsent, care_pb.SetConsentRequest(consent=care_pb2.Consent(encounter=number, given=True, since_us=NOW))),
            (care_.SetConsent, care_pb.SetConsentRequest(consent=care_pb2.Consent(patient=f"M-{number}", given=True, since_us=NOW))),
            (hospital_.GetOccupancy, hospital_pb.GetOccupancyRequest(bed=bed)),
            (hospital_.ListStays, hospital_pb.ListStaysRequest(bed=bed)),
            (hospital_.ListStays, hospital_pb.ListStaysRequest(ward="PACU")),
            (hospital_.ListStays, hospital_pb.ListStaysRequest(encounter=visit(number))),
            (hospital_.ConfirmOccupancy, hospital_pb.ConfirmOccupancyRequest(bed=bed, encounter=visit(number))),
        )
        for who in HERE:
            for call, request in about:
                found = refused(call, request, metadata=at(who))
                assert found.code is grpc.StatusCode.PERMISSION_DENIED, (who, request)
                assert not any(word in found.text + str(found.error) for word in (bed, number, "V2", "exist"))
    assert "V9" not in str([row.payload for row in audit.rows(two_beds, payloads=True) if row.event == "read"])


def given(assessment: str, question_: str = "", nurse: str = "") -> care_pb.GiveVerdictRequest:
    verdict = care_pb2.Verdict(id=str(uuid4()), assessment_id=assessment, question_id=question_, nurse=nurse, grade=1, at_us=NOW)
    return care_pb.GiveVerdictRequest(verdict=verdict)


def test_a_bound_nurse_works_within(two_beds: Database, dial: grpc.Channel):
    care_, hospital_ = CareServiceStub(dial), HospitalServiceStub(dial)
    for who in HERE:
        state = care_pb2.PatientState(encounter="V1", since_us=NOW)
        assert care_.SetPatientState(care_pb.SetPatientStateRequest(state=state), metadata=at(who)).state.nurse == who
        assert hospital_.GetOccupancy(hospital_pb.GetOccupancyRequest(bed=BED), metadata=at(who)).stay.encounter.value == "V1"
        pause = care_pb2.Pause(id=str(uuid4()), bed=BED, start_us=NOW, end_us=NOW + 60 * US)
        assert care_.StartPause(care_pb.StartPauseRequest(pause=pause), metadata=at(who)).pause.nurse == who
        assert care_.EndPause(care_pb.EndPauseRequest(pause_id=pause.id), metadata=at(who)).pause.id == pause.id
    verdict = care_.GiveVerdict(given(str(W1.id), str(Q1.id)), metadata=at("cam")).verdict
    assert verdict.nurse == "cam"
    record_ = RecordServiceStub(dial)
    for who in (*HERE, "cam"):
        assert care_.GetVerdict(care_pb.GetVerdictRequest(id=verdict.id), metadata=at(who)).verdict == verdict
        assert [one.id for one in care_.ListVerdicts(care_pb.ListVerdictsRequest(), metadata=at(who)).verdicts] == [verdict.id]
        assert record_.GetAssessment(record_pb.GetAssessmentRequest(id=str(W1.id)), metadata=at(who)).assessment.id == str(W1.id)
        assert record_.GetAlert(record_pb.GetAlertRequest(id=str(alert(W1).id)), metadata=at(who)).alert.id
        everything = record_pb.ListAssessmentsRequest(scope=record_pb.Scope(all=True))
        assert [one.source for one in record_.ListAssessments(everything, metadata=at(who)).assessments] == [CAMERA]
    assert hospital_.GetStay(hospital_pb.GetStayRequest(id=str(stay("V1").id)), metadata=at("icu")).stay.bed == BED


def test_both_stand_in_the_trail_where_one_speaks_for_another(two_beds: Database, dial: grpc.Channel):
    care_ = CareServiceStub(dial)
    assert refused(care_.GiveVerdict, given(str(W1.id), nurse="n-17"), metadata=at("icu")).code is grpc.StatusCode.PERMISSION_DENIED
    made = care_.GiveVerdict(given(str(W1.id), nurse="n-17"), metadata=at("console")).verdict
    assert made.nurse == "n-17"
    (payload,) = (row.payload or "" for row in audit.rows(two_beds, payloads=True) if row.event == "care.verdict")
    assert '"caller":"console"' in payload.replace(" ", "")
    assert '"nurse":"n-17"' in payload.replace(" ", "")


def test_who_has_moved_is_reached_where_they_lie(two_beds: Database, dial: grpc.Channel):
    """The ward that they left reaches them no longer, and the next one not what was found before they came."""
    admit(two_beds, stay("V3", bed="ICU^3^A", end_us=NOW - 60 * US), stay("V3", bed="PACU^3^A", start_us=NOW - 60 * US))
    save_watches(two_beds, [Watch("cam-3", "ICU^3^A", 0, None, 0)])
    PostgresSink(two_beds, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit([window(0, 2, source="cam-3")])
    record_, care_ = RecordServiceStub(dial), CareServiceStub(dial)
    state = care_pb.GetPatientStateRequest(encounter="V3")
    asked = record_pb.ListAssessmentsRequest(scope=record_pb.Scope(encounter="V3"))
    entries = record_pb.ListEntriesRequest(scope=record_pb.Scope(encounter="V3"))
    assert refused(care_.GetPatientState, state, metadata=at("icu")).code is grpc.StatusCode.PERMISSION_DENIED
    assert care_.GetPatientState(state, metadata=at("pacu")).state.encounter
    assert [len(record_.ListAssessments(asked, metadata=at(who)).assessments) for who in ("all", "pacu")] == [1, 0]
    assert [len(record_.ListEntries(entries, metadata=at(who)).entries) for who in ("all", "pacu")] == [1, 0]


def test_a_watch_tells_what_is_within(two_beds: Database, dial: grpc.Channel):
    record_ = RecordServiceStub(dial)
    streams = {who: record_.WatchAssessments(record_pb.WatchAssessmentsRequest(), metadata=at(who), timeout=60) for who in ("icu", "all")}
    for stream in streams.values():
        stream.initial_metadata()
    PostgresSink(two_beds, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit([window(9, 0, source=CAMERA_2), window(9, 0)])
    assert next(streams["icu"]).assessment.source == CAMERA
    assert {next(streams["all"]).assessment.source for _ in range(2)} == {CAMERA, CAMERA_2}
    for stream in streams.values():
        stream.cancel()
