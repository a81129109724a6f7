"""Fixtures that need a process: one PostgreSQL server for the session, a fresh migrated database for each test.

With CI=true a test marked `peer` may not be skipped: the machine can start its peer, so a skip hides a broken setup. Shared data that
is absent is no such case.
"""

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from wince.local import stopping
from wince.local.postgres.server import EmbeddedPostgres
from wince.store.database import Database
from wince.store.migrate import migrate

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell that starts the suite in the background; what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup; a handler of ours is none of theirs
    signal.signal(signal.SIGHUP, lambda *_: None)

TEMPLATE = "wince_template"


@pytest.fixture(autouse=True)
def own_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that ends everything its process began (`stopping.finish`) ends what itself began, not the session's database."""
    monkeypatch.setattr(stopping._state, "last", {})


@contextmanager
def reachable() -> Iterator[Path]:
    """An empty directory, removed afterwards, that a server may lie in which root runs as somebody else (pytest's own are 0700)."""
    with tempfile.TemporaryDirectory(prefix="wince-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """Where a test lets Wince keep its state: what is put there, the embedded PostgreSQL too, goes with the test."""
    with reachable() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """Connection string of the session's server, naming a migrated database that is a template: copy it, don't use it."""
    with reachable() as directory, EmbeddedPostgres(directory) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        with Database(server.dsn(TEMPLATE), size=1) as database:
            migrate(database)
        yield server.dsn(TEMPLATE)


@pytest.fixture
def database_dsn(postgres_dsn: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database."""
    name = f"test_{uuid4().hex}"
    admin = psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_dsn: str) -> Iterator[Database]:
    """A fresh, migrated database."""
    with Database(database_dsn) as opened:
        yield opened


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The suite's long part runs where `-m` names it, as `make long` does."""
    if "long" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("peer"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "../shared/data" not in reason:
            report.outcome = "failed"
            report.longrepr = f"CI=true, so this peer must run; {reason}"
    return report
