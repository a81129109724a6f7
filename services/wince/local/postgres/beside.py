"""The embedded server for a command that only looks: beside its owner where one runs, else started for as long as somebody looks.

Nothing is created: where no cluster is, none is made. Readers share a lock on the directory itself (`flock`, no file of its own). Whoever
starts the server gives the owner's lock back at once, so that a `wince up` which starts meanwhile takes the server over. The last reader to
leave stops a server that nobody owns.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from wince.errors import ResourceError
from wince.local.postgres.programs import resource
from wince.local.postgres.server import START_S, EmbeddedPostgres, InUse

LOOK_S = 0.1


class DirectoryReader:
    """One reader of one data directory: `open`, then `close`. Not thread-safe.

    Raises ResourceError (permission, a server that does not come up) and StoreError as EmbeddedPostgres does.
    """

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(directory)
        self._directory = directory
        self._lock = -1

    def exists(self) -> bool:
        """Whether there is a cluster to read."""
        return self._server.locate()

    def open(self, database: str) -> str:
        """Connection string of a database on a server that answers; started where it did not run."""
        try:
            self._lock = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise resource(error, self._directory) from None
        try:
            self._until_reachable()
        except BaseException:
            self.close()
            raise
        return self._server.dsn(database)

    def close(self) -> None:
        """Leave; stop the server where nobody owns it and nobody else looks. Idempotent."""
        if self._lock < 0:
            return
        try:
            if self._flock(fcntl.LOCK_EX):
                self._stop_ownerless()
        finally:
            os.close(self._lock)
            self._lock = -1

    def _until_reachable(self) -> None:
        """An owner may be starting or stopping the server, another reader too: each takes a second or two."""
        deadline = time.monotonic() + 2 * START_S
        while not self._flock(fcntl.LOCK_SH):
            self._wait(deadline)
        while not self._server.reachable():
            if not self._start():
                self._wait(deadline)

    def _start(self) -> bool:
        """Start the server, and own it no longer than that takes; False where somebody else has the directory."""
        if not self._owned():
            return False
        self._server.leave()
        return True

    def _stop_ownerless(self) -> None:
        if self._server.postmaster() is not None and self._owned():
            self._server.stop()

    def _owned(self) -> bool:
        try:
            self._server.start(lock_s=0)  # the lock of those who look is our own: waiting for it would be waiting for ourselves
        except InUse:
            return False
        return True

    def _flock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._lock, kind | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _wait(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise ResourceError(
                "the installation's database does not come up", field=str(self._server.log), remedy="read that log; is a disk full?"
            )
        time.sleep(LOOK_S)
