"""Exports for research on a real PostgreSQL: only of people who agreed, and what somebody finds who tries to learn who they are."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, admit, alert, change, stay, window
from wince.care.retention import Retention
from wince.domain.assessment import Verdict
from wince.domain.census import Kind, Link, Revision
from wince.domain.score import Score
from wince.domain.stay import Identifier
from wince.errors import ConfigError, IntegrityError, MessageError, Refused, ResourceError
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.research.consents import Consents, word
from wince.research.export import Done, Exporter, Wanted
from wince.research.folder import Folder
from wince.research.pseudonyms import Key, fresh, of_file
from wince.store import aliases, scores
from wince.store.covered.check import ChainComparison
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
SPAN = 600 * US
"""How long each person lies there, one after the other."""
DAY = 86_400 * US
BORN = date(1950, 3, 7)
NURSE = "nurse-77"
pytestmark = pytest.mark.timeout(120)


def number(who: int) -> str:
    return f"M-VISIT{who:03}"


def ward(database: Database, people: int, born: dict[int, date | None] | None = None) -> None:
    """People who lay in one bed one after the other, each with two windows, an alert, a verdict and two scores."""
    admit(database)
    said, kept = [], []
    for who in range(people):
        start = T0 + who * SPAN
        one = replace(
            stay(f"VISIT{who:03}", start_us=start, end_us=start + SPAN - US, recorded_us=start), birth_date=(born or {}).get(who, BORN)
        )
        change(database, Revision(add=(one,), recorded_us=start), one.encounter.value)
        seen = [window(who * 120 + at, 2 * (at > 1)) for at in (1, 2)]
        said += [*seen, alert(seen[1]), Verdict(uuid4(), None, seen[1].id, NURSE, 1, start + 60 * US + 123_456)]
        for code, value in (("http://loinc.org|72514-3", "4"), ("http://loinc.org|72514-3", "ask Mrs Smith")):
            kept.append(Score(uuid4(), f"Observation/{who}", one.patient, one.encounter, start + US, code, value))
    PostgresSink(database, PROTOCOLS, [], clock=lambda: T0).commit(said)
    with database.transaction() as tx:
        scores.keep(tx, kept, T0, 3600 * US)


def agree(database: Database, *people: int, given: bool = True) -> None:
    for who in people:
        Consents(database).say(number(who), given, "ethics-1", NURSE, "c")


def export(database: Database, place: Path, key: Key | None = None, k: int = 2, most: int = 1 << 30) -> Done:
    return Exporter(database, lambda: T0 + 100 * DAY).run(Wanted(place, key or fresh(), "night-pain", k, most, "c"))


def rows(place: Path, table: str) -> list[dict[str, str]]:
    with (place / f"{table}.csv").open() as file:
        return list(csv.DictReader(file))


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * US


def test_only_people_who_agreed_are_in_it(database: Database, tmp_path: Path) -> None:
    """Not who said nothing, not who withdrew; who withdrew and agreed again is."""
    ward(database, 5)
    with pytest.raises(Refused, match="nobody agreed"):
        export(database, tmp_path / "none")
    agree(database, 0, 1, 2)
    agree(database, 1, 2, given=False)
    agree(database, 2)
    done = export(database, tmp_path / "out")
    assert done.people == 2
    assert done.rows == {"people": 2, "windows": 4, "alerts": 2, "verdicts": 2, "scores": 2, "cells": 1}
    assert done.scores_left_out == 2, "a person's words"
    with database.transaction() as tx:
        found = {value for (value,) in tx.execute("SELECT value FROM research_member").fetchall()}
    assert found == {number(0), number(2)}


def test_the_latest_word_counts_under_all_numbers_of_a_person(database: Database, tmp_path: Path) -> None:
    ward(database, 4)
    agree(database, 0, 1, 2, 3)
    old = Identifier("urn:wince:authority:MRN", "OLD-1")
    new = Identifier("urn:wince:authority:MRN", number(1))
    Consents(database).say(f"{old.system}|{old.value}", False, "ethics-1", NURSE, "c")
    apart = export(database, tmp_path / "apart")
    assert apart.people == 4
    assert Consents(database).withdrawn(apart.id) == []
    with database.transaction() as tx:
        aliases.add(tx, [Link(Kind.PERSON, old, new, T0, T0)], uuid4())
    assert export(database, tmp_path / "merged").people == 3
    (gone,) = Consents(database).withdrawn(apart.id)
    assert gone in {row["person"] for row in rows(tmp_path / "apart", "people")}
    assert gone not in {row["person"] for row in rows(tmp_path / "merged", "people")}
    assert {one.id: number for one, number in Consents(database).exports()}[apart.id] == 1
    agree(database, 1)
    assert Consents(database).withdrawn(apart.id) == []
    assert export(database, tmp_path / "again").people == 4


def test_nothing_in_the_files_tells_who_they_are(database: Database, tmp_path: Path) -> None:
    """No number, birth date, bed, camera, nurse, free text, id of Wince's own, or moment as it was; nor a bare hash of a number."""
    ward(database, 6)
    agree(database, *range(6))
    place = tmp_path / "out"
    export(database, place)
    text = "".join(path.read_text() for path in place.iterdir())
    with database.transaction() as tx:
        ids = [
            str(one) for (one,) in tx.execute("SELECT id FROM assessment UNION SELECT id FROM stay UNION SELECT id FROM verdict").fetchall()
        ]
    numbers = [name for who in range(6) for name in (number(who), f"VISIT{who:03}")]
    hashes = [hashlib.new(kind, name.encode()).hexdigest()[:32] for name in numbers for kind in ("sha256", "sha1", "md5")]
    moments = [
        datetime.fromtimestamp((T0 + who * SPAN + at * 5 * US) / US, UTC).strftime("%Y-%m-%dT%H:%M") for who in range(6) for at in (1, 2)
    ]
    for secret in (*numbers, *hashes, *ids, *moments, BED, CAMERA, NURSE, "Smith", "1950", "urn:wince", "Observation/"):
        assert secret not in text, secret
    assert {len(one["person"]) for one in rows(place, "people")} == {32}


