"""Commits let go of the audit trail's lock before the disk has them. PostgreSQL is killed with what it had not written: what was told,
signed or published before is there afterwards, and the chain has no hole."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import Queue
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.durable_replica import batch
from tests.integration.durable_world import Wal, crash, fact, fresh_dsn, keep, links, nobody_waits, sleeping_server
from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, stay, window
from wince.care.postgres import PostgresCare
from wince.care.relay import Relay
from wince.domain.care import BedPause
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Watch
from wince.local.postgres.server import EmbeddedPostgres
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit, checkpoint_file, checkpoints, telling
from wince.store import database as store
from wince.store.audit import append
from wince.store.database import Database
from wince.store.locks import Lock
from wince.store.stays import save_watches


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with sleeping_server() as running:
        yield running


@pytest.fixture
def dsn(server: EmbeddedPostgres) -> str:
    return fresh_dsn(server)


@pytest.fixture
def database(dsn: str) -> Iterator[Database]:
    with Database(dsn) as opened:
        yield opened


def test_the_next_writer_goes_on_before_the_disk_has_the_link_before_its_own(dsn: str) -> None:
    with psycopg.connect(dsn) as first, psycopg.connect(dsn) as second:
        assert append(first, [fact()], 0) == 1
        first.commit()
        assert append(second, [fact()], 0) == 2
        assert not Wal(dsn).durable()


def test_a_crash_takes_only_links_that_nobody_waited_for_and_those_behind_them(
    server: EmbeddedPostgres, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        keep(database)
    with nobody_waits(monkeypatch):
        for _ in range(5):
            keep(database)
    crash(server)
    assert links(database.dsn) == 3


def test_what_a_reader_saw_is_durable_when_its_block_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_waits(monkeypatch):
        keep(database)
    wal = Wal(database.dsn)
    assert not wal.durable()
    assert len(list(audit.rows(database))) == 1
    assert wal.durable()


def test_a_batch_that_is_known_is_durable_when_that_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PostgresSink(database, {"activity": load("activity")}, [])
    with nobody_waits(monkeypatch):
        assert sink.commit([window(0)]).taken == 1
    wal = Wal(database.dsn)
    assert not wal.durable()
    assert sink.commit([window(0)]).known == 1
    assert wal.durable()


def test_a_batch_writes_its_links_alone_while_it_holds_the_lock(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PostgresSink(database, {"activity": load("activity")}, [FakeTarget()])
    admit(database, stay())
    sink.review()
    statements: list[str] = []
    for name in ("execute", "executemany", "copy"):
        called = getattr(psycopg.Cursor, name)

        def noted(cursor: object, sql: object, *more: object, called: Callable[..., object] = called, **options: object) -> object:
            statements.append(f"{sql!s} {more}")
            return called(cursor, sql, *more, **options)

        monkeypatch.setattr(psycopg.Cursor, name, noted)
    sink.commit([window(0, 2), window(1)], [Snapshot(CAMERA, "activity", 1, T0, b"state")])
    held = next(number for number, sql in enumerate(statements) if f"({int(Lock.TRAIL)},)" in sql)
    assert any("snapshot" in sql for sql in statements[:held])
    writes = [sql for sql in statements[held:] if "INSERT" in sql or "UPDATE" in sql or "COPY" in sql or "DELETE" in sql]
    assert len(writes) == 1
    assert "COPY audit (" in writes[0]


def test_a_commit_and_its_reviews_wait_for_the_disk_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PostgresSink(database, {"activity": load("activity")}, [])
    admit(database, stay())
    sink.review()
    sink.commit([window(0)])
    admit(database, stay("V2", start_us=T0))
    waits: list[object] = []
    waited = store._settle
    monkeypatch.setattr(store, "_settle", lambda connection: (waits.append(1), waited(connection)))
    assert sink.commit([window(1)]).taken == 1
    assert len(waits) == 1
    wal = Wal(database.dsn)
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM review").fetchone() == (0,)
    assert wal.durable()


def test_no_checkpoint_is_signed_over_what_a_crash_may_take_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = tmp_path / "checkpoints", checkpoints.signing_key(tmp_path / "key")
    checkpointer = checkpoints.Checkpointer(database, file, key)
    with nobody_waits(monkeypatch):
        keep(database)
    wal, signed = Wal(database.dsn), list[bool]()
    kept = checkpoint_file.append
    monkeypatch.setattr(checkpoint_file, "append", lambda *said: (signed.append(wal.durable()), kept(*said)))
    assert not wal.durable()
    assert checkpointer.tick(force=True) is not None
    assert signed == [True]


def test_what_is_published_from_an_open_transaction_is_durable(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause by care's relay, and who lies where by the hospital's."""
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    published: list[bool] = []

    def publish(*_: object) -> Future[None]:
        published.append(wal.durable())
        done: Future[None] = Future()
        done.set_result(None)
        return done

    with nobody_waits(monkeypatch):
        admit(database, stay())
        PostgresCare(database, {}).start_pause(BedPause(uuid4(), BED, T0, T0 + 60 * US, None, "n7"), "test")
    wal = Wal(database.dsn)
    assert not wal.durable()
    assert Relay(database, publish).send() == 1
    with nobody_waits(monkeypatch):
        admit(database, stay("V2", bed="ICU^2^A"), stay("V3", start_us=T0))
    wal = Wal(database.dsn)
    assert not wal.durable()
    assert telling.tell(database, lambda _steps: published.append(wal.durable())) > 0
    assert published == [True, True]


