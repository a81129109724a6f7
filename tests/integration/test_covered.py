"""Whoever owns the database changes, deletes or adds rows outside the audit chain: verification finds each of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from tests.integration.record_world import BED, T0, US, FakeTarget, admit, alert, change, deliver, question, stay, window
from tests.support.verdicts import verdict_id
from wince.care.postgres import PostgresCare
from wince.care.retention import Limits, Retention
from wince.care.withholding import Withholding
from wince.domain.assessment import Verdict
from wince.domain.audit import Verified
from wince.domain.care import BedPause, EncounterState, FaceState, PauseReason
from wince.domain.census import Change, Link, MessageKey, Revision
from wince.domain.census import Kind as CensusKind
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.domain.withheld import Scope
from wince.errors import IntegrityError
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit, checkpoint_file, checkpoints, withheld
from wince.store.covered import check
from wince.store.covered.entries import Entries
from wince.store.database import Database
from wince.store.stays import PostgresCensus

PROTOCOLS = {"activity": load("activity")}
COVERED = {
    "entry": ["id", "revision", "kind", "origin", "assessment", "stay", "source", "start_us", "end_us", "status", "body"],
    "question": ["id", "body"],
    "outbox": ["entry", "revision", "target", "body"],
    "assessment": ["id", "source", "protocol", "start_us", "end_us", "grade", "reason", "shadow", "body"],
    "alert": ["id", "assessment", "source", "start_us", "body"],
    "verdict": ["id", "assessment", "at_us", "body"],
    "movement": ["body"],
    "alias": ["kind", "old_system", "old", "new_system", "new", "known_us", "recorded_us", "message"],
    "stay": ["id", "bed", "patient", "patient_system", "encounter", "start_us", "end_us", "recorded_us", "superseded_us", "birth_date"],
    "care_event": [
        *["id", "kind", "question", "assessment", "pause", "bed", "encounter_system", "encounter"],
        *["from_us", "until_us", "recorded_us", "nurse", "body"],
    ],
    "switch": ["id", "scope", "name", "off_us", "on_us", "reason", "by"],
    "consent": ["id", "subject", "system", "value", "given", "from_us", "recorded_us", "nurse"],
    "audit_payload": ["place", "payload"],
}  # fmt: skip
"""Tables, and their columns that say something of a patient."""


def verified(database: Database, tmp_path: Path) -> Verified:
    return checkpoints.verify(database, tmp_path / "none", "")


@pytest.fixture
def world(database: Database) -> FakeTarget:
    """Two patients after each other in one bed, a correction, alerts, questions, a nurse; written and waiting entries."""
    target = FakeTarget()
    first, second = stay(end_us=T0 + 900 * US), stay("V2", start_us=T0 + 900 * US)
    admit(database, first, second)
    sink = PostgresSink(database, PROTOCOLS, [target], clock=lambda: T0 + 3600 * US)
    for number in (0, 120, 240, 360):
        sink.commit([window(number, 2), alert(window(number, 2)), window(number + 1), window(number + 2, None, reason=Reason.DARK)])
    asked = question(window(121))
    sink.commit([asked, question(window(361))])
    sink.commit([Verdict(verdict_id(asked.id, "n7", T0), asked.id, asked.assessment, "n7", 1, T0 + 1000 * US)])
    deliver(database, target)
    late = stay("V2", start_us=T0 + 700 * US, recorded_us=T0 + 2000 * US)
    change(database, Revision(supersede=(second,), add=(late,), recorded_us=T0 + 2000 * US), "V2")
    merge(database)
    decide(database, window(121).id)
    sink.review()
    return target


def decide(database: Database, assessment: UUID) -> None:
    """What a nurse and the installation decide: a verdict unasked, a pause that ends early, a state, switches, consents."""
    now_us = T0 + 2100 * US
    care, off = PostgresCare(database, PROTOCOLS, lambda: now_us), Withholding(database, lambda: now_us)
    care.give(Verdict(uuid4(), None, assessment, "n7", 1, now_us), "console")
    pause = BedPause(uuid4(), BED, now_us, now_us + 60 * US, PauseReason.CARE, "n7")
    care.start_pause(pause, "console")
    care.end_pause(pause.id, "n8", "console")
    care.set_state(EncounterState("V2", FaceState.DEEPLY_SEDATED, now_us, "n7"), "console")
    for name in ("ICU", "PACU"):
        with database.transaction() as tx:
            withheld.switch_off(tx, Scope.WARD, name, "visit", "console", now_us)
    off.on(Scope.WARD, "ICU", "over", "console")
    off.consent("", "M-V2", True, now_us, "n7", "console")


def merge(database: Database) -> None:
    """The hospital says that two numbers are one person's, neither of them of somebody who lies here."""
    numbers = (Identifier("urn:wince:authority:MRN", "M-8"), Identifier("urn:wince:authority:MRN", "M-9"))
    said = Change(MessageKey("ADT", "HOSP", "merge", "d"), "A40", T0, T0, links=(Link(CensusKind.PERSON, *numbers, T0, T0),))
    PostgresCensus(database).commit(said, lambda *_: Revision())