def test_moments_tell_neither_the_minute_nor_the_order_of_admissions(database: Database, tmp_path: Path) -> None:
    """Somebody with the ward's list of admissions looks for each person's first minute of the week, and for the order of rows."""
    people = 24
    ward(database, people)
    agree(database, *range(people))
    place, key = tmp_path / "out", Key(b"k" * 32)
    export(database, place, key)
    names = {key.name("person", "urn:wince:authority:MRN", number(who)): who for who in range(people)}
    order = [names[one["person"]] for one in rows(place, "people")]
    assert sorted(order) == list(range(people))
    assert [one["person"] for one in rows(place, "people")] == sorted(names), "by pseudonym"
    first = {names[one["person"]]: us(one["start"]) for one in reversed(rows(place, "windows"))}
    week = 7 * DAY
    off = {who: (moved - (T0 + who * SPAN + 5 * US) + week // 2) % week - week // 2 for who, moved in first.items()}
    assert all(abs(one) <= 7200 * US for one in off.values()), "weekday and hour stay, nearly"
    assert len(set(off.values())) > people * 0.8
    assert max(off.values()) > 3600 * US > -3600 * US > min(off.values())
    assert all(T0 - moved > 30 * DAY for moved in first.values()), "and no moment is near the true one"
    nearest = {who: min(range(people), key=lambda other: abs((first[who] - (T0 + other * SPAN)) % week)) for who in range(people)}
    assert sum(who == guess for who, guess in nearest.items()) < people / 4
    for one in rows(place, "windows"):
        assert us(one["end"]) - us(one["start"]) == 5 * US, "spans stay"
    assert {one["at"][-1] for one in rows(place, "verdicts")} == {"Z"}, "without fractions of a second"


def test_two_exports_can_be_joined_only_by_one_key(database: Database, tmp_path: Path) -> None:
    ward(database, 4)
    agree(database, *range(4))
    key = of_file(tmp_path / "key")
    assert of_file(tmp_path / "key") == key
    assert "secret" not in repr(key)
    for name, mine in (("a", key), ("b", key), ("c", None), ("d", None)):
        export(database, tmp_path / name, mine)
    text = {name: "".join((tmp_path / name / f"{table}.csv").read_text() for table in ("people", "windows")) for name in "abcd"}
    assert text["a"] == text["b"]
    words = {
        name: {word for one in rows(tmp_path / name, "windows") for word in (one["person"], one["visit"], one["window"])} for name in "acd"
    }
    assert not words["a"] & words["c"]
    assert not words["c"] & words["d"]
    shifts = {name: {one["start"] for one in rows(tmp_path / name, "windows")} for name in "cd"}
    assert len(shifts["c"] & shifts["d"]) <= 1


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 16, "ab" * 33])
def test_a_key_that_is_none_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no key"):
        of_file(path)
    path.write_text("ab" * 32)
    assert of_file(path).secret == b"\xab" * 32
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="by others"):
        of_file(path)


