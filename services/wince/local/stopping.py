"""How a command ends when somebody stops it: Ctrl-C (SIGINT), SIGTERM, or a terminal that is closed (SIGHUP).

The signal becomes `Stopped`, raised in the main thread wherever that is, so that every `with` ends what it began. What takes longer
than LIMIT_S, or hangs, is cut off by a thread of its own: servers and services that were started here are killed (what is committed
survives that), and the process ends. A further signal changes nothing. A signal that was ignored from the start (`nohup`) stays so.
"""

from __future__ import annotations

import itertools
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIMIT_S = 4.0
"""After a signal; a person who waits is promised 5 s."""


class Stopped(BaseException):
    """Somebody stopped this process. No Exception: nobody who catches errors of work takes it for one."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number

    def __str__(self) -> str:
        """For a person: what happened, what of the work is kept, how to go on."""
        return f"stopped by {self.args[0]}" + "".join(f"; {sentence}" for sentence in (_state.kept(), _state.go_on) if sentence)


class _State:
    """Of this process; one command runs at a time."""

    def __init__(self) -> None:
        self.installed = False
        self.signal: int | None = None
        """The first one that came."""
        self.kept: Callable[[], str] = str
        self.go_on = ""
        self.patient: frozenset[int] = frozenset()
        """Signals after which there is no limit."""
        self.last: dict[int, Callable[[], None]] = {}
        self.numbers = itertools.count()


_state = _State()


def at_last(kill: Callable[[], None]) -> Callable[[], None]:
    """`kill` is called where this process ends without having ended something in order; call what is returned once it was.

    It must be quick, and may be called from another thread.
    """
    number = next(_state.numbers)
    _state.last[number] = kill
    return lambda: _state.last.pop(number, None) and None


def finish() -> None:
    """Kill whatever was begun and not ended, the last first."""
    while _state.last:
        with suppress(Exception):
            _state.last.popitem()[1]()


def keeps(kept: Callable[[], str], go_on: str) -> None:
    """From now on `kept` says what of this command's work stays where it is stopped, and `go_on` how to go on. Both are for a person."""
    _state.kept, _state.go_on = kept, go_on


@contextmanager
def stoppable(patient: tuple[int, ...] = ()) -> Iterator[None]:
    """Signals raise `Stopped` inside the block. `patient`: for these there is no limit. Main thread only; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, _state.patient = _state.patient, frozenset(patient)
    if _state.installed:
        try:
            yield
        finally:
            _state.patient = before
        return
    _state.installed, _state.signal = True, None
    keeps(str, "the same command begins again")
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(reading, ended), name="stopping", daemon=True).start()
    try:
        for number, handler in handlers.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _stop)
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        ended.set()
        os.close(writing)  # the watcher sees the end
        _state.installed, _state.patient = False, before


def _stop(number: int, _frame: FrameType | None) -> None:
    if _state.signal is not None:
        return
    _state.signal = number
    if number == signal.SIGHUP:
        _let_go_of_the_terminal()
    raise Stopped(number)


def _let_go_of_the_terminal() -> None:
    """It is gone: whatever is printed there from now on would fail, in the middle of an orderly end."""
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for descriptor in range(3):
            with suppress(OSError):
                if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                    os.dup2(nothing.fileno(), descriptor)


def _watch(reading: int, ended: threading.Event) -> None:
    """Ends the process where the block does not end in time. Apart from the main thread, which may hang where no signal reaches it."""
    try:
        while told := os.read(reading, 1):
            if told[0] in SIGNALS and told[0] not in _state.patient and not ended.wait(LIMIT_S):
                _cut_off(told[0])
    finally:
        os.close(reading)


def _cut_off(number: int) -> None:
    finish()
    with suppress(Exception):
        sys.stderr.write(f"wince: {Stopped(number)}; what did not end within {LIMIT_S:.0f} s was killed\n")
        sys.stderr.flush()
    os._exit(128 + number)
