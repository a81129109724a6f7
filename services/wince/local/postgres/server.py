"""PostgreSQL 18 from its wheel, under our own launcher: nothing to set up, scram password, loopback and socket only.

    directory/
        lock          held as long as the owner lives: one process per data directory
        password      0600, made at the first start
        data/         the cluster, 0700, owned by whom the server runs as (account.py); or `location` names where it lies
        server.log    beside data/: what the server says; no statement, no row (PHI)

The server ends with its owner, also where a signal ends that (`local/stopping.py`). It outlives an owner that was killed (kill -9): the
next one finds it by `postmaster.pid` and takes it over. One whose postmaster was killed is started again, for some seconds, until the
kernel has let its shared memory go.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from wince.errors import ResourceError, StoreError
from wince.local import stopping
from wince.local.postgres.account import Account, server_account
from wince.local.postgres.cluster import check_version, find_home, initialise, read_password
from wince.local.postgres.installed import binaries
from wince.local.postgres.programs import Programs, failure, resource

START_S = 20.0
"""How long a start is tried; after kill -9 of the postmaster its children need some seconds to go."""
RECOVERY_S = 300.0
"""How long a server may take to answer while it runs: after a kill it replays what it wrote, on a slow disk for minutes."""
END_S = 30.0
"""How long a shutdown may take."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and the DETAIL of errors hold rows, so patients: neither may reach the log.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_min_messages": "warning",
}
"""What differs from the server's defaults."""


class InUse(ResourceError):
    """Somebody else owns the data directory."""


