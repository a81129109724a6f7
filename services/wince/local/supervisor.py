"""Keeps processes running on one machine: started together, ready by their health, restarted with backoff, drained rank by rank.

Children are spawned, never forked. Each holds one end of a pipe as its standard input: where the supervisor dies, however it dies, its
children see the end of it and drain by themselves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wince.backoff import Backoff
from wince.clock import wall_us
from wince.errors import ResourceError, Unavailable
from wince.local.last_words import last_words, size
from wince.local.stopping import at_last
from wince.parts import StartStop, WatchedThread
from wince.telemetry import logs

log = logs.get(__name__)

LOOK_S = 0.2
AGAIN = Backoff(0.2, 15.0)
"""Between two starts of a process that ends."""
STARTS = 5
"""How many times to restart a process that was killed, or that lost a dependency, before it became ready."""
NOT_ITS_FAULT = (-signal.SIGKILL, Unavailable.exit_code)
"""Killed by somebody else; what it needs was away."""
STEADY_S = 30.0
"""The backoff of a process that ran this long starts from its first wait again."""


@dataclass(frozen=True)
class Child:
    """A process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    """Whether it can do its work; asked while it starts. Doesn't raise."""
    log: Path
    """Where its output goes."""
    ready_s: float = 120.0
    """How long it may take to become ready the first time."""
    drain_s: float = 40.0
    """How long it may take to end after SIGTERM; then it is killed."""
    rank: int = 0
    """The highest rank drains first, the next one once it has ended; those of one rank drain together."""


@dataclass
class _ChildProcess:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    since_s: float = 0.0
    failures: int = 0
    """Ends in a row without a steady run between."""
    again_s: float = 0.0
    restarts: int = field(default=0)
    since_us: int = 0
    said_from: int = 0
    """Where in the log this start's own words begin, bytes."""


@dataclass(frozen=True, slots=True)
class ChildState:
    """A child as it is."""

    name: str
    pid: int | None
    """None: it does not run now."""
    restarts: int
    """How often it was started again."""
    since_us: int
    """When it was last started, microseconds UTC."""


