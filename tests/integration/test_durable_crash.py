"""Between a commit and the wait for the disk the server crashes and is there again, or a standby lacks what was committed: nobody is told
that it is durable, and nobody acts on it."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import reachable
from tests.integration.durable_world import (
    Wal,
    crash,
    fact,
    fresh_dsn,
    keep,
    links,
    nobody_waits,
    shown,
    sleeping_server,
    until,
)  # fmt: skip
from tests.support.pgbouncer import PROGRAM, pgbouncer
from wince.errors import Unavailable
from wince.local.postgres.server import EmbeddedPostgres
from wince.store import audit
from wince.store.audit import append
from wince.store.database import Database


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


def test_what_a_crash_took_is_not_waited_for_in_vain(server: EmbeddedPostgres, database: Database) -> None:
    """Between the commits of a batch and its one wait the server crashes, and is there again: the batch was not taken."""

    def batch_and_crash() -> None:
        with database.together():
            keep(database)
            crash(server)

    with pytest.raises(Unavailable):
        batch_and_crash()
    assert links(database.dsn) == 0


def test_nothing_is_published_that_a_crash_took_meanwhile(
    server: EmbeddedPostgres, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody_waits(monkeypatch):
        keep(database)

    published: list[object] = []

    def publish() -> None:
        with database.transaction() as tx:
            rows = tx.execute("SELECT seq FROM audit").fetchall()
            crash(server)
            database.settle(tx)
            published.extend(rows)

    with pytest.raises(Unavailable):
        publish()
    assert published == []
    assert links(database.dsn) == 0


def test_a_connection_that_was_idle_too_long_is_made_again(dsn: str, database: Database) -> None:
    """It is the server's right to end it: what is to be published does not wait for another try."""
    for _ in range(2):
        keep(database)
        with database.transaction() as tx:
            database.settle(tx)
            own = tx.info.backend_pid
        with psycopg.connect(dsn, autocommit=True) as admin:
            beside = "datname = current_database() AND pid NOT IN (%s, pg_backend_pid()) AND application_name LIKE 'wince %%'"
            ended = admin.execute(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE {beside}".encode(), (own,))
            assert (True,) in ended.fetchall()


def test_an_error_within_takes_back_its_own_transaction_alone(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as tx:
            append(tx, [fact()], 0)
            raise ZeroDivisionError

    with database.together():
        keep(database)
        with pytest.raises(ZeroDivisionError):
            fail()
        keep(database)
    assert links(database.dsn) == 2


@pytest.mark.peer
@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
def test_behind_a_pooler_too_nothing_is_told_that_a_crash_took(server: EmbeddedPostgres, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pooler keeps our connection while the server crashes, and goes on with another one of the server's."""
    committed, crashes = psycopg.Connection.commit, iter([True])

    def commit(connection: psycopg.Connection[object]) -> None:
        committed(connection)
        if next(crashes, False):
            crash(server)

    with reachable() as directory, pgbouncer(dsn, directory) as through, Database(through) as database:
        keep(database)
        with database.together():
            keep(database)
            assert Wal(dsn).durable()
        monkeypatch.setattr(psycopg.Connection, "commit", commit)
        keep(database)
    assert next(crashes, None) is None
    assert links(dsn) == 3


def test_nobody_sees_what_a_synchronous_standby_lacks(server: EmbeddedPostgres, dsn: str, database: Database) -> None:
    """One that is away: the writer waits for it, with its links unseen."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'away'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            until(lambda: shown(dsn, "SHOW synchronous_standby_names") == "away")
            writer = threading.Thread(target=keep, args=(database,))
            writer.start()
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            until(lambda: shown(dsn, waits) == 1)
            assert shown(dsn, "SELECT count(*) FROM audit") == 0
            with Database(dsn, size=1) as other:
                assert list(audit.rows(other)) == [], "who reads waits for nobody"
        finally:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
            writer.join(60)
    assert links(dsn) == 1
