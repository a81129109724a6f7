"""A census taken in, by the hospital service and by `wince census`: what ADT says before, meanwhile and later still counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.test_census_trust import events, who
from tests.unit.cli.command import Command
from tests.unit.cli.command import command as call
from wince.clock import wall_us
from wince.domain.census import Change, MessageKey, Movement
from wince.domain.ids import site_namespace
from wince.domain.outside import CensusList, Listed
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.errors import Unavailable
from wince.hospital.adt import Site
from wince.hospital.listener import AdtListener
from wince.hospital.outside import load, reconcile
from wince.hospital.outside.heard import Heard
from wince.hospital.stays import decide
from wince.serve.census import CensusKeeper
from wince.settings import Settings
from wince.store import comparisons, trust
from wince.store.database import Database
from wince.store.stays import PostgresCensus
from wince.testing.hl7.message import Person, adt

US = 1_000_000
HOUR = 3600 * US
NOW = 1_764_500_400 * US
"""2025-11-30 11:00 UTC."""
HOSP = "urn:wince:authority:HOSP"
SITE = site_namespace("wince-demo")
ICU1, ICU2 = "ICU^1^A", "ICU^2^A"


def listed(visit: str, bed: str = ICU1, since_us: int | None = None) -> Listed:
    return Listed(Identifier(HOSP, f"M-{visit}"), Identifier(HOSP, visit), bed, since_us)


def census(*rows: Listed, at_us: int = NOW) -> CensusList:
    return CensusList("csv", at_us, rows, frozenset({"ICU"}))


def said(database: Database, trigger: str, visit: str, at_us: int, bed: str = ICU1, known_us: int | None = None) -> None:
    """An ADT event as it is kept."""
    key = MessageKey("HIS", "HOSP", uuid4().hex, uuid4().hex)
    who_, whose = Identifier(HOSP, visit), Identifier(HOSP, f"M-{visit}")
    moved = Movement(key, trigger, who_, whose, bed, at_us, known_us or at_us, NOW, ward="ICU", bed_said=bool(bed))
    PostgresCensus(database).commit(Change.of(moved), lambda change, inside: decide(SITE, change, inside))


def keeper(database: Database, *lists: CensusList | Exception, clock: list[int] | None = None, **settings: object) -> CensusKeeper:
    """Gives these lists in turn, the last one for ever."""
    given = list(lists)
    ticks = clock or [NOW]

    def read() -> CensusList:
        found = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(found, Exception):
            raise found
        return found

    loaded = Settings(time_zone="UTC", census_source="csv", census_file=Path("census.csv"), **settings)  # type: ignore[arg-type]
    return CensusKeeper(database, loaded, Heard(), read if lists else None, clock=lambda: ticks[0])


def lying(database: Database, at_us: int, bed: str = ICU1) -> str:
    found = who(database, at_us, bed)
    return found.encounter.value if isinstance(found, Stay) else found.value


def test_an_empty_census_is_taken_once_and_messages_find_their_place(database: Database) -> None:
    keeper(database, census(listed("V1", since_us=NOW - HOUR), listed("V2", ICU2))).look()
    assert (lying(database, NOW - HOUR), lying(database, NOW, ICU2)) == ("V1", "V2")
    assert lying(database, NOW - 1, ICU2) == "no_patient"
    said(database, "A01", "V1", NOW - 3 * HOUR)
    assert lying(database, NOW - 2 * HOUR) == "V1"
    said(database, "A02", "V1", NOW + HOUR, "ICU^3^A")
    assert (lying(database, NOW + HOUR), lying(database, NOW + HOUR, "ICU^3^A")) == ("no_patient", "V1")
    said(database, "A03", "V2", NOW + HOUR, "")
    assert lying(database, NOW + HOUR, ICU2) == "no_patient"
    keeper(database, census(listed("V9", "ICU^9^A"), at_us=NOW + 2 * HOUR), clock=[NOW + 2 * HOUR]).look()
    assert lying(database, NOW + 2 * HOUR, "ICU^9^A") == "no_patient"


def test_a_load_that_was_cut_off_goes_on_and_a_census_that_is_not_empty_is_only_compared(database: Database) -> None:
    whole = census(listed("V1"), listed("V2", ICU2))
    with database.transaction() as tx:
        assert comparisons.load_wanted(tx)
    said(database, "A01", "V7", NOW - HOUR, "ICU^7^A")
    keeper(database, Unavailable("away"), whole, clock=[NOW]).look()
    assert lying(database, NOW) == "no_patient"
    keeper(database, whole, clock=[NOW + 301 * US]).look()
    assert (lying(database, NOW), lying(database, NOW, ICU2)) == ("V1", "V2")


def test_an_installation_that_runs_takes_nothing_in_by_itself(database: Database) -> None:
    said(database, "A01", "V7", NOW - HOUR, "ICU^7^A")
    keeper(database, census(listed("V1"), listed("V7", "ICU^7^A"))).look()
    assert lying(database, NOW) == "no_patient"
    with database.transaction() as tx:
        (one,) = comparisons.differing(tx)
    assert (one.kind.value, one.bed) == ("missing_here", ICU1)


def test_a_list_that_overrules_counts_from_when_it_says(database: Database) -> None:
    """Nothing of the time that was doubtful goes to whom the list took out of the bed."""
    said(database, "A01", "V1", NOW - 5 * HOUR)
    found = census(listed("V2", since_us=NOW - HOUR))
    with database.transaction() as tx:
        found, compared = reconcile.compared_now(tx, found, 0)
    (one,) = compared.differing
    load.take(PostgresCensus(database), load.overruling(found, one, NOW), SITE, asked=True)
    assert (lying(database, NOW - HOUR - 1), lying(database, NOW - HOUR), lying(database, NOW)) == ("V1", "V2", "V2")


def test_a_source_that_fails_is_told_and_asked_again(database: Database) -> None:
    said(database, "A01", "V1", NOW - HOUR)
    clock = [NOW]
    look = keeper(database, Unavailable("no answer from the FHIR server"), census(listed("V1")), clock=clock).look
    look()
    with database.transaction() as tx:
        last = comparisons.latest(tx)
    assert last is not None
    assert last.failure == "no answer from the FHIR server"
    look()
    clock[0] += 301 * US
    look()
    with database.transaction() as tx:
        last = comparisons.latest(tx)
    assert last is not None
    assert (last.failure, last.agreed) == ("", 1)


def test_of_two_replicas_one_compares(database: Database) -> None:
    """While one of them asks the source, the other goes on without it; and it is not asked again before its time."""
    said(database, "A01", "V1", NOW - HOUR)
    inside, on, asked = threading.Event(), threading.Event(), []

    def read() -> CensusList:
        asked.append(1)
        inside.set()
        assert on.wait(60)
        return census(listed("V1"))

    loaded = Settings(time_zone="UTC", census_source="csv", census_file=Path("census.csv"))
    first, second = (CensusKeeper(database, loaded, Heard(), read, clock=lambda: NOW) for _ in range(2))
    thread = threading.Thread(target=first.look)
    thread.start()
    assert inside.wait(60)
    second.look()
    on.set()
    thread.join(60)
    second.look()
    assert len(asked) == 1
    assert events(database).count("census.compared") == 1


def test_the_listeners_word_ends_the_silence(database: Database) -> None:
    """A message counts by when the hospital knew it; one that is refused, or of no real patient, is no word."""
    heard, clock = Heard(), [NOW]
    listener = AdtListener(PostgresCensus(database), Site(), heard=heard, now_us=lambda: clock[0])
    listener.handle(adt("A01", Person("M1"), ICU1, "V1", NOW - 5 * HOUR).encode())
    assert heard.newest_us == NOW - 5 * HOUR
    loaded = Settings(time_zone="UTC")
    look = CensusKeeper(database, loaded, heard, None, clock=lambda: clock[0]).look
    look()
    assert who(database, NOW) is Reason.DOUBTFUL
    training = adt("A01", Person("M2"), ICU2, "V2", NOW).replace("|P|2.5.1", "|T|2.5.1").encode()
    for text in (training, b"MSH|^~\\&|HIS|HOSP|||20251130110000||ADT^A01|9|P|2.5.1\rEVN||\r"):
        listener.handle(text)
    look()
    assert who(database, NOW) is Reason.DOUBTFUL
    listener.handle(adt("A08", Person("M1"), ICU1, "V1", NOW).encode())
    look()
    assert isinstance(who(database, NOW), Stay)
    assert events(database) == ["trust.lost", "trust.returned"]


@pytest.fixture
def wince(database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WINCE_PG_DSN", database_dsn)
    monkeypatch.setenv("WINCE_TIME_ZONE", "UTC")
    monkeypatch.setenv("WINCE_PATIENT_AUTHORITY", "HOSP")
    monkeypatch.setenv("WINCE_CENSUS_GRACE_S", "0")
    yield from call(monkeypatch, capsys)


def test_the_commands_on_one_installation(database: Database, wince: Command, tmp_path: Path) -> None:
    now_us = wall_us()
    said(database, "A01", "V1", now_us - HOUR)
    said(database, "A01", "V2", now_us - HOUR, ICU2)
    file = tmp_path / "census.csv"
    file.write_text(f"patient,encounter,bed\nM-V1,V1,{ICU1}\nM-V3,V3,ICU^3^A\nM-V4,V4,{ICU2}\n")
    diff = wince("census", "diff", str(file), "--json")
    assert diff.code == 1
    assert {(one["bed"], one["kind"]) for one in diff.json()["differing"]} == {("ICU^3^A", "missing_here"), (ICU2, "another_patient")}
    dry = wince("census", "load", str(file), "--dry-run")
    assert (dry.code, "nothing was done" in dry.out) == (1, True)
    assert lying(database, wall_us(), "ICU^3^A") == "no_patient"
    load = wince("census", "load", str(file), "--json")
    assert (load.code, load.json()["taken"]) == (1, 1)
    assert (lying(database, wall_us(), "ICU^3^A"), lying(database, wall_us(), ICU2)) == ("V3", "doubtful")
    assert wince("census", "load", str(file), "--json").json()["taken"] == 0
    shown = wince("census", "show", "--json").json()
    assert {one["bed"]: bool(one["doubts"]) for one in shown["beds"]} == {ICU1: False, ICU2: True, "ICU^3^A": False}
    assert "doubtful (census)" in wince("census", "show", "--bed", ICU2).out
    confirmed = wince("census", "confirm", "--bed", ICU2, "--yes", "--json")
    assert confirmed.json() == {"confirmed": [ICU2]}
    assert lying(database, wall_us(), ICU2) == "V2"
    overruled = wince("census", "load", str(file), "--overrule", ICU2)
    assert overruled.code == 0, overruled.out + overruled.err
    assert lying(database, wall_us(), ICU2) == "V4"
    wrong = wince("census", "confirm", "--bed", "ICU^9^A", "--yes")
    assert (wrong.code, "nobody is believed in it" in wrong.err) == (3, True)
    file.write_text("patient,encounter,bed\nM-V1,,ICU^1^A\n")
    bad = wince("census", "load", str(file))
    assert bad.code == 3
    assert "line 2, column encounter: is empty" in bad.err
    assert "M-V1" not in bad.err
    gone = wince("census", "load", str(tmp_path / "no.csv"))
    assert (gone.code, "no.csv" in gone.err) == (3, True), "a file that is not there is an input, not this machine"
    with database.transaction() as tx:
        assert trust.in_doubt(tx, wall_us()) == []


def test_a_patient_who_left_is_put_right_as_the_list_says_how(database: Database, wince: Command, tmp_path: Path) -> None:
    """Nobody can be confirmed in an empty bed: what `diff` says to do is what can be done."""
    now_us = wall_us()
    said(database, "A01", "V1", now_us - 2 * HOUR)
    said(database, "A03", "V1", now_us - HOUR)
    file = tmp_path / "census.csv"
    file.write_text(f"patient,encounter,bed\nM-V1,V1,{ICU1}\n")
    diff = wince("census", "diff", str(file))
    assert "in_no_bed" in diff.out
    assert "`load --overrule`" in diff.out
    assert "confirm" not in diff.out
    assert wince("census", "load", str(file), "--overrule", ICU1).code == 0
    assert lying(database, wall_us(), ICU1) == "V1"


def test_a_row_without_authority_names_the_setting(
    database: Database, wince: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WINCE_PATIENT_AUTHORITY")
    file = tmp_path / "census.csv"
    file.write_text(f"patient,encounter,bed\nM-V1,V1,{ICU1}\n")
    done = wince("census", "diff", str(file))
    assert (done.code, "WINCE_PATIENT_AUTHORITY isn't set" in done.err, "M-V1" in done.err) == (3, True, False)
