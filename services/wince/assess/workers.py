"""Processes that assess: each computes on one thread, takes one file at a time, and may die without taking the others along.

Started by spawn (fork would copy locks of running threads). A worker that dies is an error of the file in its hands, and another takes
its place. Interrupts go to the parent only, which ends them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from wince.assess.inputs.live import Live
from wince.assess.inputs.reference import Reference
from wince.assess.inputs.view import WHOLE, View
from wince.assess.overlay.target import Target
from wince.assess.result import ClipResult
from wince.errors import ResourceError, WinceError
from wince.protocols.rules import ClinicalProtocol
from wince.settings import Settings

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Set to 1 for workers; OpenVINO, OpenCV and FFmpeg are told by the stages."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file."""

    number: int
    path: Path
    """Where its bytes lie."""
    source: str
    uri: str = ""
    """Address of a network camera; empty: a file."""
    overlay: Target | None = None
    """Where the film with its overlay is written; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Order:
    """What all tasks of a call share; sent to every worker once."""

    settings: Settings
    protocol: ClinicalProtocol
    reference: Reference | None
    pictures: bool
    view: View = WHOLE
    live: Live | None = None
    """Of its network cameras."""


Answer = float | ClipResult | WinceError
"""Share done, 0-1; the result; or why no file at all can be assessed."""
Serve = Callable[[Connection, Order], None]


def serve(connection: Connection, order: Order) -> None:
    """A worker's life: load the models, then assess what comes until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from wince.assess.engine import Engine, engine_wide  # heavy, and for the worker only
    from wince.assess.result_builder import failed

    try:
        engine = Engine(order.settings, order.protocol)
    except WinceError as error:
        connection.send((-1, error))
        return
    with suppress(EOFError, BrokenPipeError):
        while True:
            task: Task = connection.recv()
            try:
                result = engine.assess(
                    task.path, task.source, reference=order.reference, pictures=order.pictures, view=order.view,
                    uri=task.uri, live=order.live, overlay=task.overlay,
                    progress=lambda share, number=task.number: connection.send((number, share)),  # type: ignore[misc]
                )  # fmt: skip
            except (BrokenPipeError, EOFError):
                raise
            except Exception as error:
                if isinstance(error, WinceError) and engine_wide(error, order.reference):
                    connection.send((-1, error))
                    return
                result = failed(task.path, task.source, order.protocol, error)
            connection.send((task.number, result))


def run(tasks: Sequence[Task], order: Order, jobs: int, serve: Serve = serve) -> Iterator[tuple[Task, Answer]]:
    """Assess files in `jobs` processes; gives shares and results as they come. Closing the iterator ends the workers.

    A file whose worker died comes as a WinceError. Raises what keeps a worker from starting (a model file that changed).
    """
    waiting = list(reversed(tasks))
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.task is not None for worker in workers):
            while waiting and len(workers) < jobs:
                workers.append(_Worker(serve, order))
            for worker in workers:
                if worker.task is None and waiting:
                    worker.give(waiting.pop())
            ready = wait([worker.connection for worker in workers if worker.task is not None])
            for worker in [one for one in workers if one.connection in ready]:
                task = worker.task
                assert task is not None
                answer = worker.answer()
                if isinstance(answer, WinceError):
                    workers.remove(worker)
                yield task, answer
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.end()


class _Worker:
    """One process and the file in its hands."""

    def __init__(self, serve: Serve, order: Order) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.task: Task | None = None
        before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, "1"))
        # It inherits that SIGINT is blocked, from its first moment on; one that comes meanwhile reaches us afterwards. The tracker
        # of multiprocessing unblocks SIGINT as it starts, and the first worker would start it, so it starts before.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process: SpawnProcess = context.Process(target=serve, args=(theirs, order), daemon=True)
            self.process.start()
        except OSError as error:
            raise ResourceError(error.strerror or "no worker could be started", field="--jobs", remedy="give fewer --jobs") from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def give(self, task: Task) -> None:
        """Hand over a file; one that can't take it any more is found dead when it should answer."""
        self.task = task
        with suppress(OSError):
            self.connection.send(task)

    def answer(self) -> Answer:
        """What it says; a WinceError where it died. Raises WinceError where it could not start."""
        try:
            number, answer = self.connection.recv()
        except (EOFError, OSError):
            return self._died()
        if number < 0:
            raise answer
        if isinstance(answer, ClipResult):
            self.task = None
        result: Answer = answer
        return result

    def _died(self) -> WinceError:
        self.process.join(5)
        code = self.process.exitcode
        self.end()
        killed = code is not None and code < 0
        how = f"killed by signal {-code} ({signal.Signals(-code).name})" if killed and code is not None else f"exit code {code}"
        remedy = "try the file alone; report it if it happens again"
        if code == -signal.SIGKILL:
            remedy = "is there enough memory? give fewer --jobs"
        return ResourceError(f"the worker died while it worked on this file ({how})", remedy=remedy)

    def terminate(self) -> None:
        """Ask it to stop; it holds nothing that must be finished."""
        with suppress(OSError):
            self.connection.close()
        if self.process.is_alive():
            self.process.terminate()

    def end(self) -> None:
        """Stop it, whatever it does."""
        self.terminate()
        self.process.join(1)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(5)
