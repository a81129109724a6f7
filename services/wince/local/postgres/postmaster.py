"""The server's process on one data directory: found, spawned, ended by its signals (SIGINT: fast shutdown; SIGQUIT: immediate)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from wince.local.postgres.programs import Programs, resource

RECOVERY_S = 300.0
"""How long a server may take to answer while it runs: after a kill it replays what it wrote, on a slow disk for minutes."""
END_S = 30.0
"""How long a shutdown may take."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and the DETAIL of errors hold rows, so patients: neither may reach the log.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_min_messages": "warning",
}
"""What differs from the server's defaults."""


class Postmaster:
    """`home` holds `data` and `server.log`. Not thread-safe, but for `kill`."""

    def __init__(self, home: Path, programs: Programs) -> None:
        self.data, self.log = home / "data", home / "server.log"
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def find(self) -> tuple[int, int] | None:
        """(process id, port) in postmaster.pid, where such a process lives and is the server of this directory."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
            process = psutil.Process(pid)
            with contextlib.suppress(psutil.AccessDenied):  # not everybody may look
                if not any("postgres" in word for word in process.cmdline()):  # another's by now, or one that waits to be reaped
                    return None
            with contextlib.suppress(psutil.AccessDenied, OSError):
                if not Path(process.cwd()).samefile(self.data):
                    return None
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None
        return pid, port

    @property
    def pid(self) -> int | None:
        """Process id; None where none runs on this data directory."""
        found = self.find()
        return found[0] if found else None

    def start(self, port: int, answers: Callable[[], bool]) -> str | None:
        """Start it on a port and wait until it `answers`: None then, else the end of its log. Raises ResourceError."""
        account = self._programs.account
        self._bury()
        try:
            self.log.write_bytes(b"")
            if account.switch:
                os.chown(self.log, account.uid, account.gid)
            self.log.chmod(0o600)
        except OSError as error:
            raise resource(error, self.log) from None
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        # A socket's path is limited to 107 bytes; the deeper directory does without one.
        data = str(self.data.resolve())
        options += ["-p", str(port), "-k", data if len(os.fsencode(data)) < 85 and "," not in data else ""]
        with self.log.open("ab") as sink:
            self._process = self._programs.spawn([str(self._programs.folder / "postgres"), "-D", str(self.data), *options], sink)
        return None if self._up(self._process, answers) else self.log.read_text(errors="replace")[-4000:]

    def _bury(self) -> None:
        """A postmaster that was killed and that nobody has reaped yet counts as alive for PostgreSQL, and its postmaster.pid as taken. Ours
        is reaped here. Another's waits for its parent, which in a container may never do it: then the file is removed. That the memory
        of the dead one is in nobody's use any more PostgreSQL asks by itself."""
        if self._process is not None:
            self._process.poll()
        file = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            if psutil.Process(int(file.read_text().splitlines()[0])).status() == psutil.STATUS_ZOMBIE:
                file.unlink()

    def _up(self, process: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
        """False where it ended, or recovers longer than anybody waits (then it is ended)."""
        deadline = time.monotonic() + RECOVERY_S
        while process.poll() is None:
            if self.pid == process.pid and answers():
                return True
            if time.monotonic() > deadline:
                self.end()
                return False
            time.sleep(0.05)
        return False

    def end(self) -> None:
        """A fast shutdown; one that takes too long is followed by an immediate one, from which the next start recovers."""
        for number in (signal.SIGINT, signal.SIGQUIT):
            pid, deadline = self.pid, time.monotonic() + END_S
            if pid is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            while self.pid == pid and time.monotonic() < deadline:
                time.sleep(0.02)
        process, self._process = self._process, None
        if process is not None:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End it at once, where there is no time to end it in order; the next start recovers. From any thread."""
        own = self._process.pid if self._process is not None and self._process.poll() is None else None
        pid = self.pid or own
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGQUIT)
