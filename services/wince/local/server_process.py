"""The process of one server: spawned, waited for until it answers, ended in order or at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wince.errors import ResourceError
from wince.local.last_words import last_words, size
from wince.local.stopping import at_last

RESTARTS = 2
"""How many times a server that is killed while it starts is started again."""
LOOK_S = 0.05
GIVE_UP_S = 5.0
"""How long a server that did not answer may take to end."""


def bound_to_parent(command: Sequence[str]) -> list[str]:
    """The same command, killed by the kernel where this process ends first, however it ends: for what only serves a test or a build.

    `setpriv` of util-linux does so; where it is absent the command stays as it is. Call it from a thread that lives as long as the
    process: the kernel watches the thread.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else list(command)


class ServerProcess:
    """A process and those that it begins, in a session of their own: Ctrl-C reaches only the program that drains what stands on it.

    `spawn`, `await_answer`, `stop`; it may be spawned again after it ended. `kill` and `send` may be called from any thread.
    """

    def __init__(self, name: str, log: Path) -> None:
        """name: for errors, such as "TorchServe". log: its output is appended there."""
        self.name, self.log = name, log
        self._process: subprocess.Popen[bytes] | None = None
        self._spawn_again: Callable[[], None] = lambda: None
        self._said_from = 0
        """Where in the log this start's own words begin."""
        self._stopping = False
        self._ended: Callable[[], object] = lambda: None

    @property
    def pid(self) -> int | None:
        """Process id; None where it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def spawn(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        """Begin it, with `folder` as its working folder."""
        self._stopping = False
        self._ended()
        self._ended = at_last(self._end_at_once)
        self._spawn_again = lambda: self._begin(command, folder, environment)
        self._spawn_again()

    def await_answer(self, answers: Callable[[], bool], timeout_s: float, *, remedy: str = "read its log") -> None:
        """Wait until it answers. Raises ResourceError with its last words where it ends first or does not answer in time; it is stopped
        then. One that somebody kills meanwhile is spawned again."""
        deadline, left = time.monotonic() + timeout_s, RESTARTS
        while True:
            code = self._process.poll() if self._process is not None else 0
            if code is None and answers():
                return
            if code == -signal.SIGKILL and left and not self._stopping:
                left -= 1
                self._kill_group()
                self._spawn_again()
            elif code is not None or time.monotonic() > deadline:
                raise self._failure(f"did not answer within {timeout_s:.0f} s" if code is None else f"ended with {code}", remedy)
            time.sleep(LOOK_S)

    def send(self, number: signal.Signals) -> None:
        """A signal to the process itself, where it runs."""
        if (process := self._process) is not None:
            process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if (process := self._process) is not None:
            process.kill()
            process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM, also for one that is frozen. Doesn't wait."""
        self._stopping = True
        if self.pid is not None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)

    def stop(self, wait_s: float) -> None:
        """End it in order, and kill what has not ended after `wait_s`. Idempotent."""
        self.ask_to_end()
        if (process := self._process) is not None:
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._kill_group()
            self._process = None
        self._ended()

    def _begin(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._said_from = size(self.log)
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                list(command),
                stdout=sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )

    def _failure(self, what: str, remedy: str) -> ResourceError:
        self.stop(GIVE_UP_S)
        cause, _ = last_words(self.log, self._said_from)
        return ResourceError(f"{self.name} {what}" + (f"; its last words: {cause}" if cause else ""), field=str(self.log), remedy=remedy)

    def _end_at_once(self) -> None:
        self._stopping = True
        self._kill_group()

    def _kill_group(self) -> None:
        """It and what it began: workers outlive their server."""
        if (process := self._process) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
