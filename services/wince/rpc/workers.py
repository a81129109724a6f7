"""Threads beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any


class Workers:
    """Threads that a servicer does its blocking work on: models, the database. Never more at a time than there are threads."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """`work(*arguments)` on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def everywhere(self, work: Callable[[], object]) -> None:
        """`work()` once on each of the threads, before any of them does anything else; raises what it raises."""
        together = threading.Barrier(self._threads)

        def once() -> None:
            try:
                work()
            except BaseException:
                together.abort()
                raise
            with suppress(threading.BrokenBarrierError):
                together.wait()

        errors = [future.exception() for future in [self._pool.submit(once) for _ in range(self._threads)]]
        for error in errors:
            if error is not None:
                raise error

    def close(self) -> None:
        """Ends the threads after what they have in hand."""
        self._pool.shutdown(wait=True, cancel_futures=True)
