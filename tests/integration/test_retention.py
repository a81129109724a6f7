"""Erasing by age and of a person, on a real PostgreSQL: what is needed stays, the chain stands, and verify says why a payload is gone."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.contract.census.feed import ICU1, ICU2, Feed, mrg, pid, pv1
from tests.integration.record_world import BED, T0, US, FakeTarget, admit, alert, change, deliver, stay, window
from wince.care.person import Erased
from wince.care.retention import Limits, Retention
from wince.care.withholding import Withholding
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.parked import ParkedMessage
from wince.domain.score import Score
from wince.domain.stay import Identifier
from wince.errors import ConfigError, MessageError, Refused
from wince.hospital.site import Site
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.rpc.errors import NotFound
from wince.store import audit, erasing, parked, scores, trust
from wince.store.database import Database
from wince.store.stays import PostgresCensus

PROTOCOLS = {"activity": load("activity")}
DAY = 86_400 * US
LATER = T0 + 100 * DAY
ALL = Limits(assessments=30, movements=30, audit=30)
pytestmark = pytest.mark.timeout(120)


def count(database: Database, sql: str) -> int:
    with database.transaction() as tx:
        row = tx.execute(f"SELECT count(*) FROM {sql}".encode()).fetchone()
    return row[0] if row else 0


def charted(database: Database, *, delivered: bool = True, ended: bool = True) -> FakeTarget:
    """One stay with two entries."""
    target = FakeTarget()
    admit(database, stay(end_us=T0 + 3600 * US if ended else None))
    sink = PostgresSink(database, PROTOCOLS, [target], clock=lambda: T0 + 10 * US)
    assert len(sink.commit([window(0), window(120, 2), alert(window(120, 2))]).entries) == 2
    if delivered:
        deliver(database, target)
    return target


def whole(database: Database) -> int:
    return verify(audit.rows(database, payloads=True)).erased


def test_what_is_older_goes_and_the_chain_stands(database: Database) -> None:
    """Entries, windows, then what the hospital said of that visit; each once; younger limits erase nothing."""
    charted(database)
    retention = Retention(database, lambda: LATER)
    assert retention.run(Limits(assessments=200, movements=200, audit=200), "n7") == Erased()
    done = retention.run(Limits(assessments=30, movements=30), "n7")
    assert (done.entries, done.windows, done.visits) == (2, 2, 1)
    for table in ("entry", "assessment", "alert", "outbox", "movement", "stay"):
        assert count(database, table) == 0, table
    assert whole(database) == 0
    assert retention.run(Limits(assessments=30, movements=30), "n7") == Erased()
    assert [row.event for row in audit.rows(database)].count("retention") == 3


def test_a_count_is_what_a_run_erases_and_changes_nothing(database: Database) -> None:
    """Also what goes only because something else went before it: windows after their entries, visits after their windows."""
    charted(database)
    retention = Retention(database, lambda: LATER)
    tables = ("entry", "assessment", "stay", "movement", "audit", "erasure", "outbox", "audit_payload")
    before = {table: count(database, table) for table in tables}
    counted = retention.count(Limits(assessments=30, movements=30))
    assert (counted.entries, counted.windows, counted.visits) == (2, 2, 1)
    assert {table: count(database, table) for table in tables} == before
    assert retention.run(Limits(assessments=30, movements=30), "n7") == counted


@pytest.mark.parametrize(
    "text",
    [
        "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\rPID|1||77^^^X~M-V1^^^H^MR||A^B\r",
        "MSH|^~\\&|A|B|||20260101||ADT^A40|1|P|2.5.1\nPID|1||9\nMRG|M-V1^^^H\n",
        "MSH$*~\\&$A$B\rPID$1$$ M-V1 *X\r",
    ],
)
def test_a_person_of_whom_a_message_is_parked_is_not_erased(database: Database, text: str) -> None:
    """Its text names the person: somebody replays or drops it first. A longer number, or the number elsewhere, is another's."""
    charted(database)
    retention = Retention(database, lambda: LATER)
    other = "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\rPID|1||M-V12^^^H^MR||M-V1^B\rPV1|1|I|M-V1^1^A\r"
    with database.transaction() as tx:
        for number, one in enumerate((text, other)):
            message = ParkedMessage(UUID(int=0), "A", "B", str(number), "A01", "PID-3", "102", "", T0, 0)
            assert parked.park(tx, message, one.encode(), 1 << 20, T0)
        mine = next(one.id for one in parked.parked(tx) if one.control_id == "0")
    with pytest.raises(Refused, match="1 parked messages") as caught:
        retention.erase("M-V1", "asked for it", "n8")
    assert str(mine) in caught.value.remedy
    with database.transaction() as tx:
        parked.drop(tx, mine, "n8", T0)
    assert retention.erase("M-V1", "asked for it", "n8").entries == 2


