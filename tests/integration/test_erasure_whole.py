"""Everything that rests of a person: put into every table that can hold it, erased by name or by age, then looked for in every table."""

from uuid import UUID, uuid4

import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, admit, alert, change, question, stay, window
from wince.care.postgres import PostgresCare
from wince.care.retention import Limits, Retention
from wince.care.withholding import Withholding
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause, EncounterState, FaceState
from wince.domain.census import Kind, Link, Revision
from wince.domain.score import Score
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Identifier, Stay
from wince.domain.study import StudyFacts
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import acknowledged, aliases, commitments, research, resting, scores, snapshots, studies, trust
from wince.store.covered.check import ChainComparison
from wince.store.database import Database
from wince.store.plain import dump
from wince.store.research import Export, ResearchConsent
from wince.store.resting import TABLES, Holds

PROTOCOLS = {"activity": load("activity")}
DAY = 86_400 * US
LATER = T0 + 100 * DAY
SEED = "SEED77"
WHO = Identifier("urn:wince:authority:MRN", f"M-{SEED}")
VISIT = Identifier("urn:wince:authority:VISIT", SEED)
INSTANCE = f"1.2.826.0.1.{SEED}"
"""Name of a DICOM object."""
PLACE = UUID(int=7)
pytestmark = pytest.mark.timeout(120)


def person() -> Stay:
    return stay(SEED, end_us=T0 + 3600 * US)


def everywhere(database: Database) -> Stay:
    """A person of whom every table that can hold something holds it."""
    here = person()
    admit(database, here)
    sink = PostgresSink(database, PROTOCOLS, [], clock=lambda: T0 + 10 * US)
    asked = question(window(1))
    sink.commit([window(0), window(1), asked, window(120, 2), alert(window(120, 2))])
    clock = lambda: T0 + 3000 * US  # noqa: E731
    care, withholding = PostgresCare(database, PROTOCOLS, clock), Withholding(database, clock)
    care.give(Verdict(uuid4(), asked.id, window(1).id, "n1", 1, T0 + 60 * US), "c")
    care.set_state(EncounterState(SEED, FaceState.PALSY, T0, "n1"), "c")
    paused = care.start_pause(BedPause(uuid4(), BED, T0 + 2000 * US, T0 + 3300 * US, None, "n1"), "c")
    care.end_pause(paused.id, "n1", "c")
    withholding.consent(SEED, "", True, T0, "n1", "c")
    withholding.consent("", WHO.value, True, T0, "n1", "c")
    with database.transaction() as tx:
        entry = tx.execute("SELECT id, revision, body FROM entry LIMIT 1").fetchone()
        assert entry is not None
        for about in (entry[0], asked.id):
            tx.execute(
                "INSERT INTO outbox(entry, revision, target, encounter, effective, body, state) VALUES (%s, 1, 't', %s, 0, %s, 'written')",
                (about, f"{VISIT.system}|{SEED}", entry[2]),
            )
            tx.execute(
                "INSERT INTO readback(entry, target, revision, result, differs, version, times) VALUES (%s,'t',1,'same','','1',1)", (about,)
            )
        acknowledged.keep(tx, Acknowledgement(alert(window(120, 2)).id, "n1", T0), "c")
        snapshots.save(tx, "grade", [Snapshot(CAMERA, "activity", 1, T0, f'{{"calm":["{here.id}"]}}'.encode())])
        _object(tx, here)
        scores.keep(tx, [Score(uuid4(), f"Observation/{SEED}", WHO, VISIT, T0, "s|c", "7")], T0, 3600 * US)
        link = Link(Kind.PERSON, Identifier(WHO.system, f"OLD-{SEED}"), WHO, T0, T0)
        aliases.add(tx, [link], uuid4())
        tx.execute("DELETE FROM review")
        trust.contradict(tx, "W^2^A", T0, T0, T0, kind="another_patient", signature="x", listed=[(VISIT, WHO)])
        trust.settle(tx, T0 + US, still={})
        tx.execute("INSERT INTO comparison(at_us, origin) VALUES (%s, 'csv'), (%s, 'csv')", (T0, T0))
        tx.execute("INSERT INTO difference(comparison, kind, bed, body) VALUES (2, 'missing_here', 'B', %s)", (dump(WHO),))
        tx.execute("INSERT INTO refused_time(source, ahead_us, at_us) VALUES ('cam-9', 1, %s)", (T0,))
        research.say(tx, ResearchConsent(WHO, True, "form 1", "n1"), uuid4(), "c", T0)
        made = Export(uuid4(), T0, "c", "study", "key", b"m", 1, 3)
        research.keep(tx, made, [("pseudonym", WHO)])
    return here


