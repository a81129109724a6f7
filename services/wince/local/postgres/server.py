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

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from wince.errors import ResourceError, StoreError
from wince.local import stopping
from wince.local.interface import LocalServer
from wince.local.ports import free_ports
from wince.local.postgres.account import Account, server_account
from wince.local.postgres.cluster import check_version, find_home, initialise, read_password
from wince.local.postgres.installed import binaries
from wince.local.postgres.postmaster import Postmaster
from wince.local.postgres.programs import Programs, failure, resource

START_S = 20.0
"""How long a start is tried; after kill -9 of the postmaster its children need some seconds to go."""


class InUse(ResourceError):
    """Somebody else owns the data directory."""


class EmbeddedPostgres(LocalServer):
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
        self._ended: Callable[[], object] = lambda: None
        self._account = Account(0, 0, switch=False)
        self._programs = Programs(Path(), self._account)
        self._home = directory
        self._master = Postmaster(directory, self._programs)
        self._password = ""

    @property
    def data(self) -> Path:
        """The cluster's directory."""
        return self._master.data

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._master.log

    def start(self, lock_s: float = START_S) -> None:
        """Returns when the server answers a query. Adopts one that an owner which was killed left behind. `lock_s`: how long a command
        that only looks, and starts or stops the server now, is waited for."""
        self._account = server_account()
        self._make_directory()
        self._take_lock(lock_s)
        self._port = 0
        try:
            self._programs = Programs(binaries(self._account), self._account)
            self._home = find_home(self.directory, self._account)
            self._master = Postmaster(self._home, self._programs)
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
        self._master = Postmaster(self._home, self._programs)
        check_version(self.data)
        self._password = read_password(self.directory, self.data)
        return True

    def reachable(self) -> bool:
        """Whether a server that runs on the directory (`locate` said where) answers; then `dsn` leads to it, whatever its owner."""
        found = self._master.find()
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
        if self._adopt():  # one that runs and doesn't answer may be recovering from the end of a backend
            return False
        self._launch(self._port)
        return True

    def postmaster(self) -> int | None:
        """Process id of the running postmaster; None where none runs on this data directory."""
        return self._master.pid

    def stop(self) -> None:
        """Ends the server (open transactions are rolled back) and gives the directory free. Idempotent."""
        if self._lock is None:
            return
        try:
            self._master.end()
        finally:
            self._release_lock()

    def _kill(self) -> None:
        if self._port:  # else nothing was launched or taken over yet: what runs there is not ours
            self._master.kill()

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._account.switch:
                self.directory.chmod(0o711)
        except OSError as error:
            raise resource(error, self.directory) from None

    def _take_lock(self, lock_s: float) -> None:
        if self._lock is not None:
            raise StoreError("the embedded PostgreSQL is already started", field=str(self.directory))
        try:
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise resource(error, self.directory / "lock") from None
        deadline = time.monotonic() + lock_s
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
        while (found := self._master.find()) and time.monotonic() < deadline:
            self._port = found[1]
            if self._answers():
                return not self._fixed or self._fixed == self._port or self._stop_stranger()
            time.sleep(0.1)
        return False

    def _stop_stranger(self) -> bool:
        """The server left behind listens on another port than asked for: end it, start again."""
        self._master.end()
        return False

    def _launch(self, port: int = 0) -> None:
        deadline = time.monotonic() + START_S
        port = port or self._fixed
        while True:
            self._port = port or free_ports(1)[0]
            said = self._master.start(self._port, self._answers)
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
