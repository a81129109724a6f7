"""The installation's database for commands that look at it, or act through it, beside a `wince up` or `wince run` that may be running.

Nothing is made and nothing is migrated: a state directory that does not exist, or a database of another version, is an error.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from wince.errors import ConfigError
from wince.local.postgres.beside import DirectoryReader
from wince.local.postgres.opened import NAME
from wince.local.stopping import Stopped
from wince.serve.setup import server_dsn
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store.database import Database
from wince.store.migrate import require

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CONNECTIONS = 4


@contextmanager
def reading(settings: Settings, *, write: bool = False, any_schema: bool = False, wait_s: float = 10.0) -> Iterator[Database]:
    """The database that `WINCE_PG_DSN` names, else the embedded one of the state directory, which is started for as long as this lasts
    where it does not run. `write`: changes are let through. `any_schema`: it need not be this version's. `wait_s`: how long the database
    may take to answer.

    Ctrl-C, SIGTERM and SIGHUP end the block by Stopped, and no server stays behind. Raises ConfigError where there is no
    installation, StoreError where its schema is another version's, and what opening a database raises.
    """
    with (
        _ended_by_signals() as held,
        _dsn(settings, held) as dsn,
        Database(dsn, size=CONNECTIONS, wait_s=wait_s, read_only=not write) as database,
    ):
        if not any_schema:
            require(database)
        yield database


@contextmanager
def _dsn(settings: Settings, held: _DeferredSignals) -> Iterator[str]:
    if (named := server_dsn(settings)) is not None:
        yield named
        return
    places = Places.of(settings)
    server = DirectoryReader(places.postgres)
    if not server.exists():
        raise ConfigError(
            "holds no installation of Wince, so there is nothing to read" if places.root.is_dir() else "does not exist",
            field=f"WINCE_STATE_DIR={places.root}",
            remedy="name the state directory of the installation, or its database in WINCE_PG_DSN; `wince run` and `wince up` make one",
        )
    try:
        with held:  # a signal in the middle of a start would leave a server behind
            dsn = server.open(NAME)
        yield dsn
    finally:
        with held:
            server.close()


class _DeferredSignals:
    """While entered, signals that end the process wait."""

    def __init__(self) -> None:
        self._depth, self._came = 0, 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._depth -= 1
        if self._came and not self._depth and kind is None:
            number, self._came = self._came, 0
            raise Stopped(number)

    def signal(self, number: int, _frame: FrameType | None) -> None:
        """A handler."""
        if self._depth:
            self._came = number
        else:
            raise Stopped(number)


@contextmanager
def _ended_by_signals() -> Iterator[_DeferredSignals]:
    held = _DeferredSignals()
    if threading.current_thread() is not threading.main_thread():
        yield held
        return
    heeded = [number for number in ENDS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup, a shell's background
    before = {number: signal.signal(number, held.signal) for number in heeded}
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
