"""Pool, migrations, snapshots and runs on a real PostgreSQL."""

import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from wince.errors import StoreError, Unavailable
from wince.local.postgres.opened import open_database
from wince.store import runs
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.runs import RunState
from wince.store.schema import Migration, bundled


def test_a_transaction_commits_or_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as tx:
            tx.execute("INSERT INTO target_hold(target, detail) VALUES ('a', '')")
            raise KeyError("own error")

    with pytest.raises(KeyError):
        fail()
    with database.transaction() as tx:
        tx.execute("INSERT INTO target_hold(target, detail) VALUES ('b', '')")
    with database.transaction() as tx:
        assert tx.execute("SELECT target FROM target_hold").fetchall() == [("b",)]


def test_no_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Database("host=127.0.0.1 port=1 dbname=x user=x connect_timeout=2")


def test_a_wrong_password_names_the_setting(database_dsn: str) -> None:
    import psycopg

    with pytest.raises((StoreError, Unavailable)) as caught:
        Database(psycopg.conninfo.make_conninfo(database_dsn, password="wrong"))
    assert "wrong" not in caught.value.diagnostics()


def test_migrating_again_does_nothing(database: Database) -> None:
    assert migrate(database) == 0


def test_two_processes_that_start_at_once_migrate_once(database: Database) -> None:
    more = [*bundled(), Migration(len(bundled()) + 1, "next.sql", "-- expansion\nCREATE TABLE fresh (n int)")]
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(database, more))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 1]


def test_a_migration_that_was_changed_is_refused(database: Database) -> None:
    first, *rest = bundled()
    with pytest.raises(StoreError, match=first.name):
        migrate(database, [Migration(first.number, first.name, first.sql + "-- more"), *rest])


def test_a_migration_that_fails_leaves_nothing(database: Database) -> None:
    number = len(bundled()) + 1
    broken = Migration(number, "broken.sql", "-- expansion\nCREATE TABLE half (n int); SELECT nonsense")
    with pytest.raises(StoreError):
        migrate(database, [*bundled(), broken])
    with database.transaction() as tx:
        assert tx.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_a_server_of_the_installations_own_takes_the_embedded_ones_place(database_dsn: str, tmp_path: Path) -> None:
    with open_database(database_dsn, tmp_path / "unused") as opened:
        assert opened.server is None
        assert not opened.ensure()
        with opened.database.transaction() as tx:
            assert tx.execute("SELECT count(*) FROM audit").fetchone() == (0,)
    assert not (tmp_path / "unused").exists()


def test_a_run_is_found_until_it_is_finished(database: Database) -> None:
    assert runs.unfinished(database) is None
    first = runs.begin(database, UUID(int=1), 60_000_000, {"clips": ["a"]})
    assert runs.begin(database, UUID(int=1), 99, {}) == first
    runs.begin(database, uuid4(), 1, {})
    assert runs.unfinished(database) == first
    runs.finish(database, first.id, RunState.DONE)
    found = runs.unfinished(database)
    assert found is not None
    assert found.origin_us == 1
