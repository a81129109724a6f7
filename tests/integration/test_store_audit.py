"""The audit trail on a real PostgreSQL."""

import threading
import time
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.trail_world import erase, facts, fill
from wince.domain.audit import ZERO, link, verify
from wince.errors import IntegrityError, StoreError
from wince.store import audit, checkpoints
from wince.store.audit import Fact, append
from wince.store.checkpoints import public_hex, signing_key
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.schema import bundled


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "audit.pem"


def test_the_chain_is_the_documented_formula(database: Database) -> None:
    """Row n's hash is sha256 over the hash before and the fields, joined by 0x1f."""
    (fact,) = fill(database, 1)
    (row,) = audit.rows(database, payloads=True)
    parts = [bytes(32), b"1", b"2023-11-14T22:13:20.000000Z", str(fact.entry).encode(), b"1", b"noted", b"1"]
    assert row.hash == sha256(b"\x1f".join([*parts, sha256(b"payload 0").digest()])).digest()
    assert row.payload == "payload 0"


def test_append_goes_on_where_the_chain_ends(database: Database, tmp_path: Path, key_file: Path) -> None:
    fill(database, 3)
    fill(database, 4)
    found = checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
    assert (found.count, found.tail, found.erased) == (7, 7, 0)


def test_a_transaction_that_rolls_back_leaves_no_link(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as tx:
            append(tx, facts(2), 0)
            raise KeyError("own error")

    with pytest.raises(KeyError):
        fail()
    fill(database, 1)
    assert [row.seq for row in audit.rows(database)] == [1]


def test_the_same_fact_twice_is_refused(database: Database) -> None:
    (fact,) = fill(database, 1)
    with pytest.raises(StoreError, match="UniqueViolation"), database.transaction() as tx:
        append(tx, [fact], 0)


@pytest.mark.parametrize("sql", ["UPDATE audit SET event = 'x'", "DELETE FROM audit WHERE seq = 1", "TRUNCATE audit CASCADE"])
def test_the_trail_is_append_only(database: Database, sql: str) -> None:
    fill(database, 2)
    with pytest.raises(StoreError), database.transaction() as tx:
        tx.execute(sql.encode())
    assert len(list(audit.rows(database))) == 2


def test_a_payload_can_be_erased_and_the_chain_stands(database: Database, tmp_path: Path, key_file: Path) -> None:
    made = fill(database, 3)
    assert erase(database, made[1].entry) == 1
    found = checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
    assert (found.count, found.erased) == (4, 1)


def test_a_payload_that_was_taken_away_is_found(database: Database, tmp_path: Path, key_file: Path) -> None:
    fill(database, 3)
    with database.transaction() as tx:
        tx.execute("DELETE FROM audit_payload WHERE place = (SELECT payload FROM audit WHERE seq = 2)")
    with pytest.raises(IntegrityError, match="no erasure says so") as caught:
        checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
    assert "row 2" in caught.value.field


def test_a_changed_payload_is_found(database: Database, tmp_path: Path, key_file: Path) -> None:
    fill(database, 3)
    with database.transaction() as tx:
        tx.execute("UPDATE audit_payload SET payload = 'other' WHERE place = (SELECT payload FROM audit WHERE seq = 2)")
    with pytest.raises(IntegrityError) as caught:
        checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
    assert "row 2" in caught.value.field


def test_facts_of_one_entry_can_be_read_alone(database: Database) -> None:
    made = fill(database, 3)
    entry: UUID = made[2].entry
    assert [row.seq for row in audit.rows(database, entry=entry)] == [3]


def test_a_trail_from_before_the_short_lock_goes_on(postgres_dsn: str, tmp_path: Path, key_file: Path) -> None:
    """Rows and payloads of schema 4 stand, new ones are linked to them, and what is changed in either is found."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            with Database(psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name), size=2) as database:
                migrate(database, bundled()[:4])
                old = _before_five(database, 3)
                migrate(database)
                new = fill(database, 2)
                found = checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
                assert (found.count, found.erased) == (5, 0)
                assert [row.payload for row in audit.rows(database, payloads=True)] == [fact.payload for fact in (*old, *new)]
                assert erase(database, old[1].entry) == erase(database, new[1].entry) == 1
                gone = [row.payload is None for row in audit.rows(database, payloads=True)]
                assert gone == [False, True, False, False, True, False, False]
                with database.transaction() as tx:
                    tx.execute("UPDATE audit_payload SET payload = 'other' WHERE place = 3")
                with pytest.raises(IntegrityError) as caught:
                    checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
                assert "row 3" in caught.value.field
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _before_five(database: Database, count: int) -> list[Fact]:
    """Links as schema 4 kept them: the payload under the link's number."""
    made, head, at = facts(count), ZERO, audit.utc(0)
    with database.transaction() as tx:
        for seq, fact in enumerate(made, 1):
            proof = sha256(fact.payload.encode()).digest()
            hashed = link(head, seq, at, fact.entry, fact.revision, fact.event, fact.attempt, proof)
            row = (seq, at, fact.entry, fact.revision, fact.event, fact.attempt, proof, head, hashed)
            tx.execute("INSERT INTO audit VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", row)
            tx.execute("INSERT INTO audit_payload VALUES (%s, %s)", (seq, fact.payload))
            head = hashed
    return made


def test_payloads_are_written_before_the_lock_is_taken(database: Database) -> None:
    """Somebody holds the trail: a writer waits for it with its payloads written, and then goes on where the other ended."""
    with database.transaction() as tx:
        append(tx, facts(1), 0)
        writer = threading.Thread(target=fill, args=(database, 2))
        writer.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        deadline = time.monotonic() + 30
        while tx.execute(waiting.encode()).fetchone() != (1,) and time.monotonic() < deadline:
            time.sleep(0.01)
        drawn = tx.execute("SELECT last_value FROM audit_payload_place").fetchone()
        assert drawn == (-3,)
    writer.join(30)
    assert [row.seq for row in audit.rows(database)] == [1, 2, 3]
    assert verify(audit.rows(database, payloads=True)).erased == 0
