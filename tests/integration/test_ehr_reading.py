"""An EHR that says what the patient said, and what the patient was given; on a real PostgreSQL, over HTTP that a test answers."""

import json
from typing import Any

import httpx
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, question, stay, window
from tests.integration.review_world import latest, lies, say
from tests.unit.care.test_ehr_reading import BLOCKING, NRS, given, observation
from wince.care import events
from wince.care.ehr.reader import EhrReader, Wanted
from wince.care.postgres import PostgresCare
from wince.domain.care import PatientState
from wince.domain.census import Kind as Names
from wince.domain.census import Link
from wince.domain.entry import Entry
from wince.domain.ids import ROOT, make
from wince.domain.score import Score
from wince.domain.stay import Identifier, Watch
from wince.errors import Unavailable
from wince.fhir.client import FhirClient
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import aliases, audit, scores
from wince.store.database import Database
from wince.store.stays import save_watches

PROTOCOLS = {"activity": load("activity")}
MRN = "urn:wince:authority:MRN"
NOW = T0 + 600 * US
WANTED = Wanted(scores=(NRS,), blocking=BLOCKING, administrations=True)


def iso(at_us: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_us / US, UTC).isoformat().replace("+00:00", "Z")


class Ehr:
    """Answers searches from what it holds; `broken`: by a page of HTML."""

    def __init__(self) -> None:
        self.held: dict[str, list[dict[str, Any]]] = {
            "Patient": [{"resourceType": "Patient", "id": "7", "identifier": [{"system": MRN, "value": "M-V1"}]}]
        }
        self.broken = False
        self.endless = False
        """Every page has a next one."""
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if self.broken:
            return httpx.Response(200, text="<html>", headers={"content-type": "text/html"})
        kind = request.url.path.rsplit("/", 1)[-1]
        entries = [{"resource": one, "search": {"mode": "match"}} for one in self.held.get(kind, [])]
        begin = int(request.url.params.get("_offset", "0"))
        onward = str(request.url.copy_set_param("_offset", str(begin + 20)))
        links = [{"relation": "next", "url": onward}] if self.endless or len(entries) > begin + 20 else []
        body = {"resourceType": "Bundle", "type": "searchset", "entry": entries[begin : begin + 20], "link": links}
        return httpx.Response(200, content=json.dumps(body), headers={"content-type": "application/fhir+json"})


def reader(database: Database, ehr: Ehr, now_us: int = NOW, wanted: Wanted = WANTED) -> EhrReader:
    client = FhirClient("https://ehr.example/fhir", transport=httpx.MockTransport(ehr))
    care = PostgresCare(database, PROTOCOLS, lambda: now_us)
    return EhrReader(database, client, care, wanted, systems={}, told=lambda: None, clock=lambda: now_us)


def sink(database: Database) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [FakeTarget()], score_valid_us=3600 * US)


def test_a_self_report_outranks_what_is_charted_and_no_question_is_asked(database: Database) -> None:
    """It is kept once; an entry of its time names it, before and after that it doesn't; one that is withdrawn there outranks nothing."""
    admit(database, stay())
    ehr = Ehr()
    ehr.held["Observation"] = [observation(effectiveDateTime=iso(T0 + 500 * US))]
    assert reader(database, ehr).read() == 0
    assert reader(database, ehr).read() == 0
    assert [row.event for row in audit.rows(database)].count("score") == 1
    assert all(url.params["code"] == NRS for url in ehr.asked if url.path.endswith("Observation"))
    to = sink(database)
    before, during = to.commit([window(0, 0)]), to.commit([window(120, 2), question(window(120, 2))])
    assert [one.outranked for one in before.entries] == [""]
    assert [(one.outranked, one.status) for one in during.entries] == [("Observation/o1", "preliminary")]
    assert during.tasks == ()
    assert [row.event for row in audit.rows(database)].count("not_asked") == 1
    after = to.commit([window(100 + 720, 0), question(window(100 + 720, 0))])
    assert {one.outranked for one in after.entries if one.kind.value == "grade"} == {""}
    assert len(after.tasks) == 1
    ehr.held["Observation"][0]["status"] = "entered-in-error"
    reader(database, ehr).read()
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM score WHERE void").fetchone() == (1,)


def test_the_entry_says_so_at_the_ehr() -> None:
    from tests.contract.ehr.samples import entry
    from wince.delivery.fhir.observation import observation as built
    from wince.delivery.fhir.parts import Software
    from wince.domain.entry import Kind

    made: Entry = entry(Kind.GRADE, outranked="Observation/o1")
    software = Software("1", "s", "https://ehr.example/fhir")
    notes = [note["text"] for note in built(made, PROTOCOLS["activity"], software)["note"]]
    assert notes[0].endswith("Observation/o1")
    assert len(notes) == 2


