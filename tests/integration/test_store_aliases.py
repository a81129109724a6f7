"""Numbers that the hospital merged, in PostgreSQL: every reader finds a patient and a visit under any of their numbers."""

from __future__ import annotations

import threading
from uuid import uuid4

import psycopg
import pytest

from tests.contract.census.feed import ICU1, ICU2, Feed, mrg, pid, pv1
from wince.care import events
from wince.codec.care import encounter_state_to_message
from wince.domain.care import EncounterState, FaceState
from wince.domain.census import Kind
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.domain.withheld import Consent
from wince.hospital.site import Site
from wince.store import aliases, audit, scope, stay_pages, withheld
from wince.store.database import Database
from wince.store.inside import Inside
from wince.store.stays import PostgresCensus, lying_at


def one(value: str) -> Identifier:
    return Identifier("urn:wince:authority:HOSP", value)


def feed(database: Database) -> Feed:
    return Feed(PostgresCensus(database), Site())


def test_who_is_one_can_be_asked_as_of_a_moment(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1())
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    said.tell("A40", "1000", pid("P3"), mrg("P2"))
    with database.transaction() as tx:
        assert aliases.survivors(tx, Kind.PERSON, [one("P1"), one("P9")]) == {one("P1"): one("P3"), one("P9"): one("P9")}
        assert aliases.numbers(tx, Kind.PERSON, one("P2")) == [one("P1"), one("P2"), one("P3")]
        assert aliases.every(tx, Kind.PERSON) == {one(number): one("P3") for number in ("P1", "P2", "P3")}
        assert aliases.numbers(tx, Kind.VISIT, one("P1")) == [one("P1")], "a person's number is no visit's"
        links = sorted(aliases.linked(tx, Kind.PERSON, [one("P3")]), key=lambda link: link.recorded_us)
        assert aliases.survivors(tx, Kind.PERSON, [one("P1")], links[0].recorded_us) == {one("P1"): one("P2")}
        assert aliases.survivors(tx, Kind.PERSON, [one("P1")], links[0].recorded_us - 1) == {one("P1"): one("P1")}


def test_stays_as_they_were_known_keep_the_number_of_then(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1())
    (before,) = said.census.stays(ICU1, 0, None)
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    (now,) = said.census.stays(ICU1, 0, None)
    (then,) = said.census.stays(ICU1, 0, None, before.recorded_us)
    assert (now.patient, then.patient) == (one("P2"), one("P1"))
    assert now.id == then.id
    assert [row.event for row in audit.rows(database)] == ["adt", "adt"]


def test_a_visit_is_found_under_any_of_its_numbers(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1(ICU1, "V1"))
    said.tell("A50", "0900", pid("P1"), mrg("P1", visit="V1"), pv1("", "V2"))
    said.tell("A02", "1000", pid("P1"), pv1(ICU2, "V2"))
    with database.transaction() as tx:
        for number in ("V1", "V2"):
            assert scope.encounters(tx, number) == [one("V2")]
            found = stay_pages.page(tx, "encounter", (one(number).system, number), None, stay_pages.Part(9, None))
            assert [(stay.bed, stay.encounter) for _, stay in found] == [(ICU1, one("V2")), (ICU2, one("V2"))]


def test_what_a_patient_refused_under_an_old_number_is_still_refused(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1())
    refusal = Consent("patient", one("P1"), False, 0, "nurse")
    with database.transaction() as tx:
        withheld.say(tx, refusal, uuid4(), "caller", 1)
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    with database.transaction() as tx:
        (consent,) = withheld.withheld(tx, said.census.current(), 0, required=False).consents
        assert (consent.identifier, consent.given) == (one("P2"), False)
        assert withheld.patients(tx, "P1", None) == [one("P2")]


def test_a_patients_state_follows_the_visits_new_number(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1(ICU1, "V1"))
    state = EncounterState("V1", next(iter(FaceState)), 1, "nurse")
    body = encounter_state_to_message(state).SerializeToString()
    with database.transaction() as tx:
        events.keep(tx, events.Event(uuid4(), "patient_state", 1, "nurse", body, encounter=one("V1")), (), "", 1)
    said.tell("A50", "0900", pid("P1"), mrg("P1", visit="V1"), pv1("", "V2"))
    with database.transaction() as tx:
        assert events.said(tx, one("V2")) == [state]


