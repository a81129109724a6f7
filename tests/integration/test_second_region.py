"""A second database region: a standby by streaming replication that is promoted, and a base backup with its archive of WAL.

What the primary had not sent is lost with it. The trail says so by numbers, and goes on behind them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import reachable
from tests.integration.record_world import T0, US, FakeTarget, admit, stay, window
from tests.integration.trail_world import fill
from wince.errors import IntegrityError, WinceError
from wince.local.ports import free_ports
from wince.local.postgres.postmaster import SETTINGS
from wince.local.postgres.server import EmbeddedPostgres
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve import setup
from wince.settings import Settings
from wince.store import checkpoint_file, restoring
from wince.store.checkpoints import Checkpointer, public_hex, signing_key, verify
from wince.store.database import Database
from wince.store.migrate import migrate

NAME = "wince"


@pytest.fixture(scope="module")
def region() -> Iterator[Path]:
    with reachable() as directory:
        directory.chmod(0o777)  # where root runs servers as somebody else
        yield directory


@pytest.fixture(scope="module")
def primary(region: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(region / "primary") as server:
        archive = region / "archive"
        archive.mkdir(mode=0o777)
        archive.chmod(0o777)
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            for name, value in (("fsync", "off"), ("archive_mode", "on"), ("archive_command", f"cp %p {archive}/%f")):
                admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            admin.execute(f"CREATE DATABASE {NAME}")
        server._master.end()
        server.ensure()
        yield server


def tool(server: EmbeddedPostgres, name: str, *words: str) -> str:
    done = server._programs.run(name, *words)
    logs = [Path(word).read_text()[-2000:] for word in words if word.endswith(".log")]
    assert done.returncode == 0, (done.stdout, logs)
    return done.stdout


def conf(server: EmbeddedPostgres, data: Path, **settings: str) -> None:
    """Settings of a cluster, written as the account that owns it."""
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with open(data.parent / f"{data.name}.said", "wb") as output:
        script = f"cat >> {data}/postgresql.auto.conf <<'END'\n{lines}END"
        assert server._programs.spawn(["/bin/sh", "-c", script], output).wait(60) == 0


@contextmanager
def started(server: EmbeddedPostgres, data: Path) -> Iterator[str]:
    """Connection string of the database on a cluster of its own, beside the embedded one's."""
    (port,) = free_ports(1)
    settings = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
    tool(server, "pg_ctl", "-w", "-t", "60", "-D", str(data), "-l", f"{data}.log", "-o", f"{settings} -p {port} -k {data}", "start")
    try:
        yield psycopg.conninfo.make_conninfo(server.dsn(NAME), port=port)
    finally:
        server._programs.run("pg_ctl", "-w", "-m", "immediate", "-D", str(data), "stop")


