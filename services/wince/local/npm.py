"""Peers in JavaScript: their packages by npm into the cache of peers, exactly as their lock file has them (versions and hashes)."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from wince.errors import ResourceError
from wince.local.maven import SOURCES, cache
from wince.telemetry.output import last_lines

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
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]
    target = cache() / f"{name}-{digest}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        for path in files:
            shutil.copy(path, out)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--loglevel=error"]
        try:
            done = subprocess.run(command, cwd=out, capture_output=True, text=True, timeout=_FETCH_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ResourceError(f"npm failed: {type(error).__name__}", field=name, remedy="see that its registry can be reached") from error
        if done.returncode != 0:
            raise ResourceError(f"npm failed: {last_lines(done.stderr)}", field=name, remedy="see that its registry can be reached")
        try:
            out.rename(target)  # who comes second keeps what the first made
        except OSError:
            if not target.is_dir():
                raise
    return target