class Supervisor(StartStop):
    """Runs children until `stop`. A context manager."""

    def __init__(self, children: Sequence[Child], *, told: Callable[[str, str], None] = lambda _name, _what: None) -> None:
        """`told`: what happened to whom: started, ready, ended, stopped. Called from two threads."""
        self._kept = {child.name: _ChildProcess(child) for child in children}
        self._told = told
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._ended: Callable[[], object] = lambda: None
        self._thread = WatchedThread("supervisor", self._watch, self._stopping)

    def start(self) -> None:
        """Start all, wait until each is ready. Raises ResourceError naming the one that did not become ready, what it said, its log."""
        self._ended = at_last(self._kill)
        for kept in self._kept.values():
            self._spawn(kept)
        for kept in self._kept.values():
            self._await(kept)
        self._thread.start()

    def pid(self, name: str) -> int | None:
        """Process id; None while it does not run."""
        process = self._kept[name].process
        return process.pid if process is not None and process.poll() is None else None

    def ready(self, name: str) -> bool:
        """Whether it runs and can do its work."""
        return self.pid(name) is not None and self._kept[name].child.ready()

    def states(self) -> list[ChildState]:
        """All children, in their order. Asks none of them."""
        return [ChildState(name, self.pid(name), kept.restarts, kept.since_us) for name, kept in self._kept.items()]

    def restarts(self, name: str) -> int:
        """How often it was started again."""
        return self._kept[name].restarts

    def failed(self) -> BaseException | None:
        """What ended the watch for good: children that end would not be started again any more."""
        return self._thread.failed()

    def stop(self) -> None:
        """Drain: SIGTERM to all of the highest rank, wait for their ends, then the rank below. Idempotent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        ranks = {kept.child.rank for kept in self._kept.values()}
        for rank in sorted(ranks, reverse=True):
            self._drain([kept for kept in self._kept.values() if kept.child.rank == rank])
        self._ended()

    def _drain(self, together: Sequence[_ChildProcess]) -> None:
        """SIGTERM to all, then wait for each: the slowest counts, not their sum."""
        for kept in together:
            if kept.process is not None and kept.process.poll() is None:
                kept.process.send_signal(signal.SIGTERM)
        begun_s = time.monotonic()
        for kept in together:
            if kept.process is not None:
                _end(kept.process, begun_s + kept.child.drain_s - time.monotonic())
                kept.process = None  # not before: where there is no time, `_kill` still finds it
                self._told(kept.child.name, "stopped")

    def _kill(self) -> None:
        """Where there is no time to drain: whatever a service holds survives that."""
        self._stopping.set()
        for name in self._kept:
            if (pid := self.pid(name)) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _spawn(self, kept: _ChildProcess) -> None:
        child = kept.child
        child.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.said_from = size(child.log)
        with child.log.open("ab") as sink:
            process = subprocess.Popen(
                list(child.command), env=dict(child.environment), stdin=subprocess.PIPE, stdout=sink, stderr=sink, start_new_session=True
            )
        with self._lock:
            kept.process, kept.since_s, kept.since_us = process, time.monotonic(), wall_us()
        self._told(child.name, "started")

    def _await(self, kept: _ChildProcess) -> None:
        deadline, again = time.monotonic() + kept.child.ready_s, STARTS
        while not self._stopping.is_set():
            process = kept.process
            if process is not None and process.poll() in NOT_ITS_FAULT and again:
                again -= 1
                self._told(kept.child.name, _ended(kept))
                self._spawn(kept)
            elif process is not None and process.poll() is not None:
                raise _failure(kept, f"{_how(process.returncode)} before it was ready")
            if kept.child.ready():
                self._told(kept.child.name, "ready")
                return
            if time.monotonic() > deadline:
                raise _failure(kept, f"did not become ready in {kept.child.ready_s:.0f} s")
            time.sleep(LOOK_S)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_S):
            now_s = time.monotonic()
            for kept in self._kept.values():
                process = kept.process
                if process is not None and process.poll() is not None:
                    log.error("a service ended; restarting it", stage=kept.child.name, returncode=process.returncode)
                    self._told(kept.child.name, _ended(kept))
                    if now_s - kept.since_s > STEADY_S:
                        kept.failures = 0
                    kept.failures += 1
                    kept.process, kept.again_s = None, now_s + AGAIN.wait_s(kept.failures)
                    if process.stdin is not None:
                        process.stdin.close()
                if kept.process is None and now_s >= kept.again_s and not self._stopping.is_set():
                    kept.restarts += 1
                    try:
                        self._spawn(kept)
                    except OSError as error:
                        log.error("a service can't be started", stage=kept.child.name, error=error)
                        kept.failures += 1
                        kept.again_s = now_s + AGAIN.wait_s(kept.failures)


def _end(process: subprocess.Popen[bytes], drain_s: float) -> None:
    """Wait for the end of one that was told to drain; kill it after `drain_s`."""
    try:
        process.wait(max(drain_s, 0.0))
    except subprocess.TimeoutExpired:
        log.error("a service did not drain in time and is killed", pid=process.pid)
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _failure(kept: _ChildProcess, what: str) -> ResourceError:
    """Why a start failed, in the child's own words of this start."""
    cause, remedy = last_words(kept.child.log, kept.said_from)
    return ResourceError(
        f"{kept.child.name} {what}; " + (f"its last words: {cause}" if cause else "it said nothing"),
        field=str(kept.child.log),
        remedy=remedy or "read its log",
    )


def _ended(kept: _ChildProcess) -> str:
    """For a person who sees it end again and again: why, in its own words, where it said any."""
    code = kept.process.returncode if kept.process is not None else 0
    cause = "" if code < 0 else last_words(kept.child.log, kept.said_from)[0]
    return f"ended: {cause}" if cause else "ended"


def _how(code: int) -> str:
    """How a process ended."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
