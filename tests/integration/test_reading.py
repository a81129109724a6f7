"""Commands that look at an installation: beside its owner, without one, and where there is no installation."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests.conftest import reachable
from wince.errors import ConfigError, ResourceError, StoreError
from wince.local.postgres.beside import DirectoryReader
from wince.local.postgres.opened import NAME, open_database
from wince.local.postgres.server import EmbeddedPostgres
from wince.serve.reading import reading
from wince.settings import Settings
from wince.store.database import Database

PROGRAM = """
import sys, time
from wince.serve.reading import reading
from wince.settings import load
with reading(load()):
    print("reads", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A state directory with an installation that is stopped; each test leaves it stopped."""
    with reachable() as root:
        open_database(None, root / "postgres").close()
        yield root


@pytest.fixture
def installation(made: Path) -> Iterator[Settings]:
    """Its settings."""
    yield Settings(state_dir=made)
    assert EmbeddedPostgres(made / "postgres").postmaster() is None, "a server stayed behind"


def running(settings: Settings) -> bool:
    server = EmbeddedPostgres(settings.state_dir / "postgres")
    return server.locate() and server.reachable()


def rows(database: Database) -> int:
    with database.transaction() as tx:
        found = tx.execute("SELECT count(*) FROM schema_migration").fetchone()
    assert found is not None
    return int(found[0])


def tree(directory: Path) -> set[str]:
    """Names outside the cluster's own folder."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if "data" not in path.relative_to(directory).parts}


def test_a_server_that_does_not_run_is_started_and_stopped_again(installation: Settings) -> None:
    before = tree(installation.state_dir)
    with reading(installation) as database:
        assert rows(database) > 0
    assert not running(installation)
    assert tree(installation.state_dir) == before


def test_beside_the_owner_it_waits_for_nobody(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where it comes while the owner starts the server, nor where it leaves: the lock that it would wait for is its own."""
    naps: list[float] = []
    with open_database(None, installation.state_dir / "postgres"):
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: naps.append(seconds) or time.sleep(seconds))
        monkeypatch.setattr("wince.local.postgres.server.time", clock)
        reader = DirectoryReader(installation.state_dir / "postgres")
        assert reader.exists()
        reader.open(NAME)
        assert not reader._start()
        reader.close()
    assert not naps


def test_it_reads_beside_the_owner_and_leaves_its_server_alone(installation: Settings) -> None:
    with open_database(None, installation.state_dir / "postgres") as opened:
        with reading(installation) as database:
            assert rows(database) == rows(opened.database)
        assert rows(opened.database) > 0


def test_an_owner_that_starts_meanwhile_takes_the_server_over(installation: Settings) -> None:
    with contextlib.ExitStack() as readers:
        readers.enter_context(reading(installation))
        with open_database(None, installation.state_dir / "postgres") as opened:
            readers.close()
            assert rows(opened.database) > 0
            with pytest.raises(ResourceError, match="another Wince"):
                EmbeddedPostgres(installation.state_dir / "postgres").start()


def test_the_last_of_two_readers_stops_the_server(installation: Settings) -> None:
    first, second = (DirectoryReader(installation.state_dir / "postgres") for _ in range(2))
    for reader in (first, second):
        assert reader.exists()
        with psycopg.connect(reader.open(NAME)):
            pass
    first.close()
    assert running(installation)
    second.close()
    assert not running(installation)


def test_readers_that_start_at_once_share_one_server(installation: Settings) -> None:
    """One of them starts it, the others wait for it, whoever leaves last stops it."""
    command = [sys.executable, "-c", PROGRAM.replace("time.sleep(60)", "time.sleep(0.3)")]
    environment = os.environ | {"WINCE_STATE_DIR": str(installation.state_dir)}
    readers = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL) for _ in range(4)]
    for reader in readers:
        _, said = reader.communicate(timeout=120)
        assert reader.returncode == 0, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_reader_that_is_ended_leaves_no_server(installation: Settings, number: signal.Signals) -> None:
    """Ctrl-C, `kill`, and a terminal that closes."""
    environment = os.environ | {"WINCE_STATE_DIR": str(installation.state_dir)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reads\n"
        assert running(installation)
        reader.send_signal(number)
        assert reader.wait(60) != 0


def test_a_reader_that_is_ended_while_it_starts_the_server_leaves_none(installation: Settings) -> None:
    """The signal waits until the server stands, then it is stopped."""
    environment = os.environ | {"WINCE_STATE_DIR": str(installation.state_dir)}
    mark = installation.state_dir / "postgres" / "data" / "postmaster.pid"
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reader:
        deadline = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        reader.send_signal(signal.SIGINT)
        assert reader.wait(60) != 0


def test_what_a_killed_reader_left_the_next_one_stops(installation: Settings) -> None:
    environment = os.environ | {"WINCE_STATE_DIR": str(installation.state_dir)}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reads\n"
        reader.kill()
        reader.wait(60)
    assert running(installation)
    with reading(installation) as database:
        assert rows(database) > 0


def test_the_database_refuses_a_readers_change(installation: Settings) -> None:
    """What says that it only looks can't write, whatever its statements are."""
    with reading(installation) as database, pytest.raises(StoreError, match="takes no writes"), database.transaction() as tx:
        tx.execute("DELETE FROM target_hold")
    with reading(installation, write=True) as database, database.transaction() as tx:
        tx.execute("DELETE FROM target_hold")


def test_a_mistyped_state_directory_is_named_and_nothing_is_made(state_dir: Path) -> None:
    for name, message in (("none", "does not exist"), ("", "holds no installation")):
        with pytest.raises(ConfigError, match=message) as caught, reading(Settings(state_dir=state_dir / name)):
            pass
        assert str(state_dir) in caught.value.field
        assert "WINCE_STATE_DIR" in caught.value.field
        assert caught.value.remedy
    assert list(state_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TABLE schema_migration", "nothing of Wince"),
        ("DELETE FROM schema_migration WHERE number = (SELECT max(number) FROM schema_migration)", "this Wince reads"),
        ("INSERT INTO schema_migration(number, name, sha256) VALUES (999, '999_next.sql', 'x')", "schema 999"),
    ],
    ids=["none", "older", "newer"],
)
def test_another_schema_is_named_and_nothing_is_migrated(database_dsn: str, tmp_path: Path, change: str, said: str) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(change.encode())
        with pytest.raises(StoreError, match=said) as caught, reading(Settings(state_dir=tmp_path / "none", pg_dsn=database_dsn)):
            pass
        assert caught.value.remedy
        stands = connection.execute("SELECT to_regclass('schema_migration')").fetchone()
        assert stands == (None,) if change.startswith("DROP") else ("schema_migration",)
    assert not (tmp_path / "none").exists()