def test_what_stands_is_compared_and_fits(database: Database, world: FakeTarget, tmp_path: Path) -> None:
    found = verified(database, tmp_path)
    with database.transaction() as tx:
        rows = {}
        for table in COVERED:
            row = tx.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            rows[table] = row[0] if row else 0
    assert all(rows.values()), rows
    assert found.unproven == 0
    whole = ("entry", "assessment", "alert", "verdict", "movement", "stay", "alias", "care_event", "switch", "consent")
    assert found.compared == sum(rows[table] for table in whole) + _asked(database)


def _asked(database: Database) -> int:
    """Revisions of questions that the chain speaks of."""
    with database.transaction() as tx:
        row = tx.execute("SELECT count(DISTINCT (entry, revision)) FROM audit WHERE event IN ('asked', 'answered', 'cancelled')").fetchone()
    return row[0] if row else 0


def other(column: str, value: Any, dice: random.Random) -> Any:
    """Something else of the same kind."""
    if value is None:
        return "1970-01-01" if column.endswith("date") else "1"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + dice.choice([1, -1, 1000, 60_000_000])
    if isinstance(value, bytes) and not value:
        return b"x"
    if isinstance(value, bytes):
        at = dice.randrange(len(value))
        return value[:at] + bytes([value[at] ^ (1 << dice.randrange(8))]) + value[at + 1 :]
    if isinstance(value, str):
        at = dice.randrange(len(value) + 1)
        changed = value[:at] + dice.choice("0189abz") + value[at + 1 :]
        return changed if changed != value else value + "x"
    return uuid4() if hasattr(value, "hex") else value.replace(year=value.year - 1)


@contextmanager
def tampered(connection: psycopg.Connection[Any], table: str, dice: random.Random) -> Iterator[str]:
    """One row of the table is changed, deleted or added; undone afterwards. What was done, for the message of a failure."""
    name = sql.Identifier(table)
    drawn = connection.execute(sql.SQL("SELECT row_to_json(t)::text, ctid::text FROM {} t ORDER BY random() LIMIT 1").format(name))
    row, where = drawn.fetchone() or ("", "")
    put_back = sql.SQL("INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_record(NULL::{0}, %s)").format(name)
    what = dice.choice(["change", "change", "change", "delete", "add"])
    if what == "add":
        copy = json.loads(row)
        key = {"entry": "id", "outbox": "entry", "movement": "seq", "alias": "seq", "stay": "row_id", "audit_payload": "place"}.get(
            table, "id"
        )
        for drawn_by_itself in {"seq", "row_id"} & copy.keys():
            copy[drawn_by_itself] = dice.randrange(10**6, 10**7)
        copy[key] = dice.randrange(10**6, 10**7) if key in ("seq", "row_id", "place") else str(uuid4())
        if table == "stay":
            copy["id"] = str(uuid4())
        connection.execute(put_back, (json.dumps(copy),))
        yield f"add {copy[key]}"
        connection.execute(sql.SQL("DELETE FROM {} WHERE {} = %s").format(name, sql.Identifier(key)), (copy[key],))
        return
    if what == "delete":
        connection.execute(sql.SQL("DELETE FROM {} WHERE ctid = %s::tid").format(name), (where,))
        yield f"delete {row[:200]}"
        connection.execute(put_back, (row,))
        return
    column = dice.choice(COVERED[table])
    read = sql.SQL("SELECT {} FROM {} WHERE ctid = %s::tid").format(sql.Identifier(column), name)
    (value,) = connection.execute(read, (where,)).fetchone() or (None,)
    changed = other(column, value, dice)
    write = sql.SQL("UPDATE {} SET {} = %s WHERE ctid = %s::tid RETURNING ctid::text").format(name, sql.Identifier(column))
    (now,) = connection.execute(write, (changed, where)).fetchone() or ("",)
    yield f"{column}: {value!r} -> {changed!r}"
    connection.execute(write, (value, now))


