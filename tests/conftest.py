"""Fixtures that need a process: one PostgreSQL server for the session, a fresh migrated database for each test. And the order of files.

With CI=true a test marked `peer` may not be skipped: the machine can start its peer, so a skip hides a broken setup. Shared data that
is absent is no such case.
"""

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
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

hypothesis.settings.register_profile("wince", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("wince")  # machines are shared: how long a draw takes says nothing

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
    """Connection string of the session's server, naming a migrated database that is a template: copy it, don't use it.

    It does not wait for the disk. Only a machine that loses its power would tell: what a killed process committed stays.
    """
    with reachable() as directory, EmbeddedPostgres(directory) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        with Database(server.dsn(TEMPLATE), size=1) as database:
            migrate(database)
        yield server.dsn(TEMPLATE)


@contextmanager
def copied(postgres_dsn: str) -> Iterator[str]:
    """Connection string of a fresh copy of the template, dropped afterwards. Its files are copied: without a wait for the disk that costs
    less than half of writing it to the WAL."""
    name = f"test_{uuid4().hex}"
    admin = psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        try:
            yield psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_dsn(postgres_dsn: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database."""
    with copied(postgres_dsn) as dsn:
        yield dsn


@pytest.fixture
def database(database_dsn: str) -> Iterator[Database]:
    """A fresh, migrated database."""
    with Database(database_dsn) as opened:
        yield opened


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The suite's long part runs where `-m` names it, as `make long` does. Beside other workers, what takes longest runs first."""
    if "long" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    if hasattr(config, "workerinput"):
        items[:] = longest_first(items)


SHARED = ("tests/contract/bus", "tests/contract/ehr", "tests/integration/kube")
"""Folders whose files share a peer of the session: on two workers it would start twice, and between two files once more."""


def unit(nodeid: str) -> str:
    """What one worker runs as a whole: a file, or a folder of SHARED."""
    file = nodeid.split("::", 1)[0]
    folder = file.rpartition("/")[0]
    return folder if folder in SHARED else file


def longest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Units with slow tests, then those with peers, then the others by their number of tests: the last minute is one of small files, so
    that no worker waits for another. The order within a unit stays."""
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(unit(item.nodeid), []).append(item)

    def weight(tests: list[pytest.Item]) -> tuple[bool, bool, int]:
        marks = {mark.name for item in tests for mark in item.iter_markers()}
        return "slow" in marks, "peer" in marks, len(tests)

    return [item for tests in sorted(units.values(), key=weight, reverse=True) for item in tests]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`: units, in the order that the workers collected them in. xdist's own order puts the files with the fewest
    tests last, and those take minutes."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Units(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("peer"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "../shared/data" not in reason:
            report.outcome = "failed"
            report.longrepr = f"CI=true, so this peer must run; {reason}"
    return report
