"""Who lies in the bed decides whether anything is written: nobody, two, discharged; and what stands in no log."""

import time
from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.verdicts import verdict_id
from wince import settings
from wince.care.withholding import Withholding
from wince.demo import play, scenario
from wince.domain.assessment import Verdict
from wince.domain.care import Answer
from wince.domain.reason import Reason
from wince.domain.withheld import Scope
from wince.serve.embedded import Embedded
from wince.settings import Camera
from wince.store.answers import given, source_of
from wince.testing import hl7

AT = play.moment("2026-01-05T08:00:00Z")


@pytest.fixture
def loaded(state_dir, monkeypatch):
    """Settings with a state directory of their own."""
    monkeypatch.setenv("WINCE_STATE_DIR", str(state_dir / "state"))
    return settings.load()


def beds(*admitted: bool) -> scenario.Scenario:
    """The bundled clip with pain, in as many beds; patients only where asked."""
    whole = scenario.bundled()
    clip = whole.beds[0].camera.clip
    return scenario.Scenario(
        tuple(
            replace(bed, camera=Camera(id=f"c{number}", bed=bed.camera.bed, path=clip), patient=bed.patient if there else None)
            for number, (bed, there) in enumerate(zip(whole.beds, admitted, strict=False))
        )
    )


def test_nobody_in_the_bed(loaded):
    """No patient: the assessments stand, nothing is charted, and a person is asked once."""
    done = play.play(loaded, beds(False), AT, lambda *_: None)
    (bed,) = done.beds
    assert done.observations == 0
    assert done.in_ehr == 0
    assert bed.charted == {}
    assert bed.questions == {"no_patient": 1}
    assert bed.windows == 5


def test_two_patients_in_the_bed(loaded):
    """Two are claimed for one bed: nothing is written for either, a person is asked."""
    one = scenario.bundled().beds[0]
    events = []

    def second(road: Embedded) -> None:
        person = hl7.Person("777001", "Zweitbett", "Zoe")
        text = hl7.adt("A01", person, one.camera.bed, "V-other", AT - play.BEFORE_US)
        assert hl7.code(hl7.send("127.0.0.1", road.listener.port, text)) == "AA"

    done = play.play(loaded, beds(True), AT, lambda *event: events.append(event), admitted=second)
    (bed,) = done.beds
    assert done.observations == 0
    assert "two_patients" in bed.questions
    assert bed.charted == {}