CAMERAS = [[f"cam-{replica}-{n}" for n in range(3)] for replica in range(4)]
BATCHES = 10


class Replica:
    """A process that records; `durable`: batches that it was told are so."""

    def __init__(self, dsn: str, cameras: list[str], heard: "Queue[int]") -> None:
        command = [sys.executable, "-m", "tests.integration.durable_replica", dsn, ",".join(cameras), str(BATCHES)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.cameras, self.durable, self._heard = cameras, 0, heard
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:
            self.durable += 1
            self._heard.put(self.durable)

    def told(self) -> set[UUID]:
        """Ids of windows that are durable, as it was told."""
        return {one.id for number in range(self.durable) for one in batch(self.cameras, number)}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)


def taken(dsn: str) -> list[UUID]:
    """Windows that have their link."""
    with Database(dsn, size=1) as database:
        return [row.entry for row in audit.rows(database) if row.event == "assessment"]


def test_four_replicas_and_their_database_are_killed_and_no_window_is_lost_or_doubled(server: EmbeddedPostgres, dsn: str) -> None:
    heard: Queue[int] = Queue()
    replicas = [Replica(dsn, cameras, heard) for cameras in CAMERAS]
    try:
        while min(one.durable for one in replicas) < 2:
            heard.get(timeout=60)
        replicas[0].kill()
        crash(server)
        assert replicas[0].told() <= set(taken(dsn))
        replicas[0] = Replica(dsn, CAMERAS[0], heard)
        while min(one.durable for one in replicas) < 5:
            heard.get(timeout=60)
        for one in replicas:
            one.kill()
        told = set().union(*(one.told() for one in replicas))
        crash(server)
        assert told <= set(taken(dsn))
    finally:
        for one in replicas:
            one.kill()
    with Database(dsn, size=1) as database:  # their successor, which gets all of it again
        sink = PostgresSink(database, {"activity": load("activity")}, [FakeTarget()])
        for cameras in CAMERAS:
            sink.commit([one for number in range(BATCHES) for one in batch(cameras, number)])
    found = taken(dsn)
    assert len(found) == len(set(found))
    assert set(found) == {one.id for cameras in CAMERAS for number in range(BATCHES) for one in batch(cameras, number)}
    with Database(dsn, size=1) as database, database.transaction() as tx:
        wrong = "SELECT count(*) FROM assessment FULL JOIN (SELECT entry FROM audit WHERE event = 'assessment') a ON a.entry = id"
        assert tx.execute(f"{wrong} WHERE id IS NULL OR entry IS NULL".encode()).fetchone() == (0,)
    assert links(dsn) >= len(found)
