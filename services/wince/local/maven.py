"""Peers in Java: their jars by Maven into a cache, their few sources compiled into it. Nothing is committed but pom and source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from wince.errors import ResourceError
from wince.local.peer_cache import SOURCES, cache, digest, make, run

_FETCH_S = 900
_REMEDY = "see that Maven reaches its repository"


def available() -> str:
    """Why the Java peers can't be used here: empty where they can.

    A test skips, saying so; on a build server (CI set) it must fail instead.
    """
    missing = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    return f"{', '.join(missing)} not found; install a JDK 17 and Maven" if missing else ""


def fetched(name: str) -> bool:
    """Whether a peer's jars lie in the cache, so that `classpath` needs no network."""
    return (cache() / f"{name}-{digest([SOURCES / name / 'pom.xml'])}").is_dir()


def classpath(name: str) -> str:
    """Class path of a peer (a folder in SOURCES), fetched and compiled where that was not done yet.

    Blocks for a download of some minutes the first time. Raises ResourceError where Java, Maven or the download fails.
    """
    if reason := available():
        raise ResourceError(reason, field="peers")
    source = SOURCES / name
    jars = cache() / f"{name}-{digest([source / 'pom.xml'])}"
    goal = ["mvn", "-B", "-ntp", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime"]
    make(jars, lambda out: _run([*goal, f"-DoutputDirectory={out}"], source), "java")
    java = sorted(source.glob("*.java"))
    if not java:
        return f"{jars}/*"
    classes = cache() / f"{name}-classes-{digest([source / 'pom.xml', *java])}"
    make(classes, lambda out: _run(["javac", "-nowarn", "-cp", f"{jars}/*", "-d", str(out), *map(str, java)], source), "java")
    return f"{classes}{os.pathsep}{jars}/*"


def _run(command: list[str], directory: Path) -> None:
    run(command, directory, limit_s=_FETCH_S, remedy=_REMEDY)