@pytest.mark.parametrize("cases", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_random_tamperings_are_all_found(database: Database, world: FakeTarget, tmp_path: Path, cases: int) -> None:
    """Each table, each column, each way. After each is undone, the whole verifies again."""
    dice, unseen, refused = random.Random(7), [], 0
    tables = list(COVERED)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        for number in range(cases):
            table = tables[number % len(tables)]
            try:
                with tampered(connection, table, dice) as what, suppress(IntegrityError):
                    verified(database, tmp_path)
                    unseen.append(f"{table} {what}")
            except (psycopg.errors.IntegrityError, psycopg.errors.DataError):
                refused += 1  # by PostgreSQL itself: a key that exists, an end before a start
    assert unseen == []
    assert refused < cases / 4
    assert verified(database, tmp_path).unproven == 0


def test_an_added_payload_changes_nothing_that_is_proven(database: Database, world: FakeTarget, tmp_path: Path) -> None:
    """A payload without a link is no proof of anything; it is a row too many all the same."""
    with database.transaction() as tx:
        tx.execute("INSERT INTO audit_payload(place, payload) VALUES (99999999, 'x')")
    with pytest.raises(IntegrityError, match="belong to rows of the chain"):
        verified(database, tmp_path)


@pytest.mark.parametrize("forge", [
    "UPDATE outbox SET body = replace(body, 'preliminary', 'final')",
    "UPDATE outbox SET body = replace(body, 'preliminary', 'final'); DELETE FROM audit_payload",
    "INSERT INTO outbox(entry, revision, target, encounter, effective, body)"
    " SELECT gen_random_uuid(), 1, target, encounter, effective, replace(body, entry::text, gen_random_uuid()::text) FROM outbox LIMIT 1;"
    " DELETE FROM outbox WHERE entry IN (SELECT id FROM entry)",
])  # fmt: skip
def test_a_forged_body_is_never_sent(database: Database, forge: str) -> None:
    """It is a dead letter that says why; what was not forged goes out."""
    target = FakeTarget()
    admit(database, stay())
    PostgresSink(database, PROTOCOLS, [target]).commit([window(0)])
    with psycopg.connect(database.dsn) as connection:
        for statement in forge.split("; "):
            connection.execute(statement.encode())
    PostgresSink(database, PROTOCOLS, [target]).commit([window(200, 1)])
    deliver(database, target)
    with database.transaction() as tx:
        ((error,),) = tx.execute("SELECT last_error FROM outbox WHERE state = 'dead'").fetchall()
    assert "wince audit verify" in error
    assert {call[1] for call in target.calls} == {1}
    assert len(target.calls) == 1


def test_a_body_whose_payload_was_erased_is_proven_by_its_entry(database: Database, tmp_path: Path) -> None:
    """The trail's payloads are erased while an entry still waits: the chain's digest is met by the rows themselves."""
    target = FakeTarget()
    admit(database, stay())
    PostgresSink(database, PROTOCOLS, [target], clock=lambda: T0).commit([window(0)])
    Retention(database, lambda: T0 + 100 * 86_400 * US).run(Limits(audit=30), "n7")
    deliver(database, target)
    assert len(target.calls) == 1
    found = verified(database, tmp_path)
    assert found.erased > 0
    assert found.unproven > 0


def test_what_is_erased_by_age_is_explained_and_nothing_else(database: Database, world: FakeTarget, tmp_path: Path) -> None:
    """Entries, windows, what the hospital said, and payloads; each batch says in the chain what it erased."""
    with database.transaction() as tx:
        tx.execute("UPDATE outbox SET state = 'written'")
    assert BED
    Retention(database, lambda: T0 + 100 * 86_400 * US).run(Limits(assessments=30), "n7")
    assert verified(database, tmp_path).unproven == 0
    with database.transaction() as tx:
        tx.execute("DELETE FROM movement WHERE seq = (SELECT min(seq) FROM movement)")
    with pytest.raises(IntegrityError, match="missing"):
        verified(database, tmp_path)


def test_an_erasure_that_never_was_explains_nothing(database: Database, world: FakeTarget, tmp_path: Path) -> None:
    """Rows in the erasures' own tables are no proof: the chain must say it."""
    with database.transaction() as tx:
        tx.execute(
            "INSERT INTO erasure(id, at_us, what, by, reason) VALUES ('00000000-0000-0000-0000-00000000000a', 1, 'retention', 'x', '')"
        )
        tx.execute("INSERT INTO audit_erased SELECT coalesce(payload, seq), '00000000-0000-0000-0000-00000000000a' FROM audit LIMIT 3")
        tx.execute("DELETE FROM audit_payload WHERE place IN (SELECT place FROM audit_erased)")
    with pytest.raises(IntegrityError, match="in its name"):
        verified(database, tmp_path)


def test_what_is_erased_or_written_while_all_is_verified_is_no_alarm(
    database: Database, world: FakeTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is compared as it stood in one moment: retention runs, and record goes on, beside it."""
    with database.transaction() as tx:
        tx.execute("UPDATE outbox SET state = 'written'")
    monkeypatch.setattr(check, "_CHUNK", 5)
    compare, done = Entries.compare, []

    def meanwhile(self: Entries, *arguments: Any) -> None:
        compare(self, *arguments)
        if not done:
            done.append(Retention(database, lambda: T0 + 100 * 86_400 * US).run(Limits(assessments=30, audit=30), "n7"))
            admit(database, stay("V9", bed="ICU^9^A"))

    monkeypatch.setattr(Entries, "compare", meanwhile)
    assert verified(database, tmp_path).erased == 0
    assert done[0].entries
    monkeypatch.undo()
    assert verified(database, tmp_path).erased > 0


def test_a_person_who_was_erased_is_explained(database: Database, world: FakeTarget, tmp_path: Path) -> None:
    """Windows, entries, stays, movements and payloads of one; the other's stand and are compared."""
    with database.transaction() as tx:
        tx.execute("UPDATE outbox SET state = 'written'")
    before = verified(database, tmp_path)
    done = Retention(database, lambda: T0 + 86_400 * US).erase("M-V1", "asked for", "n7")
    assert done.entries
    after = verified(database, tmp_path)
    assert 0 < after.compared < before.compared


@pytest.mark.parametrize("event", ["checkpoint", "erased", "erasing", "undone", "care.pause", "switch.off"])
@pytest.mark.parametrize("payload", ["x", "[]", "{}", pytest.param("[" * 100_000, id="deep")])
def test_a_payload_that_is_none_is_an_alarm(database: Database, tmp_path: Path, event: str, payload: str) -> None:
    """Whoever may write the trail writes a link that fits, and a payload that nobody can read."""
    with database.transaction() as tx:
        audit.append(tx, [audit.Fact(uuid4(), 1, event, 1, payload)], T0)
    with pytest.raises(IntegrityError):
        verified(database, tmp_path)


def test_a_statement_that_is_none_is_shown_as_such(database: Database) -> None:
    """The checkpoints were given up by nobody who can be read."""
    with database.transaction() as tx:
        audit.append(tx, [audit.Fact(uuid4(), 1, checkpoint_file.GIVEN_UP, 1, payload) for payload in ("x", "[]", "[" * 100_000)], T0)
        assert [who for _, *who in checkpoint_file.given_up(tx)] == [["?", "?"]] * 3
