"""Migration 007 on a database of the release before: rows in every state, a chain with a signed checkpoint, kills in the middle."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.record_world import FakeTarget
from wince.delivery import books
from wince.delivery.worker import Delivery
from wince.domain.audit import ZERO, Checkpoint, Frontier, digest, link, verify
from wince.errors import IntegrityError, StoreError
from wince.local.postgres.server import EmbeddedPostgres
from wince.store import audit, checkpoints
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.migrate import migrate
from wince.store.schema import bundled

OLD = bundled()[:6]
AT = "2026-11-21T08:00:0{}.000000Z"
MIGRATE = "import sys; from wince.store.database import Database; from wince.store.migrate import migrate; migrate(Database(sys.argv[1]))"


@dataclass
class Release:
    """What the release before left in a database."""

    outbox: list[tuple[object, ...]]
    trail: list[tuple[object, ...]]
    held: UUID
    """An entry whose intent has no answer; leased."""


def _body(entry: UUID, revision: int) -> str:
    return f'{{"id":"{entry}","revision":{revision},"status":"preliminary","start":1}}'


def fill(tx: Tx) -> Release:
    """Rows as version 0.1.0 wrote them, by its own SQL: outbox and trail know one target, which the trail names in payloads only."""
    entries = [uuid4() for _ in range(6)]
    written, ready, leased, dead, behind, twice = entries
    rows = [
        (written, 1, "V1", 1, "written", 1, f"Observation/{written}", "1", ""),
        (twice, 1, "V1", 2, "written", 2, f"Observation/{twice}", "1", ""),
        (twice, 2, "V1", 2, "ready", 0, "", "", ""),
        (leased, 1, "V1", 3, "leased", 1, "", "", ""),
        (ready, 1, "V1", 4, "ready", 1, "", "", "503"),
        (dead, 1, "V2", 5, "dead", 1, "", "", "422 invalid"),
        (behind, 1, "V2", 6, "ready", 0, "", "", ""),
    ]
    tx.cursor().executemany(
        "INSERT INTO outbox(entry, revision, target, encounter, effective, body, state, attempts, location, version, last_error)"
        " VALUES (%s, %s, 'fake', %s, %s, %s, %s, %s, %s, %s, %s)",
        [(entry, revision, where, at, _body(entry, revision), *rest) for entry, revision, where, at, *rest in rows],
    )
    tx.execute("UPDATE outbox SET lease_until = now() + interval '1 hour' WHERE state = 'leased'")
    tx.execute("INSERT INTO target_hold(target, detail) VALUES ('other', '403')")
    facts = [(entry, revision, "charted", 1, _body(entry, revision)) for entry, revision, *_ in rows]
    to = '{"target":"fake"}'
    facts += [(entry, 1, "intent", 1, to) for entry in (written, twice, leased, ready, dead)]
    facts += [(written, 1, "written", 1, to), (twice, 1, "retry", 1, to), (twice, 1, "intent", 2, to), (twice, 1, "written", 2, to)]
    facts += [(ready, 1, "retry", 1, to), (dead, 1, "dead", 1, to)]
    head = ZERO
    for seq, (entry, revision, event, attempt, payload) in enumerate(facts, 1):
        at, proof = AT.format(seq % 10), digest(payload)
        hashed = link(head, seq, at, entry, revision, event, attempt, proof)
        tx.execute("INSERT INTO audit_payload(place, payload) VALUES (%s, %s)", (-seq, payload))
        tx.execute(
            "INSERT INTO audit(seq, at_utc, entry, revision, event, attempt, digest, prev_hash, hash, payload)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (seq, at, entry, revision, event, attempt, proof, head, hashed, -seq),
        )
        head = hashed
    tx.execute("SELECT setval('audit_payload_place', %s)", (-len(facts),))
    return Release(*_rows(tx), held=leased)


def _rows(tx: Tx) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Everything that the release before knows of outbox and trail."""
    outbox = tx.execute(
        "SELECT made, entry, revision, target, encounter, effective, body, state, attempts, lease_until, location, version, last_error,"
        " trace FROM outbox ORDER BY made"
    ).fetchall()
    trail = tx.execute(
        "SELECT a.seq, at_utc, entry, revision, event, attempt, digest, prev_hash, hash, p.payload FROM audit a"
        " LEFT JOIN audit_payload p ON p.place = a.payload ORDER BY a.seq"
    ).fetchall()
    return outbox, trail


