"""Where peers of tests lie that are fetched or built once: a folder per peer and version, whole or not there at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from platformdirs import user_cache_dir

from wince.errors import ResourceError
from wince.local.server_process import bound_to_parent
from wince.telemetry.output import last_lines

SOURCES = Path(__file__).parents[1] / "testing" / "peers"
"""A folder per peer: what says which packages it needs, and its few sources."""


def cache() -> Path:
    """Where the peers lie: WINCE_PEERS_DIR, or the user's cache."""
    return Path(os.environ.get("WINCE_PEERS_DIR") or Path(user_cache_dir("wince")) / "peers")


def digest(files: Sequence[Path], *also: str) -> str:
    """Twelve characters that change with what is in the files, and with further texts."""
    return hashlib.sha256(b"\0".join([*(path.read_bytes() for path in files), *(text.encode() for text in also)])).hexdigest()[:12]


def make(target: Path, fill: Callable[[Path], None], kind: str) -> None:
    """Whole or not at all: `fill` writes into a folder beside `target`, which is renamed then. What is there is kept.

    One process at a time fills, for each `kind` ("java", "npm", "go"): Maven doesn't lock its local repository, and two builds at once
    only share the cores. A second process waits and finds what the first made. The lock goes with its process, however that ends. What a
    process that was killed left half made is removed by the next one.
    """
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".making-{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return
        for left in target.parent.glob(f".making-{kind}-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".making-{kind}-") as scratch:
            out = Path(scratch) / "out"
            out.mkdir()
            fill(out)
            out.rename(target)


def run(command: Sequence[str], folder: Path, *, limit_s: float, remedy: str, environment: Mapping[str, str] | None = None) -> str:
    """What a command wrote to its output; it ends with this process. `environment`: variables beside those of this process.

    Raises ResourceError, with its last lines, where it fails, can't be started, or takes longer than `limit_s`.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            bound_to_parent(command), cwd=folder, capture_output=True, text=True, timeout=limit_s, check=False,
            stdin=subprocess.DEVNULL, env=os.environ | dict(environment or {}),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ResourceError(f"{name} did not end within {limit_s:.0f} s", field="peers", remedy=remedy) from None
    except OSError as error:
        raise ResourceError(f"{name} can't be started: {error.strerror}", field="peers", remedy=remedy) from error
    if done.returncode:
        said = last_lines(done.stdout + done.stderr) or f"exit code {done.returncode}"
        raise ResourceError(f"{name} failed: {said}", field="peers", remedy=remedy)
    return done.stdout
