"""What a process is made of: parts that start, stop, and say what ended them.

A thread that ends unseen leaves a process that looks well and does nothing. So threads of ours are `WatchedThread`s: one that raises,
or that returns although nobody asked it to, is named by `failed`, and the code that runs the process looks there twice a second
(`serve/process.py`, `serve/embedded.py`, `serve/up.py`): health says NOT_SERVING, the log names the part, the process ends with the
cause, and its supervisor starts it again.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Protocol, Self

from wince.errors import PeerError, ResourceError, StoreError, WinceError
from wince.telemetry import logs

log = logs.get(__name__)

PASSING = (PeerError, StoreError, ResourceError)
"""Errors of another party, the database or the machine: they may pass, so work is tried again. Anything else is a fault of ours or a
broken promise; trying again forever would hide it, so it ends the process."""


class Part(Protocol):
    """Something that runs."""

    def start(self) -> object:
        """Begin. Raises what makes the process useless."""
        ...

    def stop(self) -> None:
        """Finish what is in hand, end. Idempotent."""
        ...

    def failed(self) -> BaseException | None:
        """What must end the process; None where there is nothing. Doesn't block."""
        ...


class StartStop(ABC):
    """Something that starts and stops; as a context manager, what a failed start left running is stopped."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> object:
        """Begin. Raises what keeps it from that."""

    @abstractmethod
    def stop(self) -> None:
        """End it. Idempotent, also after a start that failed."""


class Watched(Protocol):
    """Something that can say what ended it."""

    def failed(self) -> BaseException | None:
        """See Part.failed."""
        ...


class WatchedThread(threading.Thread):
    """A daemon thread that is meant to run until `stopped` is set.

    >>> stopped = threading.Event()
    >>> thread = WatchedThread("doctest", lambda: None, stopped)
    >>> thread.start(); thread.join(); thread.failed()
    WinceError('doctest ended although nobody asked it to')
    """

    def __init__(self, name: str, work: Callable[[], object], stopped: threading.Event) -> None:
        """`name`: shown in the log and in the error, so without PHI. `work`: runs once, on the thread."""
        super().__init__(name=name, daemon=True)
        self._work, self._stopped = work, stopped
        self.error: BaseException | None = None
        """What `work` raised."""

    def run(self) -> None:
        """Do the work; what it raises, SystemExit too, is kept and logged."""
        try:
            self._work()
        except BaseException as error:
            self.error = error
            log.error("a thread ended", thread=self.name, error=error)

    def failed(self) -> BaseException | None:
        """What `work` raised, or an error that names the thread where it returned unasked."""
        if self.error is not None:
            return self.error
        if self.ident is None or self.is_alive() or self._stopped.is_set():
            return None
        return WinceError(f"{self.name} ended although nobody asked it to")


def first_failed(parts: Iterable[Watched]) -> tuple[str, BaseException] | None:
    """The first part that failed: its name, for the log, and what ended it."""
    for part in parts:
        error = part.failed()
        if error is not None:
            return name_of(part), error
    return None


def name_of(part: object) -> str:
    """What a part is called in the log: its `name`, else its class."""
    return str(getattr(part, "name", "") or type(part).__name__)


def cause(name: str, error: BaseException) -> WinceError:
    """What a process ends with: the error itself, or one that names the part and the kind where its text may hold anything.

    >>> cause("delivery", KeyError("Erika")), cause("relay", WinceError("it broke"))
    (WinceError('delivery ended: KeyError'), WinceError('it broke'))
    """
    if isinstance(error, WinceError):
        return error
    made = WinceError(f"{name} ended: {type(error).__name__}")
    made.__cause__ = error
    return made