def until(what: Callable[[], object]) -> None:
    """Waits for a state up to a minute."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def chart(database: Database, day: int) -> int:
    sink = PostgresSink(database, {"activity": load("activity")}, [FakeTarget()])
    return len(sink.commit([window(0, 2, t0=T0 + day * 86_400 * US)]).entries)


def test_a_promoted_standby_goes_on_behind_what_it_lacks(primary: EmbeddedPostgres, region: Path, tmp_path: Path) -> None:
    """Services reconnect by themselves, where their connection string names both hosts."""
    key, file, data = signing_key(tmp_path / "audit.pem"), tmp_path / "points.jsonl", region / "standby"
    public = public_hex(key)
    tool(primary, "pg_basebackup", "-D", str(data), "-d", primary.dsn(NAME), "-R", "-X", "stream", "-c", "fast", "--no-sync")
    conf(primary, data, archive_mode="off")  # each region has an archive of its own: a promoted standby begins another timeline
    with started(primary, data) as standby:
        both = many_hosts(primary.dsn(NAME), standby)
        assert setup.server_dsn(Settings(pg_dsn=both)) == both, "on one machine: no TLS is asked for"
        with Database(both, size=3) as database:
            migrate(database)
            admit(database, stay())
            assert chart(database, 0) == 1
            Checkpointer(database, file, key).stop()
            sent = ends(primary.dsn(NAME))
            until(lambda: ends(standby) == sent)
            with psycopg.connect(standby, autocommit=True) as second:
                second.execute("ALTER SYSTEM SET primary_conninfo = ''")  # the line between the regions is cut
                second.execute("SELECT pg_reload_conf()")
                until(lambda: second.execute("SELECT count(*) FROM pg_stat_wal_receiver").fetchone() == (0,))
            fill(database, 5)
            Checkpointer(database, file, key).stop()
            newest = checkpoint_file.read(file)[-1].seq
            primary._master.kill()
            with psycopg.connect(standby, autocommit=True) as second:
                assert second.execute("SELECT pg_promote()").fetchone() == (True,)
            until(lambda: writes(database))
            kept = sent[0]
            with pytest.raises(IntegrityError, match=rf"speaks of row {newest}, and the chain ends at row {kept}:"):
                verify(database, file, public)
            said = restoring.restore(database, file, key, [], "n-17", "region A is lost", 0)
            assert (said.after, said.known) == (kept, newest)
            points = Checkpointer(database, file, key)
            assert chart(database, 1) == 1
            points.stop()
            found = verify(database, file, public)
            assert (found.restored, found.tail) == ((said,), 0)


def many_hosts(*dsns: str) -> str:
    """One connection string for several servers, of which the one that takes writes is wanted (PostgreSQL 15, 34.1.1.3)."""
    said = [psycopg.conninfo.conninfo_to_dict(dsn) for dsn in dsns]
    joined = {name: ",".join(str(one[name]) for one in said) for name in ("host", "port")}
    return psycopg.conninfo.make_conninfo(dsns[0], **joined, target_session_attrs="read-write")


def ends(dsn: str) -> tuple[int, str]:
    """Where the chain ends, and when it was last written to."""
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('audit')").fetchone() == (None,):
            return 0, ""
        row = connection.execute("SELECT coalesce(max(seq), 0), coalesce(max(at_utc), '') FROM audit").fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


def writes(database: Database) -> bool:
    try:
        with database.transaction() as tx:
            tx.execute("INSERT INTO target_hold(target, detail) VALUES ('x', '') ON CONFLICT DO NOTHING")
            tx.execute("DELETE FROM target_hold")
    except WinceError:
        return False
    return True


def test_a_base_backup_and_its_archive_lead_back_to_a_moment(primary: EmbeddedPostgres, region: Path, tmp_path: Path) -> None:
    """Behind the backup's end, before what came later: the chain ends in between, and says what is missing."""
    key, file, data = signing_key(tmp_path / "audit.pem"), tmp_path / "points.jsonl", region / "moment"
    primary.ensure()
    dsn = psycopg.conninfo.make_conninfo(primary.dsn(), dbname="moment")
    with psycopg.connect(primary.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE moment")
    with Database(dsn, size=2) as database:
        migrate(database)
        fill(database, 3)
        tool(primary, "pg_basebackup", "-D", str(data), "-d", dsn, "-X", "none", "-c", "fast", "--no-sync")
        fill(database, 4)
        Checkpointer(database, file, key).stop()
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_create_restore_point('before')")
        kept = ends(dsn)[0]
        fill(database, 2)
        Checkpointer(database, file, key).stop()
        newest = checkpoint_file.read(file)[-1].seq
        with psycopg.connect(dsn, autocommit=True) as admin:
            row = admin.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert row is not None
        until((region / "archive" / str(row[0])).exists)
    conf(
        primary, data, restore_command=f"cp {region}/archive/%f %p", recovery_target_name="before", recovery_target_action="promote",
        archive_mode="off",
    )  # fmt: skip
    with open(data.parent / "signal.said", "wb") as output:
        assert primary._programs.spawn(["/bin/sh", "-c", f"touch {data}/recovery.signal"], output).wait(60) == 0
    with started(primary, data) as there:
        again = psycopg.conninfo.make_conninfo(there, dbname="moment")
        with Database(again, size=2) as database:
            until(lambda: writes(database))
            with pytest.raises(IntegrityError, match=rf"speaks of row {newest}, and the chain ends at row {kept}:"):
                verify(database, file, public_hex(key))
            said = restoring.restore(database, file, key, [], "n-17", "put back to before the fault", 0)
            fill(database, 1)
            Checkpointer(database, file, key).stop()
            assert verify(database, file, public_hex(key)).restored == (said,)
