"""Peers in JavaScript: their packages by npm into the cache of peers, exactly as their lock file has them (versions and hashes)."""

from __future__ import annotations

import shutil
from pathlib import Path

from wince.errors import ResourceError
from wince.local.peer_cache import SOURCES, cache, digest, make, run

_FETCH_S = 600


def available() -> str:
    """Why JavaScript peers can't be used here: empty where they can. A test skips, saying so."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"{', '.join(missing)} not found; install Node.js 20 or later with npm" if missing else ""


def installed(name: str) -> Path:
    """Folder of a peer (a folder in SOURCES with package.json, package-lock.json and its scripts), fetched where that was not done yet.

    Blocks for a download of a minute the first time. Raises ResourceError where npm or the download fails.
    """
    if reason := available():
        raise ResourceError(reason, field="peers")
    source = SOURCES / name
    files = sorted(path for path in source.iterdir() if path.suffix in (".json", ".mjs", ".ts"))
    target = cache() / f"{name}-{digest(files)}"
    make(target, lambda out: _install(files, out), "npm")
    return target


def _install(files: list[Path], out: Path) -> None:
    for path in files:
        shutil.copy(path, out)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--loglevel=error"]
    run(command, out, limit_s=_FETCH_S, remedy="see that npm reaches its registry")