def test_messages_beside_a_merge_lose_nothing(database: Database) -> None:
    """Two connections: one merges numbers, the other goes on under the old ones."""
    census = PostgresCensus(database)
    errors: list[BaseException] = []

    def walk(number: int) -> None:
        said = Feed(census, Site())
        try:
            said.tell("A01", "0800", pid(f"P{number}"), pv1(f"W^{number}^0", f"V{number}"), control=f"{number}-a")
            for step in range(1, 8):
                if step == 4:
                    said.tell("A40", "0900", pid(f"Q{number}"), mrg(f"P{number}"), control=f"{number}-m")
                at = f"09{10 + step}"
                said.tell("A02", at, pid(f"P{number}"), pv1(f"W^{number}^{step}", f"V{number}"), control=f"{number}-{step}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=walk, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted((stay.bed, stay.patient.value) for stay in census.current()) == [(f"W^{n}^7", f"Q{n}") for n in range(3)]


def test_who_remembers_a_number_is_told_that_it_was_merged(database: Database) -> None:
    """Either side of a link counts, of persons and of visits; another's changes nothing."""
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1())
    before = [aliases.links_of(database, one(number), one("V9")) for number in ("P1", "P2", "P9")]
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    assert [aliases.links_of(database, one(number), one("V9")) for number in ("P1", "P2", "P9")] == [1, 1, 0]
    assert before == [0, 0, 0]
    assert aliases.links_of(database, one("P9"), one("P1")) == 0, "a visit's number is no person's"


def test_a_refusal_stands_for_every_stay_of_a_person_whichever_number_each_is_kept_under(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1(ICU1, "V1"))
    said.tell("A01", "0810", pid("P2"), pv1(ICU2, "V2"))
    with database.transaction() as tx:
        withheld.say(tx, Consent("patient", one("P1"), False, 0, "n1"), uuid4(), "ward", 1)
        lying = [stay for visit in ("V1", "V2") for stay in Inside(tx).believed(Identifier("urn:wince:authority:HOSP", visit))]
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    assert {stay.patient for stay in lying} == {one("P1"), one("P2")}
    with database.transaction() as tx:
        held = withheld.withheld(tx, lying, 0, required=False)
    assert [held.during(stay, stay.start_us, stay.start_us + 1) for stay in lying] == [Reason.CONSENT, Reason.CONSENT]


def asked(database: Database) -> list[tuple[list[str], int, int | None, str]]:
    with database.transaction() as tx:
        found = tx.execute("SELECT beds, from_us, to_us, why FROM review ORDER BY from_us, beds").fetchall()
        tx.execute("DELETE FROM review")
    return [(row[0], row[1], row[2], row[3]) for row in found]


def test_a_merge_has_record_look_again_at_whoever_has_one_of_the_numbers(database: Database) -> None:
    """A score, a refusal, a question of one number counts for the other from now on."""
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1(ICU1, "V1"))
    said.tell("A01", "0810", pid("P2"), pv1(ICU2, "V2"))
    said.tell("A01", "0820", pid("P9"), pv1("ICU^9^A", "V9"))
    stays = {stay.bed: stay for stay in said.census.current()}
    asked(database)
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    merge = [(beds, from_us, to_us) for beds, from_us, to_us, why in asked(database) if why == "merge"]
    assert merge == [([bed], stays[bed].start_us, None) for bed in (ICU1, ICU2)]
    said.tell("A03", "0930", pid("P2"), pv1(ICU2, "V2"))
    asked(database)
    said.tell("A50", "1000", pid("P2"), mrg("P2", visit="V1"), pv1("", "V3"))
    assert [(beds, from_us) for beds, from_us, _, why in asked(database) if why == "merge"] == [([ICU1], stays[ICU1].start_us)]


def test_what_is_said_of_one_number_is_looked_at_in_the_beds_of_the_others(database: Database) -> None:
    said = feed(database)
    said.tell("A01", "0800", pid("P1"), pv1(ICU1, "V1"))
    said.tell("A01", "0810", pid("P2"), pv1(ICU2, "V2"))
    said.tell("A40", "0900", pid("P2"), mrg("P1"))
    asked(database)
    with database.transaction() as tx:
        withheld.say(tx, Consent("patient", one("P1"), False, 5, "n1"), uuid4(), "ward", 1)
    assert asked(database) == [([ICU1, ICU2], 5, None, "consent")]


def test_who_is_withheld_takes_as_many_statements_for_many_as_for_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    said = feed(database)
    for number in range(12):
        said.tell("A01", "0800", pid(f"P{number}"), pv1(f"ICU^{number}^A", f"V{number}"))
    said.tell("A40", "0900", pid("P1"), mrg("P0"))
    statements: list[object] = []
    execute = psycopg.Cursor.execute

    def counted(cursor: psycopg.Cursor, query: object, *arguments: object, **more: object) -> object:
        statements.append(query)
        return execute(cursor, query, *arguments, **more)  # type: ignore[arg-type]

    with database.transaction() as tx:
        lying = lying_at(tx, 10**18)
        assert len(lying) == 12
        monkeypatch.setattr(psycopg.Cursor, "execute", counted)
        withheld.withheld(tx, lying, 0, required=True)
        many = len(statements)
        withheld.withheld(tx, lying[:1], 0, required=True)
        assert len(statements) == 2 * many == 10
