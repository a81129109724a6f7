"""The audit trail and its checkpoints on a real PostgreSQL."""

import json
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from wince.domain.audit import ZERO, link, verify
from wince.errors import ConfigError, IntegrityError, ResourceError, StoreError
from wince.store import audit, checkpoints, erasing
from wince.store.audit import Fact, append
from wince.store.checkpoints import Checkpointer, public_hex, signing_key
from wince.store.database import Database
from wince.store.migrate import bundled, migrate


def facts(count: int) -> list[Fact]:
    return [Fact(uuid4(), 1, "noted", 1, f"payload {number}") for number in range(count)]


def fill(database: Database, count: int) -> list[Fact]:
    made = facts(count)
    with database.transaction() as tx:
        append(tx, made, 1_700_000_000_000_000)
    return made


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "audit.pem"


def owner_rewrites(database: Database, seq: int, event: str) -> None:
    """What the database's owner can do: switch the trigger off, change a row, compute the whole chain anew."""
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("UPDATE audit SET event = %s WHERE seq = %s", (event, seq))
        head = ZERO
        for row in tx.execute("SELECT seq, at_utc, entry, revision, event, attempt, digest FROM audit ORDER BY seq").fetchall():
            made = link(head, *row[:6], bytes(row[6]))
            tx.execute("UPDATE audit SET prev_hash = %s, hash = %s WHERE seq = %s", (head, made, row[0]))
            head = made


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


def erase(database: Database, *entries: UUID) -> None:
    """One payload of each."""
    run = uuid4()
    with database.transaction() as tx:
        erasing.begin(tx, run, 1, "person", "n7", "")
        assert erasing.payloads_of(tx, run, entries) == len(entries)


def test_a_payload_can_be_erased_and_the_chain_stands(database: Database, tmp_path: Path, key_file: Path) -> None:
    made = fill(database, 3)
    erase(database, made[1].entry)
    found = checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
    assert (found.count, found.erased) == (3, 1)


def test_a_changed_payload_is_found(database: Database, tmp_path: Path, key_file: Path) -> None:
    fill(database, 3)
    with database.transaction() as tx:
        tx.execute("UPDATE audit_payload SET payload = 'other' WHERE place = (SELECT payload FROM audit WHERE seq = 2)")
    with pytest.raises(IntegrityError) as caught:
        checkpoints.verify(database, tmp_path / "none", public_hex(signing_key(key_file)))
    assert "row 2" in caught.value.field


def test_an_owner_who_rewrites_the_whole_chain_is_found_by_the_checkpoint(database: Database, tmp_path: Path, key_file: Path) -> None:
    """Without checkpoints the rewritten chain holds; with one it doesn't; rows after the last checkpoint are named as uncovered."""
    key = signing_key(key_file)
    file = tmp_path / "points.jsonl"
    fill(database, 20)
    checkpointer = Checkpointer(database, file, key, rows=10)
    checkpointer.stop()
    fill(database, 5)
    owner_rewrites(database, 23, "unsaid")
    assert checkpoints.verify(database, file, public_hex(key)).tail == 5
    owner_rewrites(database, 7, "unsaid")
    assert checkpoints.verify(database, tmp_path / "none", public_hex(key)).count == 25
    with pytest.raises(IntegrityError, match="rewritten"):
        checkpoints.verify(database, file, public_hex(key))
    with pytest.raises(IntegrityError):
        Checkpointer(database, file, key)


def test_rows_cut_from_the_end_are_found(database: Database, tmp_path: Path, key_file: Path) -> None:
    key, file = signing_key(key_file), tmp_path / "points.jsonl"
    fill(database, 4)
    Checkpointer(database, file, key).stop()
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("DELETE FROM audit WHERE seq = 4")
    with pytest.raises(IntegrityError, match="cut off"):
        checkpoints.verify(database, file, public_hex(key))