def test_payloads_go_by_their_age_and_verify_knows_why(database: Database) -> None:
    charted(database)
    with database.transaction() as tx:
        youngest = tx.execute("SELECT max(at_utc) FROM audit").fetchone()
    assert youngest is not None
    links = count(database, "audit")
    done = Retention(database, lambda: 1 << 52).run(Limits(audit=1), "n7")
    assert done.payloads == links
    assert whole(database) == links
    with database.transaction() as tx:
        assert [(what, number) for what, _, number in erasing.explained(tx)] == [("retention", links)]


def test_what_is_still_needed_stays(database: Database) -> None:
    """Entries that wait for a target, their windows, and what the hospital said of them; a visit that goes on."""
    charted(database, delivered=False)
    done = Retention(database, lambda: LATER).run(ALL, "n7")
    assert (done.entries, done.windows, done.visits) == (0, 0, 0)
    assert count(database, "movement") == count(database, "stay") == 1


def test_a_visit_that_goes_on_stays(database: Database) -> None:
    charted(database, ended=False)
    done = Retention(database, lambda: LATER).run(ALL, "n7")
    assert (done.entries, done.windows, done.visits) == (2, 2, 0)
    assert count(database, "movement") == 1


def test_a_person_is_erased_and_another_is_not(database: Database) -> None:
    charted(database)
    other = stay("V2", start_us=T0 + 4000 * US, end_us=T0 + 9000 * US, recorded_us=T0 + 4000 * US)
    change(database, Revision(add=(other,), recorded_us=other.recorded_us), "V2")
    kept = PostgresSink(database, PROTOCOLS, [], clock=lambda: T0).commit([window(900)]).entries
    assert [one.encounter.value for one in kept] == ["V2"]
    Withholding(database, lambda: T0).consent("V1", "", True, 0, "n7", "c")
    Withholding(database, lambda: T0).consent("", "M-V1", False, T0 + 9000 * US, "n7", "c")
    done = Retention(database, lambda: LATER).erase("M-V1", "asked for it", "n8")
    assert (done.entries, done.windows, done.visits) == (2, 2, 1)
    with database.transaction() as tx:
        rows = tx.execute("SELECT payload FROM audit_payload").fetchall()
        said = tx.execute("SELECT given FROM consent WHERE subject = 'patient'").fetchall()
        why = [(what, number) for what, _, number in erasing.explained(tx)]
    assert not [payload for (payload,) in rows if "M-V1" in payload]
    assert said == [(False,)], "a refusal stays"
    assert why == [("person", done.payloads)]
    assert whole(database) == done.payloads
    assert count(database, "stay WHERE encounter = 'V1'") == count(database, "movement WHERE encounter = 'V1'") == 0
    assert count(database, "entry") == len(kept)
    assert count(database, f"stay WHERE bed = '{BED}'") == 1
    with pytest.raises(NotFound):
        Retention(database, lambda: LATER).erase("M-V1", "again", "n8")


def merged(database: Database, *, ended: bool) -> int:
    """A visit that was renumbered, with a message under the old number after that; when it is all long ago."""
    said = Feed(PostgresCensus(database), Site())
    said.tell("A01", "0800", pid("P1"), pv1(ICU1, "V1"))
    said.tell("A50", "0900", pid("P1"), mrg("P1", visit="V1"), pv1("", "V2"))
    said.tell("A02", "1000", pid("P1"), pv1(ICU2, "V1"))
    if ended:
        said.tell("A03", "1100", pid("P1"), pv1(ICU2, "V2"))
    return max(one.recorded_us for one in said.census.stays(ICU2, 0, None)) + 100 * DAY


def test_what_was_said_under_an_old_number_stays_while_the_visit_goes_on(database: Database) -> None:
    """The stays of the number that was given up are all superseded, and old: its movements are the survivor's."""
    later = merged(database, ended=False)
    before = count(database, "movement")
    assert Retention(database, lambda: later).run(ALL, "n7").visits == 0
    assert count(database, "movement") == before


