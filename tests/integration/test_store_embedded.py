"""The embedded PostgreSQL under its own launcher: kills, orphans, users, disks, ports."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.conftest import reachable
from wince.errors import ResourceError, StoreError, Unavailable
from wince.local.postgres import account as accounts
from wince.local.postgres.opened import open_database
from wince.local.postgres.server import EmbeddedPostgres
from wince.store.database import Database

ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A directory with a cluster that is stopped; each test leaves it stopped."""
    with reachable() as directory:
        with EmbeddedPostgres(directory) as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int PRIMARY KEY)")
        yield directory


def rows(server: EmbeddedPostgres) -> list[int]:
    with psycopg.connect(server.dsn()) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM kept ORDER BY n").fetchall()]


def test_it_listens_on_loopback_with_a_password(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        port = psycopg.conninfo.conninfo_to_dict(server.dsn())["port"]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(psycopg.conninfo.make_conninfo(server.dsn(), password="wrong"))
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        assert (cluster / "password").stat().st_mode & 0o777 == 0o600
        assert int(str(port)) > 1023


def test_one_that_was_killed_and_not_reaped_is_started_again(cluster: Path) -> None:
    """Our own child, again and again; and another's, whose parent (a container's first process) never reaps: both are zombies, which
    PostgreSQL takes for alive."""
    with EmbeddedPostgres(cluster) as server:
        for _ in range(2):
            killed = server.postmaster()
            assert killed
            os.kill(killed, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while server.postmaster() == killed and time.monotonic() < deadline:
                time.sleep(0.01)
            assert server.ensure()
            assert server.postmaster() not in (None, killed)
        file = server.data / "postmaster.pid"
        lines = file.read_text().splitlines()
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        while psutil.Process(dead.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        file.write_text("\n".join([str(dead.pid), *lines[1:]]) + "\n")
        with EmbeddedPostgres(cluster) as again:
            assert again.postmaster()


def test_committed_rows_survive_kill_9_of_the_postmaster(cluster: Path) -> None:
    """`ensure` starts it again on the same port, so that pools go on."""
    with EmbeddedPostgres(cluster) as server, Database(server.dsn(), size=2, wait_s=2) as database:
        with database.transaction() as tx:
            tx.execute("TRUNCATE kept")
            tx.execute("INSERT INTO kept SELECT generate_series(1, 500)")
        killed = server.postmaster()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        time.sleep(0.1)
        with pytest.raises(Unavailable), database.transaction() as tx:
            tx.execute("SELECT 1")
        assert server.ensure()
        assert not server.ensure()
        assert counted(database) == 500


def counted(database: Database) -> int:
    """Rows that were kept; the pool connects again after a pause of its own, which grows with each failure."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with database.transaction() as tx:
                return int(tx.execute("SELECT count(*) FROM kept").fetchone()[0])  # type: ignore[index]
        except Unavailable:
            if time.monotonic() > deadline:
                raise


def test_a_server_whose_owner_was_killed_is_adopted(cluster: Path) -> None:
    """kill -9 of the owner leaves the server running; the next owner goes on with it."""
    program = (
        "import sys, time; from pathlib import Path; from wince.local.postgres.server import EmbeddedPostgres;"
        "s = EmbeddedPostgres(Path(sys.argv[1])); s.start(); print(s.postmaster(), flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", program, str(cluster)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    orphan = int(owner.stdout.readline())
    with pytest.raises(ResourceError, match="another Wince"):
        EmbeddedPostgres(cluster).start()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    with EmbeddedPostgres(cluster) as server:
        assert server.postmaster() == orphan
        assert rows(server) is not None
    assert EmbeddedPostgres(cluster).postmaster() is None


def test_a_stale_pid_file_does_not_stop_the_start(cluster: Path) -> None:
    """Left by a machine that lost power: the number may belong to another process by now, even to ours."""
    stale = cluster / "data" / "postmaster.pid"
    for pid in (os.getpid(), 2**22 - 3):
        stale.write_text(f"{pid}\n{cluster / 'data'}\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n")
        with EmbeddedPostgres(cluster) as server:
            assert server.postmaster() not in (None, pid)


def test_a_port_that_is_taken_is_named(cluster: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError) as caught:
            EmbeddedPostgres(cluster, port=port).start()
    assert str(port) in caught.value.field
    with EmbeddedPostgres(cluster, port=port) as server:
        assert f"port={port}" in server.dsn()


def test_a_directory_of_another_major_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    (tmp_path / "password").write_text("x")
    with pytest.raises(StoreError, match="PostgreSQL 16") as caught:
        EmbeddedPostgres(tmp_path).start()
    assert "pg_dumpall" in caught.value.remedy


def test_a_lost_password_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18\n")
    with pytest.raises(StoreError, match="password"):
        EmbeddedPostgres(tmp_path).start()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError) as caught:
        EmbeddedPostgres(tmp_path / "file" / "pg").start()
    assert "file" in caught.value.field


def test_the_log_holds_no_row(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS seeded (name text PRIMARY KEY)")
            for _ in range(2):
                with contextlib.suppress(psycopg.errors.UniqueViolation):
                    connection.execute("INSERT INTO seeded VALUES ('Seeded Surname')")
        text = server.log.read_text()
    assert "unique" in text
    assert "Seeded" not in text


@pytest.mark.skipif(not ROOT, reason="needs root to mount a small disk")
def test_a_full_disk_is_named_and_what_was_committed_stays(state_dir: Path) -> None:
    disk = state_dir / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "none", str(disk)], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        (disk / "fill").write_bytes(b"\0" * (135 << 20))
        with pytest.raises(ResourceError, match="disk is full"):
            EmbeddedPostgres(disk / "pg").start()
        (disk / "fill").unlink()
        with EmbeddedPostgres(disk / "pg") as server, Database(server.dsn(), size=1) as database:
            with database.transaction() as tx:
                tx.execute("CREATE TABLE kept (n int, filler text)")
                tx.execute("INSERT INTO kept VALUES (1, 'x')")
            with pytest.raises(ResourceError) as caught, database.transaction() as tx:
                tx.execute("INSERT INTO kept SELECT n, repeat(md5(n::text), 50) FROM generate_series(1, 200000) n")
            assert "disk" in caught.value.message
            server.ensure()
            with database.transaction() as tx:
                assert tx.execute("SELECT count(*) FROM kept").fetchone() == (1,)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


AS_NOBODY = """
import os, sys
from pathlib import Path
import encodings.idna, importlib.readers, psycopg, psycopg_pool
from wince.local.postgres import opened
os.setgroups([]); os.setgid(65534); os.setuid(65534)
with opened.open_database(None, Path(sys.argv[1])) as found:
    with found.database.transaction() as tx:
        print(os.geteuid(), tx.execute("SELECT count(*) FROM audit").fetchone()[0], os.stat(found.server.data).st_uid)
"""


@pytest.mark.skipif(not ROOT, reason="is the case of every other test here")
def test_it_works_as_a_normal_user() -> None:
    """Everything is imported before root is given up: the interpreter itself may lie where the other user can't go."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        os.chown(directory, 65534, 65534)
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, directory], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["65534", "0", "65534"], done.stderr


@pytest.mark.skipif(not ROOT, reason="only root runs the server as somebody else")
def test_root_with_a_private_state_directory_keeps_the_cluster_where_the_server_can_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/root is 0700: the cluster lies elsewhere, `location` says where, and it is found again."""
    shared = Path(tempfile.mkdtemp(dir="/var/tmp"))
    shared.chmod(0o755)
    monkeypatch.setattr(accounts, "SHARED", (shared,))
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    try:
        with open_database(None, private / "pg") as first, first.database.transaction() as tx:
            tx.execute("CREATE TABLE mark (n int)")
        assert (private / "pg" / "location").read_text().startswith(str(shared))
        private.chmod(0o755)
        with open_database(None, private / "pg") as again, again.database.transaction() as tx:
            tx.execute("SELECT * FROM mark")
    finally:
        subprocess.run(["rm", "-rf", str(shared)], check=False)