def test_another_key_does_not_convince(database: Database, tmp_path: Path, key_file: Path) -> None:
    """Whoever rewrites chain and checkpoints with a key of their own is not believed."""
    fill(database, 2)
    Checkpointer(database, tmp_path / "points.jsonl", signing_key(tmp_path / "thief.pem")).stop()
    with pytest.raises(IntegrityError, match="signature"):
        checkpoints.verify(database, tmp_path / "points.jsonl", public_hex(signing_key(key_file)))


def test_checkpoints_come_every_n_rows_and_at_the_end(database: Database, tmp_path: Path, key_file: Path) -> None:
    file = tmp_path / "points.jsonl"
    checkpointer = Checkpointer(database, file, signing_key(key_file), rows=10, seconds=3600)
    fill(database, 9)
    assert checkpointer.tick() is None
    fill(database, 1)
    point = checkpointer.tick()
    assert point is not None
    assert point.seq == 10
    fill(database, 1)
    checkpointer.stop()
    checkpointer.stop()
    assert [item.seq for item in checkpoints.read(file)] == [10, 11]


def test_a_checkpoint_cut_short_by_a_crash_spoils_nothing(database: Database, tmp_path: Path, key_file: Path) -> None:
    file, key = tmp_path / "points.jsonl", signing_key(key_file)
    fill(database, 1)
    Checkpointer(database, file, key).stop()
    with open(file, "a") as handle:
        handle.write('{"seq": 2, "hea')
    fill(database, 1)
    Checkpointer(database, file, key).stop()
    assert checkpoints.verify(database, file, public_hex(key)).tail == 0
    assert len(checkpoints.read(file)) == 2


def test_a_broken_chain_ends_the_signer_and_a_full_disk_does_not(database: Database, tmp_path: Path, key_file: Path) -> None:
    """As a part of a process: what may pass is tried again, a changed row is its failure; no checkpoint is signed over it."""
    fill(database, 1)
    key, file = signing_key(key_file), tmp_path / "points.jsonl"
    full = Checkpointer(database, tmp_path / "file" / "points.jsonl", key, rows=1, every_s=0.01)
    (tmp_path / "file").touch()
    full.start()
    signer = Checkpointer(database, file, key, rows=1, every_s=0.01)
    signer.start()
    until(lambda: [item.seq for item in checkpoints.read(file)] == [1])
    assert (full.failed(), signer.failed()) == (None, None)
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
    with database.transaction() as tx:
        append(tx, facts(1), 0)
        tx.execute("UPDATE audit SET digest = %s WHERE seq = 2", (b"x" * 32,))
    until(signer.failed)
    until(full.failed)
    assert isinstance(signer.failed(), IntegrityError)
    assert isinstance(full.failed(), IntegrityError)
    with pytest.raises(IntegrityError):
        signer.stop()
    assert [item.seq for item in checkpoints.read(file)] == [1]


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_signing_key_is_ours_alone(key_file: Path) -> None:
    key = signing_key(key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert public_hex(signing_key(key_file)) == public_hex(key)
    key_file.chmod(0o644)
    with pytest.raises(ConfigError, match="other users"):
        signing_key(key_file)
    key_file.write_text("no key")
    key_file.chmod(0o600)
    with pytest.raises(ConfigError, match="Ed25519"):
        signing_key(key_file)


def test_checkpoints_that_cannot_be_written_are_a_named_error(database: Database, tmp_path: Path, key_file: Path) -> None:
    fill(database, 1)
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError):
        Checkpointer(database, tmp_path / "file" / "points.jsonl", signing_key(key_file)).stop()


def test_a_line_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "points").write_text(json.dumps({"seq": 1}) + "\n")
    with pytest.raises(IntegrityError, match="line 1"):
        checkpoints.read(tmp_path / "points")


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
                erase(database, old[1].entry, new[1].entry)
                assert [row.payload is None for row in audit.rows(database, payloads=True)] == [False, True, False, False, True]
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
