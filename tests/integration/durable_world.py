"""A server whose commits are not on the disk before somebody waits for it: its writer of the WAL sleeps, and each wait takes a tenth of a
second."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest

from tests.conftest import reachable
from wince.local.postgres.server import EmbeddedPostgres
from wince.store import checkpoints
from wince.store import database as store
from wince.store.audit import Fact, append
from wince.store.database import Database
from wince.store.migrate import migrate

SETTINGS = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB", "commit_delay": "100000", "commit_siblings": "0"}


@contextmanager
def sleeping_server() -> Iterator[EmbeddedPostgres]:
    """Waits for the disk, as a site's does."""
    with reachable() as directory, EmbeddedPostgres(directory) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE template")
        with Database(server.dsn("template"), size=1) as database:
            migrate(database)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield server


def fresh_dsn(server: EmbeddedPostgres) -> str:
    """A database with the schema and nothing in it."""
    name = f"t{uuid4().hex[:8]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template".encode())
    return server.dsn(name)


def crash(server: EmbeddedPostgres) -> None:
    """Kill -9; what was in its memory alone is gone. Then it recovers."""
    pid = server.postmaster()
    assert pid is not None
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)  # it dies when the kernel comes to it
    server.ensure()


@contextmanager
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Writers in this block are killed between their COMMIT and the wait for the disk."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "_settle", lambda connection: connection.commit())
        yield


class Wal:
    """Whether the disk has what was committed until now."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._end = self._asked("SELECT pg_current_wal_insert_lsn()::text")

    def durable(self) -> bool:
        return bool(self._asked(f"SELECT pg_current_wal_flush_lsn() >= '{self._end}'"))

    def _asked(self, sql: str) -> object:
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return row[0]


def shown(dsn: str, sql: str) -> object:
    """The first value, on a connection of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(sql.encode()).fetchone()
    return row and row[0]


def until(what: Callable[[], bool]) -> None:
    """Waits for a state up to a minute."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def fact() -> Fact:
    return Fact(uuid4(), 1, "test", 1, "{}")


def keep(database: Database) -> None:
    with database.transaction() as tx:
        append(tx, [fact()], 0)


def links(dsn: str) -> int:
    """How many there are, after a verification."""
    with Database(dsn, size=1) as database:
        return checkpoints.verify(database, Path("/nonexistent/checkpoints"), "").count
