"""PostgreSQL on a disk that takes longer to commit (tests/support/slow_disk.c, built and preloaded into the server)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from unittest import mock

from bench import Unmeasurable
from wince.errors import ResourceError
from wince.local.postgres import server
from wince.local.postgres.programs import Programs
from wince.local.postgres.server import EmbeddedPostgres

MEMORY = ("-c", "shared_buffers=512MB", "-c", "wal_buffers=16MB", "-c", "max_wal_size=4GB")
"""As a hospital's server has it, not the small one that Wince starts: who writes into full WAL buffers waits for the disk, too."""
SOURCE = Path(__file__).parents[1] / "tests/support/slow_disk.c"


class SlowDisk:
    """A running server, and how long its disk takes to commit beyond what it takes anyway."""

    def __init__(self, postgres: EmbeddedPostgres, file: Path) -> None:
        self.postgres, self._file = postgres, file

    def takes(self, seconds: float) -> None:
        """From the next commit on."""
        self._file.write_text(f"{round(seconds * 1e6)}\n")


@contextmanager
def slow_disk() -> Iterator[SlowDisk]:
    """A fresh server with its files in /var/tmp; ended and removed afterwards. Raises Unmeasurable without a C compiler."""
    if shutil.which("cc") is None:
        raise Unmeasurable("no C compiler to build the slow disk with; apt install gcc libc6-dev")
    with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        library, file = directory / "slow_disk.so", directory / "microseconds"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        library.chmod(0o755)
        file.write_text("0\n")

        class Preloaded(Programs):
            def spawn(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
                more = MEMORY if Path(command[0]).name == "postgres" and "-D" in command else ()
                return super().spawn(
                    ["/usr/bin/env", f"LD_PRELOAD={library}", f"SLOW_DISK={file}", "SLOW_DISK_ONLY=/pg_wal/", *command, *more], output
                )

        try:
            with mock.patch.object(server, "Programs", Preloaded), EmbeddedPostgres(directory / "state") as postgres:
                yield SlowDisk(postgres, file)
        except ResourceError as error:
            raise Unmeasurable(error.diagnostics()) from None