class EmbeddedPostgres:
    """One PostgreSQL server for one data directory. `start`, `dsn`, `stop`; or a context manager.

    `directory`: made where absent. `port`: 0, any free one; else exactly this. Not thread-safe.
    Raises ResourceError (port taken, disk full, permission, wheel absent; InUse where somebody else owns the directory), StoreError (a
    data directory of another major version, a server that does not start).
    """

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.directory = directory
        self._fixed = port
        self._port = 0
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: Callable[[], object] = lambda: None
        self._account = Account(0, 0, switch=False)
        self._programs = Programs(Path(), self._account)
        self._home = directory
        self._password = ""

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        """The cluster's directory."""
        return self._home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._home / "server.log"

    def start(self) -> None:
        """Returns when the server answers a query. Adopts one that an owner which was killed left behind."""
        self._account = server_account()
        self._make_directory()
        self._take_lock()
        self._port = 0
        try:
            self._programs = Programs(binaries(self._account), self._account)
            self._home = find_home(self.directory, self._account)
            self._password = read_password(self.directory, self.data)
            check_version(self.data)
            if self._adopt():
                return
            if not (self.data / "PG_VERSION").exists():
                initialise(self._home, self._password, self._programs)
            self._launch()
        except BaseException:
            self._kill()
            self._release_lock()
            raise

    def locate(self) -> bool:
        """Read where a cluster that exists lies, and its password; False where there is none. Creates nothing. Raises as `start`."""
        self._account = server_account()
        try:
            if not ((self.directory / "location").exists() or (self.directory / "data" / "PG_VERSION").exists()):
                return False
        except OSError as error:
            raise resource(error, self.directory) from None
        self._home = find_home(self.directory, self._account)
        check_version(self.data)
        self._password = read_password(self.directory, self.data)
        return True

    def reachable(self) -> bool:
        """Whether a server that runs on the directory (`locate` said where) answers; then `dsn` leads to it, whoever owns it."""
        found = self._pid_file()
        if found is None:
            return False
        self._port = found[1]
        return self._answers()

    def leave(self) -> None:
        """Give the directory free; the server runs on, and the next owner takes it over. Idempotent."""
        self._release_lock()

    def dsn(self, database: str = "postgres") -> str:
        """Connection string (holds the password) of a database on the started server."""
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self._port, user="wince", password=self._password, dbname=database, connect_timeout=5
        )

    def ensure(self) -> bool:
        """Starts the server again, on the port it had (connection strings stay true), where its postmaster is gone.

        False: it runs. Raises as `start`.
        """
        if self._lock is None:
            raise StoreError("the embedded PostgreSQL is not started", field=str(self.directory))
        if self.postmaster() is not None and self._answers():
            return False
        self._launch(self._port)
        return True

    def postmaster(self) -> int | None:
        """Process id of the running postmaster; None where none runs on this data directory."""
        found = self._pid_file()
        return found[0] if found else None

    def stop(self) -> None:
        """Ends the server (open transactions are rolled back) and gives the directory free. Idempotent."""
        if self._lock is None:
            return
        try:
            self._end_postmaster()
        finally:
            self._release_lock()

    def _end_postmaster(self) -> None:
        """A fast shutdown; one that takes too long is followed by an immediate one, from which the next start recovers."""
        for number in (signal.SIGINT, signal.SIGQUIT):
            pid, deadline = self.postmaster(), time.monotonic() + END_S
            if pid is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            while self.postmaster() == pid and time.monotonic() < deadline:
                time.sleep(0.02)
        if self._process is not None:
            self._process.wait(END_S)
            self._process = None

    def _kill(self) -> None:
        """End the server at once, where there is no time to end it in order; the next start recovers. From any thread."""
        if not self._port:  # nothing was launched or taken over yet: what runs there is not ours
            return
        own = self._process.pid if self._process is not None and self._process.poll() is None else None
        pid = self.postmaster() or own
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGQUIT)

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._account.switch:
                self.directory.chmod(0o711)
        except OSError as error:
            raise resource(error, self.directory) from None

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise StoreError("the embedded PostgreSQL is already started", field=str(self.directory))
        try:
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise resource(error, self.directory / "lock") from None
        deadline = time.monotonic() + START_S
        while not _flock(descriptor):
            # A command that only looks owns the directory while it starts or stops the server; the commands' lock is on the directory.
            if _unlocked(self.directory) or time.monotonic() > deadline:
                os.close(descriptor)
                raise InUse(
                    "another Wince uses this data directory", field=str(self.directory), remedy="stop it, or give another state directory"
                )
            time.sleep(0.1)
        self._lock = descriptor
        self._ended = stopping.at_last(self._kill)

    def _release_lock(self) -> None:
        self._ended()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _adopt(self) -> bool:
        """Takes over a server that runs on our directory. One that runs but never answers is no error here: the start says more."""
        deadline = time.monotonic() + START_S
        while (found := self._pid_file()) and time.monotonic() < deadline:
            self._port = found[1]
            if self._answers():
                return not self._fixed or self._fixed == self._port or self._stop_stranger()
            time.sleep(0.1)
        return False

    def _stop_stranger(self) -> bool:
        """The server left behind listens on another port than asked for: end it, start anew."""
        self._end_postmaster()
        return False

    def _pid_file(self) -> tuple[int, int] | None:
        """(process id, port) in postmaster.pid, where such a process lives and is the server of this directory."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
            os.kill(pid, 0)
        except PermissionError:
            pass
        except (OSError, ValueError, IndexError):
            return None
        process = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            if b"postgres" not in (process / "cmdline").read_bytes():  # another's by now, or one that waits to be reaped
                return None
        with contextlib.suppress(OSError):  # not everybody may look
            if not (process / "cwd").samefile(self.data):
                return None
        return pid, port

    def _launch(self, port: int = 0) -> None:
        deadline = time.monotonic() + START_S
        port = port or self._fixed
        while True:
            self._port = port or _free_port()
            said = self._try_start()
            if said is None:
                return
            if "could not bind" in said or "Address already in use" in said:
                if port:
                    raise ResourceError(
                        f"port {port} is taken", field=f"127.0.0.1:{port}", remedy="free the port, or let Wince choose one (0)"
                    )
            elif "No space left" in said or "Permission denied" in said:
                raise failure(said, "PostgreSQL does not start", self._home, self.log)
            if time.monotonic() > deadline:
                raise failure(said, "PostgreSQL does not start", self._home, self.log)
            time.sleep(0.2)

    def _try_start(self) -> str | None:
        """None where the server answers; else the end of its log."""
        try:
            self.log.write_bytes(b"")
            if self._account.switch:
                os.chown(self.log, self._account.uid, self._account.gid)
            self.log.chmod(0o600)
        except OSError as error:
            raise resource(error, self.log) from None
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        # A socket's path is limited to 107 bytes; the deeper directory does without one.
        data = str(self.data.resolve())
        options += ["-p", str(self._port), "-k", data if len(os.fsencode(data)) < 85 and "," not in data else ""]
        with self.log.open("ab") as sink:
            self._process = self._programs.spawn([str(self._programs.folder / "postgres"), "-D", str(self.data), *options], sink)
        return None if self._up(self._process) else self.log.read_text(errors="replace")[-4000:]

    def _up(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server answers; False where it ended, or recovers longer than anybody waits (then it is ended)."""
        deadline = time.monotonic() + RECOVERY_S
        while process.poll() is None:
            if self.postmaster() == process.pid and self._answers():
                return True
            if time.monotonic() > deadline:
                self._kill()
                process.wait(END_S)
                return False
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn(), connect_timeout=3) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True


def _flock(descriptor: int) -> bool:
    """Takes the lock of an open file or folder for itself alone, without waiting."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlocked(directory: Path) -> bool:
    """Whether nobody holds the lock of a folder now."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _flock(descriptor)
    finally:
        os.close(descriptor)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