def sign(trail: list[tuple[object, ...]], file: Path, key_file: Path) -> str:
    """A checkpoint over the chain so far, as the release before signed it; the public key."""
    key = checkpoints.signing_key(key_file)
    frontier = Frontier()
    for row in trail:
        frontier.add(bytes(row[8]))  # type: ignore[call-overload]
    bare = Checkpoint(frontier.count, bytes(trail[-1][8]), frontier.root(), "2026-11-21T09:00:00.000000Z")  # type: ignore[call-overload]
    public = checkpoints.public_hex(key)
    file.write_text(
        f'{{"seq": {bare.seq}, "head": "{bare.head.hex()}", "root": "{bare.root.hex()}", "at": "{bare.at}", "key": "{public}",'
        f' "signature": "{key.sign(bare.message()).hex()}"}}\n'
    )
    return public


def schema(database: Database) -> int:
    with database.transaction() as tx:
        row = tx.execute("SELECT max(number) FROM schema_migration").fetchone()
    return int(row[0]) if row else 0


@pytest.fixture
def old(postgres_dsn: str) -> Iterator[Database]:
    """An empty database with the schema of the release before."""
    name = f"old_{uuid4().hex}"
    with psycopg.connect(psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        with Database(psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name)) as database:
            migrate(database, OLD)
            yield database
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_nothing_is_lost_doubled_or_reordered_and_the_chain_verifies(old: Database, tmp_path: Path) -> None:
    with old.transaction() as tx:
        before = fill(tx)
    public = sign(before.trail, tmp_path / "checkpoints", tmp_path / "key.pem")
    assert migrate(old) == len(bundled()) - len(OLD)
    with old.transaction() as tx:
        assert _rows(tx) == (before.outbox, before.trail)
        assert tx.execute("SELECT DISTINCT target FROM audit").fetchall() == [("",)]
        (hold,) = books.holds(tx)
        assert (hold.target, hold.detail, bool(hold.remedy), hold.probes) == ("other", "403", True, 0)
        (fake, _) = books.backlog(tx)
        assert (fake.waiting, fake.leased, fake.dead) == (3, 1, 1)
        waits = tx.execute("SELECT queued_at FROM outbox WHERE state <> 'written'").fetchall()
    assert {at.strftime("%Y-%m-%d %H") for (at,) in waits} == {"2026-11-21 08"}, "since when it waits is known from the trail"
    found = checkpoints.verify(old, tmp_path / "checkpoints", public)
    assert (found.checkpoint, found.tail, found.erased) == (len(before.trail), 0, 0)
    assert migrate(old) == 0


def test_what_was_in_flight_is_delivered_once_and_in_order(old: Database) -> None:
    """The leased row's answer is unknown: the same request again; the dead letter is replayed; the chain goes on."""
    with old.transaction() as tx:
        before = fill(tx)
    migrate(old)
    target = FakeTarget()
    running = Delivery(old, [target], poll_s=0.02, alone=True, jitter=random.Random(1))
    running.start()
    try:
        assert running.drain(60)
        with old.transaction() as tx:
            (letter,) = books.dead(tx)
            books.replay(tx, letter.entry, letter.revision, letter.target, 0)
        assert running.drain(60)
    finally:
        running.stop()
    with old.transaction() as tx:
        assert tx.execute("SELECT DISTINCT state FROM outbox").fetchall() == [("written",)]
        order = tx.execute("SELECT entry, revision FROM outbox WHERE encounter = 'V1' ORDER BY effective, revision").fetchall()
    sent = [(UUID(entry), revision) for entry, revision, *_ in target.calls]
    assert [call for call in sent if call in order] == order[2:], "what was written is not sent again"
    assert len(sent) == len(set(sent))
    twice = order[2][0]
    assert (str(twice), 2, f"Observation/{twice}", "1") in target.calls, "a revision knows where the one below it lies"
    rows = list(audit.rows(old, payloads=True))
    assert verify(rows).count > len(before.trail)
    assert {row.target for row in rows[len(before.trail) :]} == {"fake"}
    assert [row.attempt for row in rows if row.entry == before.held and row.event == "intent"] == [1, 2]


