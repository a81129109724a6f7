"""PostgreSQL restarted, its disk full, its disk slow, while a process records as fast as it can: named errors, nothing acknowledged is
lost, nothing is there twice, memory stays what it was, and all goes on by itself.

Full: the cluster lies on a tmpfs of its own that a file fills to the last byte, so that the server meets ENOSPC wherever it writes (rows,
WAL, temporary files). Slow: the server is started with a library that makes every fsync and fdatasync take 500 ms longer.
Whoever supervises the server (`wince up`, systemd) starts it again where it is gone; here a thread does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.record_load import SOURCES, WAITING
from tests.integration.record_world import change, stay
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.stay import Watch
from wince.errors import WinceError
from wince.local.postgres import server as embedded
from wince.local.postgres.installed import binaries
from wince.local.postgres.opened import OpenDatabase, open_database
from wince.store import audit
from wince.store.stays import save_watches

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120.0
GROWN = 48 << 20
"""Bytes that the process may hold more than when its bus was full: an allocator breathes."""


@dataclass
class Load:
    """The process that records, and its database."""

    opened: OpenDatabase
    directory: Path
    process: "subprocess.Popen[bytes]"

    def said(self) -> dict[str, Any]:
        """What it says of itself."""
        found: dict[str, Any] = json.loads((self.directory / "said.json").read_text())
        return found

    def until(self, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Waits until it says so."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the process ended"
            with suppress(FileNotFoundError):
                if what(said := self.said()):
                    return said
            time.sleep(0.1)
        raise TimeoutError(self.said())

    def goes_on(self, by: int = 100) -> dict[str, Any]:
        """Waits for so many more commits."""
        here = self.said()["committed"]
        return self.until(lambda said: said["committed"] >= here + by)

    def full(self) -> dict[str, Any]:
        """Waits until the producer waits for the bus."""
        return self.until(lambda said: said["produced"] - said["committed"] >= WAITING)

    def finish(self) -> None:
        """Ends it, and looks for everything that it acknowledged and delivered."""
        (self.directory / "stop").touch()
        assert self.process.wait(WAIT_S) == 0
        acked = (self.directory / "acked").read_text().split()
        assert len(acked) == len(set(acked)) > 0
        with self.opened.database.transaction() as tx:
            kept = [str(one) for (one,) in tx.execute("SELECT id FROM assessment").fetchall()]
            out = [f"{entry} {revision}" for entry, revision in tx.execute("SELECT entry, revision FROM outbox").fetchall()]
            states = tx.execute("SELECT DISTINCT state FROM outbox").fetchall()
        assert Counter(kept) == Counter(acked)
        assert states == [("written",)]
        assert set((self.directory / "delivered").read_text().splitlines()) == set(out)
        trail = list(audit.rows(self.opened.database, payloads=True))
        assert verify(trail).erased == 0
        assert Counter(str(row.entry) for row in trail if row.event == "assessment") == Counter(acked)


@contextmanager
def load(directory: Path, files: Path) -> Iterator[Load]:
    """A server in `directory`, kept alive, and a process that records into it; what it says lies in `files`."""
    files.mkdir(exist_ok=True)
    with open_database(None, directory / "pg") as opened:
        people = [stay(f"V{number}", bed=f"W^{number}^A") for number in range(SOURCES)]
        save_watches(opened.database, [Watch(f"cam-{number}", one.bed, 0, None, 0) for number, one in enumerate(people)])
        for one in people:
            change(opened.database, Revision(add=(one,), recorded_us=one.recorded_us), one.encounter.value)
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(0.3):
                with suppress(WinceError, psycopg.Error):
                    opened.ensure()

        keeper = threading.Thread(target=keep)
        keeper.start()
        command = [sys.executable, "-m", "tests.integration.record_load", opened.database.dsn, str(files)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            made = Load(opened, files, process)
            made.until(lambda said: said["committed"] > 0)
            yield made
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            ended.set()
            keeper.join()


@pytest.fixture
def small_disk(state_dir: Path) -> Iterator[Path]:
    """A file system of 192 MiB."""
    disk = state_dir / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=192m,mode=755", "none", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_server_that_is_restarted_under_load(state_dir: Path) -> None:
    """By its administrator at once (immediate), and by kill -9 of its postmaster."""
    with load(state_dir, state_dir / "files") as running:
        running.goes_on()
        server = running.opened.server
        assert server
        for _ in range(2):
            for how in (signal.SIGQUIT, signal.SIGKILL):
                pid = server.postmaster()
                assert pid
                os.kill(pid, how)
                running.until(lambda _, pid=pid: server.postmaster() not in (None, pid))  # type: ignore[misc]
                running.goes_on()
        said = running.said()
        assert said["errors"], "the server was gone: somebody must have noticed"
        assert all(name.startswith("Unavailable") for name in said["errors"]), said["errors"]
        running.finish()


@pytest.mark.slow
def test_a_full_disk(small_disk: Path, state_dir: Path) -> None:
    """Until space is back nothing is acknowledged and the producer waits; then all goes on, although nobody restarts the process."""
    with load(small_disk, state_dir / "files") as running:
        running.goes_on()
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(1 << 20)):
                pass
        assert shutil.disk_usage(small_disk).free == 0
        running.until(lambda said: any(name.startswith("ResourceError") for name in said["errors"]))
        held = running.full()
        time.sleep(5)
        said = running.said()
        assert all(name.startswith(("ResourceError", "Unavailable")) for name in said["errors"]), said["errors"]
        assert said["produced"] <= held["produced"] + WAITING
        assert said["rss"] < held["rss"] + GROWN
        ballast.unlink()
        running.goes_on()
        running.finish()


@pytest.mark.slow
def test_a_slow_disk(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for every write to the disk: commits are slow and go on, the producer waits, nobody fails."""
    monkeypatch.setattr(embedded, "binaries", lambda account: _slowed(state_dir, binaries(account)))
    with load(state_dir, state_dir / "files") as running:
        running.goes_on()
        (state_dir / "slow").write_text("500000")
        held = running.until(lambda said: said["longest_s"] >= 0.5)
        held = running.full()
        said = running.goes_on(50)
        assert said["errors"] == {}
        assert said["rss"] < held["rss"] + GROWN
        (state_dir / "slow").unlink()
        running.goes_on()
        running.finish()


def _slowed(state_dir: Path, folder: Path) -> Path:
    """The server's programs, started with the library before the C library."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler: the slow disk is a library")
    library, wrapped = state_dir / "slow_disk.so", state_dir / "bin"
    source = ROOT / "tests/support/slow_disk.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    wrapped.mkdir()
    for name in ("initdb", "pg_ctl", "postgres"):
        script = wrapped / name
        script.write_text(f'#!/bin/sh\nLD_PRELOAD={library} SLOW_DISK={state_dir}/slow exec {folder / name} "$@"\n')
        script.chmod(0o755)
    return wrapped
