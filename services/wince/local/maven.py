"""Peers in Java: their jars by Maven into a cache, their few sources compiled into it. Nothing is committed but pom and source."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_dir

from wince.errors import ResourceError
from wince.telemetry.output import last_lines

SOURCES = Path(__file__).parents[1] / "testing" / "peers"
"""A folder per peer: its pom, its few sources."""
_FETCH_S = 900


def available() -> str:
    """Why the Java peers can't be used here: empty where they can.

    A test skips, saying so; on a build server (CI set) it must fail instead.
    """
    missing = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    return f"{', '.join(missing)} not found; install a JDK 17 and Maven" if missing else ""


def cache() -> Path:
    """Where the peers lie: WINCE_PEERS_DIR, or the user's cache."""
    return Path(os.environ.get("WINCE_PEERS_DIR") or Path(user_cache_dir("wince")) / "peers")


def fetched(name: str) -> bool:
    """Whether a peer's jars lie in the cache, so that `classpath` needs no network."""
    return (cache() / f"{name}-{_digest([SOURCES / name / 'pom.xml'])}").is_dir()


def classpath(name: str) -> str:
    """Class path of a peer (a folder in SOURCES), fetched and compiled where that was not done yet.

    Blocks for a download of some minutes the first time. Raises ResourceError where Java, Maven or the download fails.
    """
    if reason := available():
        raise ResourceError(reason, field="peers")
    source = SOURCES / name
    jars = cache() / f"{name}-{_digest([source / 'pom.xml'])}"
    goal = ["mvn", "-B", "-ntp", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime"]
    _make(jars, lambda out: _run([*goal, f"-DoutputDirectory={out}"], source))
    java = sorted(source.glob("*.java"))
    if not java:
        return f"{jars}/*"
    classes = cache() / f"{name}-classes-{_digest([source / 'pom.xml', *java])}"
    _make(classes, lambda out: _run(["javac", "-nowarn", "-cp", f"{jars}/*", "-d", str(out), *map(str, java)], source))
    return f"{classes}{os.pathsep}{jars}/*"


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _make(target: Path, fill: Callable[[Path], None]) -> None:
    """Whole or not at all: filled beside, then renamed. What is there is kept.

    One process at a time fills: Maven doesn't lock its local repository, so two of them would write the same files. Who comes second waits
    and finds what the first made. The lock goes with its process, however that ends.
    """
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".making.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as scratch:
            out = Path(scratch) / "out"
            out.mkdir()
            fill(out)
            out.rename(target)


def _run(command: list[str], directory: Path) -> None:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    except subprocess.TimeoutExpired:
        raise ResourceError(f"{command[0]} did not end within {_FETCH_S} s", field="peers") from None
    if done.returncode:
        said = last_lines(done.stdout + done.stderr) or f"exit code {done.returncode}"
        raise ResourceError(f"{command[0]} failed: {said}", field="peers", remedy="see that Maven reaches its repository")
