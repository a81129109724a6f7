"""Processes that outlived a `wince up` that was killed: they end before the next one on that state directory takes ports and files.

Services see the end of their standard input and drain by themselves; Kafka and TorchServe know nothing of it. PostgreSQL is adopted
(`local/postgres/server.py`), not ended. A process id that was given to another meanwhile is not ended: psutil compares start times.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from wince.telemetry import logs

log = logs.get(__name__)

DRAIN_S = 8.0
"""How long a service may finish what it has begun; then it is killed, and nothing that is committed is lost."""


def end_outlived(root: Path, drain_s: float = DRAIN_S) -> int:
    """End what an earlier start on the state directory `root` (resolved) left behind; how many. Only for the directory's owner."""
    services = _processes(lambda process, command: "--supervised" in command and _state(process) == str(root))
    deadline = time.monotonic() + drain_s
    while any(map(_lives, services)) and time.monotonic() < deadline:
        time.sleep(0.05)
    servers = _processes(lambda _, command: any(f"{root}/{name}/" in part for part in command for name in ("kafka", "serving")))
    for process in (*services, *servers):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    while any(map(_lives, (*services, *servers))) and time.monotonic() < deadline + drain_s:
        time.sleep(0.02)
    if services or servers:
        log.warning("processes of an earlier start were ended", count=len(services) + len(servers))
    return len(services) + len(servers)


def running(wanted: Callable[[int, list[str]], bool]) -> list[int]:
    """Process ids, without this one, of which `wanted` says so: it is asked with the id and the words of the command."""
    return [process.pid for process in _processes(lambda process, command: wanted(process.pid, command))]


def _processes(wanted: Callable[[psutil.Process, list[str]], bool]) -> list[psutil.Process]:
    """Those that another user's rights hide are not among them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and wanted(process, process.cmdline()):
                found.append(process)
    return found


def _state(process: psutil.Process) -> str:
    """The state directory that a process was told."""
    return str(process.environ().get("WINCE_STATE_DIR", ""))


def _lives(process: psutil.Process) -> bool:
    """Not gone, and not merely waiting to be reaped."""
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
