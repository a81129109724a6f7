"""Runs PostgreSQL's own programs, and says what their failures mean."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wince.errors import ResourceError, StoreError
from wince.local.postgres.account import Account


@dataclass(frozen=True, slots=True)
class Programs:
    """initdb and pg_ctl of one installation, run as one account."""

    folder: Path
    account: Account

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program as the server's account. Output goes to a file: the server would inherit a pipe and never close it."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        with tempfile.TemporaryFile() as output:
            command = [str(self.folder / name), *arguments]
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env=environment,
                    timeout=60,
                    check=False,
                    start_new_session=True,
                    **self.account.options(),
                )
                code = done.returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise StoreError(f"{name}: {type(error).__name__}", field=command[0], remedy="see the server's log") from None
            output.seek(0)
            return subprocess.CompletedProcess(command, code, output.read().decode(errors="replace"))


def resource(error: OSError, path: Path) -> ResourceError:
    """What the system refused."""
    return ResourceError(
        error.strerror or type(error).__name__, field=str(path), remedy="give a directory that can be written, with free space"
    )


def failure(said: str, message: str, path: Path) -> ResourceError | StoreError:
    """What a program's output, or the server's log, means. Of it only one line comes out: it holds no row."""
    last = next((line for line in reversed(said.splitlines()) if "FATAL" in line or "error:" in line), "").strip()[:300]
    if "No space left" in said:
        return ResourceError("the disk is full", field=str(path), remedy="free space there, then start again; nothing committed is lost")
    if "Permission denied" in said:
        return ResourceError(f"{message}: permission denied", field=str(path), remedy="the directory must belong to the server's account")
    return StoreError(f"{message}: {last}" if last else message, field=str(path), remedy="see server.log in that directory")
