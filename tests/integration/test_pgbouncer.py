"""Behind pgbouncer in transaction mode: each transaction may run on another connection of the server, and nothing of ours minds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import reachable
from tests.support.pgbouncer import PROGRAM, pgbouncer
from wince.errors import StoreError
from wince.serve.checks import database as check
from wince.serve.checks.finding import State
from wince.settings import Settings
from wince.store.database import Database
from wince.store.migrate import migrate

pytestmark = [pytest.mark.peer, pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")]


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable() as made:
        yield made


def test_statements_are_not_prepared_behind_it(database_dsn: str, directory: Path) -> None:
    """The same statement again and again from several threads: a prepared one would be unknown to the connection that it meets."""
    with pgbouncer(database_dsn, directory) as dsn, Database(dsn) as database:
        assert database.pooled
        assert migrate(database) == 0

        def ask(number: int) -> int:
            with database.transaction() as tx:
                tx.execute("SELECT pg_advisory_xact_lock(7299)")
                with tx.cursor() as cursor:
                    holds = [(f"{number}-{part}", "") for part in range(3)]
                    cursor.executemany("INSERT INTO target_hold(target, detail) VALUES (%s, %s)", holds)
            with database.transaction() as tx:
                return tx.execute("SELECT 0 FROM target_hold").fetchall()[0][0]

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(ask, range(200))) == 0
        with database.transaction() as tx:
            assert tx.execute("SELECT count(*) FROM target_hold").fetchone() == (600,)


def test_without_a_pooler_statements_are_prepared(database_dsn: str) -> None:
    with Database(database_dsn, size=1) as database:
        assert not database.pooled
        for _ in range(10):
            with database.transaction() as tx:
                tx.execute("SELECT count(*) FROM target_hold").fetchone()
        with database.transaction() as tx:
            assert tx.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() != (0,)


@pytest.mark.parametrize(("mode", "state"), [("transaction", State.OK), ("session", State.WARNING)])
def test_doctor_names_it(database_dsn: str, directory: Path, mode: str, state: State) -> None:
    with pgbouncer(database_dsn, directory, mode, size=8) as dsn:
        found = {finding.what: finding for finding in check.check(Settings(pg_dsn=dsn))}
    assert found["database"].state is State.OK
    assert found["database pooler"].state is state
    assert f"in {mode} mode" in found["database pooler"].found


def test_statement_mode_is_refused(database_dsn: str, directory: Path) -> None:
    """It lets no transaction through: that can't work, and says so."""
    with pgbouncer(database_dsn, directory, "statement") as dsn, pytest.raises(StoreError, match="statement mode"):
        list(check.check(Settings(pg_dsn=dsn)))