def test_discharged_before_the_clip(loaded):
    """Discharged (A03) before the camera saw anything: nothing is written."""
    one = scenario.bundled().beds[0]
    patient = one.patient
    assert patient is not None

    def leaves(road: Embedded) -> None:
        person = hl7.Person(patient.mrn, patient.family, patient.given)
        text = hl7.adt("A03", person, one.camera.bed, f"V{AT // play.GRID_US}-0", AT - play.BEFORE_US // 2)
        assert hl7.code(hl7.send("127.0.0.1", road.listener.port, text)) == "AA"

    done = play.play(loaded, beds(True), AT, lambda *_: None, admitted=leaves, discharge=False)
    (bed,) = done.beds
    assert done.observations == 0
    assert "no_patient" in bed.questions


def test_a_nurse_confirms_an_alert(loaded):
    """Her verdict while the clip runs: her own final Observation, the model's one final with its value, each once in the EHR."""
    roads, told = [], []

    def answer(event, fields):
        if event == "alert":
            with roads[0].database.transaction() as tx:
                query = "SELECT a.assessment, (e.body::json->>'grade')::int FROM alert a JOIN entry e ON e.origin = a.id"
                window, grade = tx.execute(query).fetchone()
            at_us = AT + 60_000_000
            roads[0].decide(Verdict(verdict_id(window, "n7", at_us), None, window, "n7", grade, at_us))
            with roads[0].database.transaction() as tx:
                told.extend(given(tx, source_of(tx, window), [window]))
                assert source_of(tx, UUID(int=5)) is None
                assert told == [Answer(beds(True).beds[0].camera.id, window, False, at_us)]

    done = play.play(loaded, beds(True), AT, answer, admitted=roads.append)
    (bed,) = done.beds
    assert (bed.charted["alert"], bed.charted["verdict"], len(told)) == (1, 1, 1)
    assert done.undelivered == 0
    assert done.observations == done.in_ehr == sum(bed.charted.values())
    with roads[0].sandbox as sandbox:
        found = {one["category"][1]["coding"][0]["code"]: one for one in sandbox.resources("Observation")}
    assert (found["alert"]["status"], found["verdict"]["status"], found["grade"]["status"]) == ("final", "final", "preliminary")
    assert found["alert"]["valueQuantity"]["value"] > 0
    assert "valueQuantity" not in found["verdict"]
    assert "practitioner" in str(found["verdict"]["performer"]).lower()


def test_a_child_gets_no_grade(loaded):
    """The protocol is for adults: every window of a child is unassessable, and says so."""
    from datetime import date

    child = beds(True)
    bed = child.beds[0]
    assert bed.patient is not None
    young = scenario.Scenario((replace(bed, patient=replace(bed.patient, birth_date=date(2020, 5, 5))),))
    done = play.play(loaded, young, AT, lambda *_: None)
    assert done.beds[0].grades == {}
    assert done.beds[0].reasons == {"population": 5}
    assert done.beds[0].alerts == 0


def test_second_wince_on_the_same_state(loaded):
    """Two processes never work on one state directory."""
    from wince.errors import ResourceError
    from wince.serve.state_dir import Owner, Places

    places = Places.of(loaded)
    places.make()
    with Owner(places), pytest.raises(ResourceError, match="another wince"):
        play.play(loaded, beds(True), AT, lambda *_: None)


def test_a_bad_clip_is_named_before_anybody_is_admitted(loaded, tmp_path):
    """Of two clips one is no video: nothing is started, nobody lies in a bed afterwards."""
    from wince.errors import MediaError

    (tmp_path / "bad.mp4").write_text("no video")
    whole = beds(True, True)
    bad = whole.beds[1].camera.model_copy(update={"path": tmp_path / "bad.mp4"})
    with pytest.raises(MediaError, match="neither a picture nor a video"):
        play.play(loaded, scenario.Scenario((whole.beds[0], replace(whole.beds[1], camera=bad))), AT, lambda *_: None)
    assert not loaded.state_dir.exists()


def test_whom_a_cut_off_run_left_in_the_bed(loaded):
    """A run that fails after the admissions and is not gone on with leaves no second patient in the bed of the next."""

    class Cut(Exception):
        pass

    def cut(road: Embedded) -> None:
        raise Cut

    with pytest.raises(Cut):
        play.play(loaded, beds(True, True), AT, lambda *_: None, admitted=cut)
    done = play.play(loaded, beds(True), AT + 10 * play.GRID_US, lambda *_: None)
    (bed,) = done.beds
    assert bed.questions == {}
    assert bed.alerts >= 1
    assert done.observations == done.in_ehr > 0


def test_the_next_run_begins_after_the_last_window(loaded, database, monkeypatch):
    """However long the last clips were, the next ones lie behind their discharge, on the minute."""
    first = play._Job(loaded, beds(True), AT)
    assert first.begin(database) == AT
    play.runs.finish(database, first.run, play.runs.RunState.DONE)
    future_us = (time.time_ns() // 1000 // play.GRID_US + 600) * play.GRID_US + 1
    monkeypatch.setattr(play.outcome, "latest", lambda *_: future_us)
    origin_us = play._Job(loaded, beds(True), None).begin(database)
    assert origin_us % play.GRID_US == 0
    assert future_us + 2 * play.BEFORE_US < origin_us - play.BEFORE_US + play.GRID_US <= future_us + 5 * play.GRID_US


@pytest.mark.parametrize("why", [Reason.OFF, Reason.CONSENT])
def test_a_bed_that_must_not_be_watched_is_not_looked_at(loaded, why):
    """Switched off, or its patient refused: the clip is not decoded, every window says why, nothing is charted, and nobody is asked."""
    one = scenario.bundled().beds[0]

    def forbid(road: Embedded) -> None:
        withholding = Withholding(road.database, lambda: AT - play.BEFORE_US)
        if why is Reason.OFF:
            withholding.off(Scope.BED, one.camera.bed, "a drill", "n7")
        else:
            withholding.consent(f"V{AT // play.GRID_US}-0", "", False, AT - play.BEFORE_US, "n7", "test")
        deadline = time.monotonic() + 60
        while road._permission.why_not("c0", AT) is not why:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    done = play.play(loaded, beds(True), AT, lambda *_: None, admitted=forbid)
    (bed,) = done.beds
    assert bed.reasons == {why.value: 5}
    assert (bed.grades, bed.charted, bed.questions, bed.alerts, done.observations) == ({}, {}, {}, 0, 0)