def test_a_second_target_finds_room_beside_old_rows(old: Database) -> None:
    """The old key was (entry, revision), and the trail's (entry, revision, event, attempt)."""
    with old.transaction() as tx:
        before = fill(tx)
    migrate(old)
    with old.transaction() as tx:
        tx.execute(
            "INSERT INTO outbox(entry, revision, target, encounter, effective, body, state)"
            " SELECT entry, revision, 'second', encounter, effective, body, 'ready' FROM outbox"
        )
        append(tx, [Fact(before.held, 1, "intent", 1, "{}", target) for target in ("fake", "second")], 0)
    with pytest.raises(StoreError), old.transaction() as tx:
        append(tx, [Fact(before.held, 1, "intent", 1, "{}", "second")], 0)
    assert verify(audit.rows(old)).count == len(before.trail) + 2


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET target = 'other' WHERE seq = 3", "UPDATE audit SET target = '' WHERE target = 'fake'"],
    ids=["put", "taken"],
)
def test_a_target_that_is_put_into_a_row_or_taken_out_shows(old: Database, change: str) -> None:
    """The chain's hash covers it, also where the payload was erased."""
    with old.transaction() as tx:
        before = fill(tx)
    migrate(old)
    with old.transaction() as tx:
        append(tx, [Fact(before.held, 1, "intent", 2, "{}", "fake")], 0)
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute(change.encode())
        tx.execute("DELETE FROM audit_payload")
    with pytest.raises(IntegrityError, match="was changed"):
        verify(audit.rows(old, payloads=True))


@contextmanager
def _stuck_in_the_middle(dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has altered the outbox and can't get at the trail: somebody reads it."""
    with closing(psycopg.connect(dsn)) as reader:
        reader.execute("SELECT count(*) FROM audit")
        with subprocess.Popen([sys.executable, "-c", MIGRATE, dsn], stderr=subprocess.DEVNULL) as process:
            _until(lambda: _waits_for_the_trail(dsn))
            yield process
            process.kill()


def _waits_for_the_trail(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE relation = 'audit'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted"
        ).fetchone()
    return bool(row and row[0])


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_migration_that_is_killed_in_the_middle_is_done_by_the_next_start(old: Database) -> None:
    with old.transaction() as tx:
        before = fill(tx)
    with _stuck_in_the_middle(old.dsn) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert schema(old) == 6
    assert migrate(old) == len(bundled()) - len(OLD)
    with old.transaction() as tx:
        assert _rows(tx) == (before.outbox, before.trail)


def test_a_postgres_that_is_killed_in_the_middle_has_the_old_schema_or_the_new(state_dir: Path) -> None:
    with EmbeddedPostgres(state_dir / "pg") as server:
        with Database(server.dsn(), size=2) as database:
            migrate(database, OLD)
            with database.transaction() as tx:
                before = fill(tx)
        postmaster = server.postmaster()
        assert postmaster is not None
        with _stuck_in_the_middle(server.dsn()):
            os.kill(postmaster, signal.SIGKILL)
            _until(lambda: not _answers(server.dsn()))
    with EmbeddedPostgres(state_dir / "pg") as server, Database(server.dsn(), size=2) as database:
        assert schema(database) == 6
        assert migrate(database) == len(bundled()) - len(OLD)
        with database.transaction() as tx:
            assert _rows(tx) == (before.outbox, before.trail)
        assert verify(audit.rows(database, payloads=True)).erased == 0