def test_what_was_said_under_an_old_number_goes_with_the_visit(database: Database) -> None:
    later = merged(database, ended=True)
    assert Retention(database, lambda: later).run(ALL, "n7").visits == 1
    for table in ("movement", "stay", "alias"):
        assert count(database, table) == 0, table


def test_a_person_is_erased_under_every_number_of_a_visit(database: Database) -> None:
    later = merged(database, ended=True)
    Retention(database, lambda: later).erase("P1", "asked for it", "n8")
    for table in ("movement", "stay", "alias"):
        assert count(database, table) == 0, table


def test_a_person_is_erased_from_what_lists_said_too(database: Database) -> None:
    """Not while a list that has the person in a bed waits for somebody; then all of it goes, and another person's stays."""
    charted(database)
    gone, other = (Identifier("urn:wince:authority:MRN", f"M-V{number}") for number in (1, 11))
    visit = Identifier("urn:wince:authority:VISIT", "V9")
    with database.transaction() as tx:
        for bed, person in (("W^1^A", gone), ("W^2^A", other)):
            trust.contradict(tx, bed, T0, T0, T0, kind="another_patient", signature=bed, listed=[(visit, person)])
    retention = Retention(database, lambda: LATER)
    with pytest.raises(Refused, match="a census has the patient"):
        retention.erase("M-V1", "asked for it", "n8")
    with database.transaction() as tx:
        trust.settle(tx, LATER, still={})
    retention.erase("M-V1", "asked for it", "n8")
    with database.transaction() as tx:
        assert tx.execute("SELECT bed FROM doubted").fetchall() == [("W^2^A",)]


def test_a_person_is_erased_from_scores_under_anothers_visit_too(database: Database) -> None:
    """A result that named the wrong visit waits there for a correction; it goes with the person, the visit's own one stays."""
    charted(database)
    one, other = stay(), stay("V2")
    with database.transaction() as tx:
        for number, whose in enumerate((one, other)):
            score = Score(UUID(int=number), "r", whose.patient, other.encounter, T0, "s|c", "7")
            scores.keep(tx, [score], T0, 3600 * US)
    Retention(database, lambda: LATER).erase("M-V1", "asked for it", "n8")
    assert count(database, "score") == count(database, "score WHERE patient = 'M-V2'") == 1


@pytest.mark.parametrize("table", ["question", "care_event"])
def test_what_was_said_of_a_window_is_found_without_reading_the_whole_table(database: Database, table: str) -> None:
    """By a plan that knows nothing of the windows, as a statement that is prepared gets it."""
    with database.transaction() as tx:
        tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        tx.execute("SET LOCAL enable_seqscan = off")
        tx.execute(f"PREPARE said(uuid[]) AS SELECT id FROM {table} WHERE assessment = ANY($1)".encode())
        plan = "\n".join(line for (line,) in tx.execute("EXPLAIN EXECUTE said(ARRAY[]::uuid[])").fetchall())
        tx.execute("DEALLOCATE said")
    assert f"{table}_assessment" in plan, plan


def test_a_person_is_not_erased_too_early(database: Database) -> None:
    """While lying in a bed, while something waits, without a reason."""
    charted(database, delivered=False)
    retention = Retention(database, lambda: LATER)
    with pytest.raises(Refused, match="wait"):
        retention.erase("M-V1", "asked for it", "n8")
    with pytest.raises(MessageError):
        retention.erase("M-V1", " ", "n8")
    with pytest.raises(Refused, match="lies in a bed"):
        Retention(database, lambda: T0).erase("M-V1", "asked for it", "n8")
    assert count(database, "entry") == 2


def test_the_commands(
    database: Database, database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wince.cli import audit as audit_command
    from wince.cli import retention as command

    monkeypatch.setenv("WINCE_PG_DSN", database_dsn)
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path))
    charted(database)
    with pytest.raises(ConfigError, match="no limit"):
        command.run_command()
    monkeypatch.setenv("WINCE_RETENTION_ASSESSMENTS_DAYS", "30")
    command.show_command()
    command.run_command(dry_run=True)
    assert count(database, "entry") == 2
    command.run_command()
    command.erase_command(patient="M-V1", reason="asked for it")
    audit_command.verify()
    said = capsys.readouterr().out
    assert "windows, alerts, verdicts, entries, DICOM objects: 30 days" in said
    assert "would be erased: 2 entries, 2 windows, 0 visits" in said
    assert "\nerased: 2 entries, 2 windows, 0 visits" in said
    assert "by an erasure (person)" in said
    assert "who deleted them" not in said