def _object(tx, here: Stay) -> None:
    facts = StudyFacts(INSTANCE, "1.2", "1.2", "1.3", "1.4", f"A-{SEED}", WHO.value, "", "", "", None, SEED, T0, True, 1, None, 0, True)
    taken = studies.Study(facts, 1, PLACE, "PEER", T0, WHO, VISIT, "graded", "", T0, 1, T0, T0, None, False)
    assert studies.take(tx, taken, b"d") == ""
    tx.execute("UPDATE study SET deleted_us = %s", (T0,))
    save = "INSERT INTO watch(source, bed, start_us, recorded_us) VALUES (%s, '', 0, 0)"
    tx.execute(save, (INSTANCE,))
    snapshots.save(tx, "grade", [Snapshot(INSTANCE, "activity", 1, T0, b"{}")])
    tx.execute("INSERT INTO chart_state(source, protocol, body) VALUES (%s, 'activity', '{}')", (INSTANCE,))
    commitments.add(tx, PLACE, "PEER", commitments.Promise("1.9", (("1.2", INSTANCE),), ()), T0)


def tables(database: Database) -> list[str]:
    with database.transaction() as tx:
        rows = tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    return sorted(name for (name,) in rows)


def found(database: Database, *words: str, but: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Tables in which a word stands: as text, or as the bytes of a bytea."""
    wanted = [form for word in words for form in (word, word.encode().hex())]
    hits: dict[str, list[str]] = {}
    with database.transaction() as tx:
        for table in tables(database):
            if table in but:
                continue
            for (row,) in tx.execute(f"SELECT t::text FROM {table} t".encode()).fetchall():
                hits.setdefault(table, []).extend(word for word in wanted if word in row)
    return {table: words for table, words in hits.items() if words}


def test_every_table_has_a_row_in_the_list(database: Database) -> None:
    """A new table says what it holds of a person, how long, and what erases it."""
    assert sorted(one.name for one in TABLES) == tables(database)
    for one in TABLES:
        assert bool(one.why) == (one.rests.split(",")[0].endswith(resting.FOR_EVER) or resting.FOR_EVER in one.rests), one.name


def test_a_person_is_in_the_tables_that_are_said_to_hold_persons(database: Database) -> None:
    """So that the search below can find something."""
    here = everywhere(database)
    hits = set(found(database, SEED, str(here.id), but=("audit",)))
    empty = {"parked_message", "review", "doubted"}  # an erasure waits for the first; the second is gone within seconds
    said = {one.name for one in TABLES if one.holds is Holds.PERSON}
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM verdict").fetchone() == (0,), "record has not taken it"
    assert said - hits - empty <= {"alert", "verdict", "assessment", "question"}, sorted(said - hits)


def test_nothing_of_a_person_is_left_in_any_table(database: Database) -> None:
    """Neither their numbers, nor the ids of their stays, nor the names of their DICOM objects, nor what a folder's files would be found by.
    The chain's ids stay, and what says that they were erased."""
    here = everywhere(database)
    other = stay("V2", start_us=T0 + 4000 * US, end_us=T0 + 9000 * US, recorded_us=T0 + 4000 * US)
    change(database, Revision(add=(other,), recorded_us=other.recorded_us), "V2")
    kept = PostgresSink(database, PROTOCOLS, [], clock=lambda: T0).commit([window(900)]).entries
    with database.transaction() as tx:
        tx.execute("DELETE FROM review")
    done = Retention(database, lambda: LATER).erase(WHO.value, "asked for it", "n8")
    assert (done.objects, done.decisions) == (1, 2)
    assert found(database, SEED) == {}
    assert found(database, str(here.id), but=("audit", "audit_payload")) == {}
    with database.transaction() as tx:
        for table in (
            "care_event WHERE kind <> 'pause' AND kind <> 'pause_end'",
            "readback",
            "commitment",
            "alert",
            "question",
            "acknowledged",
        ):
            assert tx.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table
        assert tx.execute("SELECT count(*) FROM care_outbox WHERE event NOT IN (SELECT id FROM care_event)").fetchone() == (0,)
        assert tx.execute("SELECT withdrawn_us, system FROM research_member").fetchall() == [(LATER, None)]
        assert tx.execute("SELECT count(*) FROM entry").fetchone() == (len(kept),)
    proven(database)


def test_everything_of_a_person_goes_by_age(database: Database) -> None:
    """Where all limits are set, only what has no end is left: that the patient agreed to research, and who was in an export."""
    here = everywhere(database)
    with database.transaction() as tx:
        tx.execute("DELETE FROM consent WHERE subject = 'patient'")
        tx.execute("DELETE FROM care_outbox WHERE event IN (SELECT id FROM care_event WHERE kind = 'verdict')")
        tx.execute("UPDATE question SET state = 'answered'")
    limits = Limits(assessments=30, movements=30, audit=30)
    counted = Retention(database, lambda: LATER).count(limits)
    ends = 1 << 52  # the clock of the chain is the machine's
    done = Retention(database, lambda: ends).run(limits, "n7")
    assert (counted.entries, counted.windows, counted.visits) == (done.entries, done.windows, done.visits)
    assert done.decisions == 4, "a verdict, a pause with its end, a state"
    assert done.objects == 1
    left = set(found(database, SEED, str(here.id), but=("audit",)))
    assert left == {"research_consent", "research_member", "difference"}, "a consent, and the newest list"
    proven(database)


def test_what_is_younger_stays(database: Database) -> None:
    everywhere(database)
    before = {table: len(rows) for table, rows in found(database, "").items()}
    done = Retention(database, lambda: LATER).run(Limits(assessments=200, movements=200), "n7")
    assert (done.decisions, done.remembered, done.objects) == (0, 0, 0)
    after = {table: len(rows) for table, rows in found(database, "").items()}
    changed = {table for table in before | after if before.get(table) != after.get(table)}
    assert changed <= {"audit", "audit_payload", "erasure"}


def test_a_camera_whose_next_patient_came_keeps_what_it_knows_of_them(database: Database) -> None:
    everywhere(database)
    state = b'{"calm":["11111111-1111-1111-1111-111111111111"]}'
    with database.transaction() as tx:
        snapshots.save(tx, "grade", [Snapshot(CAMERA, "activity", 1, T0 + 9 * DAY, state)])
    Retention(database, lambda: LATER).erase(WHO.value, "asked for it", "n8")
    with database.transaction() as tx:
        assert [bytes(row[0]) for row in tx.execute("SELECT state FROM snapshot").fetchall()] == [state]


def test_an_object_that_was_forgotten_may_come_again(database: Database) -> None:
    """An archive sends it again a year later: it is taken, and the chain says twice that it came."""
    everywhere(database)
    with database.transaction() as tx:
        studies.forget(tx, [INSTANCE])
        _object(tx, person())
        rows = tx.execute("SELECT attempt FROM audit WHERE event = 'study.received' ORDER BY seq").fetchall()
    assert rows == [(1,), (2,)]


def proven(database: Database) -> None:
    """The chain stands, and every row that is missing is explained."""
    comparison = ChainComparison(database)
    assert list(comparison.links())
