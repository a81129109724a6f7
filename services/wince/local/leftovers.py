"""Processes that outlived a `wince up` that was killed: they end before the next one on that state directory takes ports and files.

Services see the end of their standard input and drain by themselves; Kafka and TorchServe know nothing of it. PostgreSQL is adopted
(`local/postgres/server.py`), not ended. Processes are found in /proc; where there is none, nothing is found.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wince.telemetry import logs

log = logs.get(__name__)

DRAIN_S = 8.0
"""So long a service may finish what it has begun; then it is killed: whatever it holds survives that."""


def end_outlived(root: Path, drain_s: float = DRAIN_S) -> int:
    """End what an earlier start on the state directory `root` (resolved) left behind; how many. Only for the directory's owner."""
    services = running(lambda pid, command: "--supervised" in command and _state(pid) == str(root))
    deadline = time.monotonic() + drain_s
    while any(_lives(pid) for pid in services) and time.monotonic() < deadline:
        time.sleep(0.05)
    servers = running(lambda _pid, command: any(f"{root}/{name}/" in part for part in command for name in ("kafka", "serving")))
    for pid in (*services, *servers):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while any(_lives(pid) for pid in (*services, *servers)) and time.monotonic() < deadline + drain_s:
        time.sleep(0.02)
    if services or servers:
        log.warning("processes of an earlier start were ended", count=len(services) + len(servers))
    return len(services) + len(servers)


def running(wanted: Callable[[int, list[str]], bool]) -> list[int]:
    """Process ids, without this one, of which `wanted` says so: it is asked with the id and the words of the command."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            if pid != os.getpid() and wanted(pid, command):
                found.append(pid)
    return found


def _state(pid: int) -> str:
    """The state directory that a process was told."""
    for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        if line.startswith(b"WINCE_STATE_DIR="):
            return line.partition(b"=")[2].decode("utf-8", "replace")
    return ""


def _lives(pid: int) -> bool:
    """Not gone, and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False