def test_people_whom_few_are_like_are_not_told_apart(database: Database, tmp_path: Path) -> None:
    """One child and one of 95 among grown-ups: their ages are not told, or they are left out where not even that hides them."""
    born: dict[int, date | None] = {0: date(2023, 11, 10), 1: date(1928, 1, 1), 2: None}
    ward(database, 8, born)
    agree(database, *range(8))
    place = tmp_path / "out"
    done = export(database, place, k=3)
    assert (done.people, done.ages_hidden, done.left_out) == (8, 3, 0)
    assert Counter(one["age"] for one in rows(place, "people")) == {"70-79 years": 5, "not told": 3}
    assert [(one["age"], one["people"]) for one in rows(place, "cells")] == [("70-79 years", "5"), ("not told", "3")]
    few = export(database, tmp_path / "few", k=4)
    assert (few.people, few.left_out) == (5, 3)
    assert len(rows(tmp_path / "few", "windows")) == 10
    assert json.loads((tmp_path / "few/manifest.json").read_text())["consent"] == {"ethics-1": 5}
    with pytest.raises(Refused, match="fewer than 9 are alike"):
        export(database, tmp_path / "more", k=9)


def test_the_manifest_and_the_trail_name_what_was_given(database: Database, tmp_path: Path) -> None:
    """Hashes and counts are right, the dictionary names every column, the trail has the manifest's hash and nobody's number."""
    ward(database, 3)
    agree(database, 0, 1, 2)
    place = tmp_path / "out"
    done = export(database, place)
    manifest = json.loads((place / "manifest.json").read_text())
    assert hashlib.sha256((place / "manifest.json").read_bytes()).hexdigest() == done.manifest
    assert set(manifest["files"]) | {"manifest.json"} == {path.name.removesuffix(".csv") for path in place.iterdir()}
    for name, said in manifest["files"].items():
        path = place / (name if name.endswith(".json") else f"{name}.csv")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == said["sha256"]
        if "rows" in said:
            assert len(rows(place, name)) == said["rows"]
    for one in json.loads((place / "datapackage.json").read_text())["resources"]:
        header = (place / one["path"]).read_text().splitlines()[0].split(",")
        assert [field["name"] for field in one["schema"]["fields"]] == header
        assert all(field["description"] for field in one["schema"]["fields"])
    with database.transaction() as tx:
        said = tx.execute(
            "SELECT p.payload FROM audit a JOIN audit_payload p ON p.place = a.payload WHERE a.event = 'research.exported'"
        ).fetchall()
    assert [json.loads(payload)["manifest"] for (payload,) in said] == [done.manifest]
    assert "M-VISIT" not in said[0][0]
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}


def test_who_withdraws_is_named_to_the_recipients_of_every_export(database: Database, tmp_path: Path) -> None:
    """Also where they are erased afterwards, and nobody knows their number any more."""
    ward(database, 4)
    agree(database, *range(4))
    done = [export(database, tmp_path / name) for name in "ab"]
    told = Consents(database).say(number(1), False, "ethics-1", NURSE, "c")
    assert sorted(identity for identity, _ in told) == sorted(one.id for one in done)
    assert Consents(database).say(number(1), False, "ethics-1", NURSE, "c") == [], "they were told"
    for one, name in zip(done, "ab", strict=True):
        gone = Consents(database).withdrawn(one.id)
        assert gone == [pseudonym for identity, pseudonym in told if identity == one.id]
        assert gone[0] in {row["person"] for row in rows(tmp_path / name, "people")}
    Retention(database, lambda: T0 + 90 * DAY).erase(number(2), "asked for it", "c")
    assert [len(Consents(database).withdrawn(one.id)) for one in done] == [2, 2]
    assert [number for _, number in Consents(database).exports()] == [2, 2]
    assert export(database, tmp_path / "c").people == 2