def test_a_blocking_agent_makes_a_face_not_assessable_until_it_is_over(database: Database) -> None:
    admit(database, stay())
    ehr = Ehr()
    ehr.held["MedicationAdministration"] = [given(id="g1", effectivePeriod={"start": iso(T0 + 100 * US)})]
    reader(database, ehr).read()
    reader(database, ehr).read()
    with database.transaction() as tx:
        assert events.standing_states(tx, CAMERA, T0 + 200 * US) == [PatientState(CAMERA, T0 + 100 * US, None, False)]
        assert tx.execute("SELECT count(*) FROM care_outbox").fetchone() == (1,)
    ehr.held["MedicationAdministration"][0]["effectivePeriod"]["end"] = iso(T0 + 400 * US)
    reader(database, ehr, NOW).read()
    with database.transaction() as tx:
        held = events.standing_states(tx, CAMERA, T0 + 200 * US)
    assert held == [PatientState(CAMERA, T0 + 100 * US, T0 + 400 * US, False), PatientState(CAMERA, T0 + 400 * US, None, True)]
    assert [row.event for row in audit.rows(database)].count("care.patient_state") == 2


def test_a_blocking_agent_behind_many_others_is_seen_and_not_lifted_by_half_an_answer(database: Database) -> None:
    """A patient in intensive care has dozens of administrations a day; a search that has no end lifts nothing."""
    admit(database, stay())
    ehr = Ehr()
    others = [given("N02BE01", id=f"n{number}", effectivePeriod={"start": iso(T0)}) for number in range(70)]
    ehr.held["MedicationAdministration"] = [*others, given(id="g1", effectivePeriod={"start": iso(T0 + 100 * US)})]
    reader(database, ehr).read()
    acting = [PatientState(CAMERA, T0 + 100 * US, None, False)]
    with database.transaction() as tx:
        assert events.standing_states(tx, CAMERA, T0 + 200 * US) == acting
    ehr.endless, ehr.held["MedicationAdministration"] = True, others
    assert reader(database, ehr).read() == 1
    with database.transaction() as tx:
        assert events.standing_states(tx, CAMERA, T0 + 200 * US) == acting


def test_what_can_not_be_read_changes_nothing(database: Database) -> None:
    """A gateway's page, nobody, two of them: no score, no state, and no patient is guessed."""
    admit(database, stay())
    ehr = Ehr()
    ehr.broken = True
    reader(database, ehr).read()
    ehr.broken = False
    whole = ehr.held["Patient"]
    for patients in ([], [*whole, whole[0] | {"id": "8"}]):
        ehr.held["Patient"] = patients
        ehr.held["Observation"] = [observation(effectiveDateTime=iso(T0))]
        reader(database, ehr).read()
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM score").fetchone() == (0,)


def test_a_server_that_is_away_is_told_once_and_tried_again(database: Database) -> None:
    """Not once for each patient: the part that reads waits, and begins again."""
    admit(database, stay())

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    client = FhirClient("https://ehr.example/fhir", transport=httpx.MockTransport(away))
    care = PostgresCare(database, PROTOCOLS, lambda: NOW)
    with pytest.raises(Unavailable):
        EhrReader(database, client, care, WANTED, systems={}, told=lambda: None, clock=lambda: NOW).read()


def says(database: Database, patient: str, visit: str, reference: str, at_us: int = T0 - 60 * US) -> None:
    """A score that some feed gives."""
    one = Score(make(ROOT, "test", reference), reference, Identifier("urn:mrn", patient), Identifier("urn:visit", visit), at_us, NRS, "7")
    with database.transaction() as tx:
        scores.keep(tx, [one], NOW, 3600 * US)


def test_what_is_charted_late_names_the_score_that_outranks_it(database: Database) -> None:
    """Nobody was known there when the window came; a late admission gives it a patient who had said the pain."""
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    to = sink(database)
    assert to.commit([window(0, 2)]).entries == ()
    says(database, "P1", "V1", "Observation/s1")
    say(database, "V1", [lies("V1", BED, -60, patient="P1")])
    to.review()
    assert [(one.patient.value, one.outranked) for one in latest(database, CAMERA)] == [("P1", "Observation/s1")]


def test_what_moves_to_another_patient_names_that_ones_score_and_never_the_first_ones(database: Database) -> None:
    """The visit's patient is corrected: P1's score of this visit is not P2's word. It comes back with P1."""
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    to = sink(database)
    says(database, "P1", "V1", "Observation/s1")
    say(database, "V1", [lies("V1", BED, -60, patient="P1")])
    to.commit([window(0, 2)])
    says(database, "P2", "V1", "Observation/s2", T0 - 30 * US)
    say(database, "V1", [lies("V1", BED, -60, patient="P2", number=1)])
    to.review()
    standing = [one for one in latest(database, CAMERA) if one.status != "entered-in-error"]
    assert [(one.patient.value, one.outranked) for one in standing] == [("P2", "Observation/s2")]
    say(database, "V1", [lies("V1", BED, -60, patient="P1", number=2)])
    to.review()
    standing = [one for one in latest(database, CAMERA) if one.status != "entered-in-error"]
    assert [(one.patient.value, one.outranked) for one in standing] == [("P1", "Observation/s1")]


def test_a_score_under_a_number_that_was_merged_is_the_survivors(database: Database) -> None:
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    says(database, "OLD", "V1", "Observation/s1")
    say(database, "V1", [lies("V1", BED, -60, patient="P1")])
    with database.transaction() as tx:
        aliases.add(tx, [Link(Names.PERSON, Identifier("urn:mrn", "OLD"), Identifier("urn:mrn", "P1"), T0, T0)], make(ROOT, "A40"))
    assert {one.outranked for one in sink(database).commit([window(0, 2)]).entries} == {"Observation/s1"}