def test_who_withdraws_meanwhile_is_in_no_export(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything left on the disk."""
    ward(database, 3)
    agree(database, 0, 1, 2)
    closed = Folder.closed

    def late(self: Folder) -> object:
        agree(database, 1, given=False)
        return closed(self)

    monkeypatch.setattr(Folder, "closed", late)
    with pytest.raises(Refused, match="meanwhile"):
        export(database, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert Consents(database).exports() == []


def test_an_export_is_whole_or_not_there(database: Database, tmp_path: Path) -> None:
    """Larger than its cap; onto something that is there; into a folder that is none."""
    ward(database, 3)
    agree(database, 0, 1, 2)
    with pytest.raises(ResourceError, match="larger than 900 bytes"):
        export(database, tmp_path / "out", most=900)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigError, match="is there already"):
        export(database, tmp_path / "there")
    with pytest.raises(ResourceError, match="No such file"):
        export(database, tmp_path / "absent" / "out")
    assert Consents(database).exports() == []


def test_a_withdrawal_that_is_made_an_agreement_is_an_alarm(database: Database) -> None:
    """By somebody who rules the database: `wince audit verify` holds consents against the chain."""
    Consents(database).say("urn:wince:authority:MRN|M-VISIT000", False, "ethics-1", NURSE, "c")
    assert list(ChainComparison(database).links())
    with database.transaction() as tx:
        tx.execute("CREATE TABLE kept AS SELECT * FROM research_consent")
    columns = "id, system, value, given, basis, recorded_us, nurse"
    for statement in (
        "UPDATE research_consent SET given = true",
        "UPDATE research_consent SET value = 'M-VISIT001'",
        "UPDATE research_consent SET recorded_us = 0",
        "DELETE FROM research_consent",
        f"INSERT INTO research_consent({columns}) SELECT gen_random_uuid(), system, value, true, basis, recorded_us, nurse FROM kept",
    ):
        with database.transaction() as tx:
            tx.execute("DELETE FROM research_consent")
            tx.execute(f"INSERT INTO research_consent({columns}) SELECT {columns} FROM kept".encode())
            tx.execute(statement.encode())
        with pytest.raises(IntegrityError) as caught:
            list(ChainComparison(database).links())
        assert caught.value.field.startswith("research_consent"), statement


@pytest.mark.parametrize("text", ["", "form of Mrs Smith", "=cmd()", "a" * 65, "form\n1"])
def test_a_basis_or_purpose_in_which_a_name_could_stand_is_refused(text: str) -> None:
    """Both go into exports; and a spreadsheet computes what begins with an equals sign."""
    with pytest.raises(MessageError):
        word(text, "basis")


def test_the_commands(
    database: Database, database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wince.cli import research as command

    monkeypatch.setenv("WINCE_PG_DSN", database_dsn)
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path / "state"))
    ward(database, 3)
    for who in range(3):
        command.agree_command(number(who), "ethics-1", NURSE)
    command.export_command(tmp_path / "out", "night-pain", key=tmp_path / "key", k=2)
    command.consents_command()
    command.withdraw_command(number(0), "ethics-1", NURSE)
    ((made, withdrawn),) = Consents(database).exports()
    command.exports_command()
    command.withdrawn_command(str(made.id))
    said = capsys.readouterr().out
    assert withdrawn == 1
    assert "3 people, 6 windows, 3 alerts, 3 verdicts, 3 scores; manifest" in " ".join(said.split())
    assert "3 scores left out: their value is no number" in said
    gone = said.splitlines()[-1]
    told = " ".join(said.split())
    assert f"tell the recipient of export {made.id} to delete the rows of person {gone}" in told
    assert gone in {row["person"] for row in rows(tmp_path / "out", "people")}
