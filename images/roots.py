"""Debian roots without a container engine: debootstrap, overlays of folders, and steps run inside by chroot. Needs root, on Linux.

All mounts lie in a mount namespace of this process and its children: they go with it, however it ends.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SUITE = "bookworm"
"""Debian 12: its Python is 3.11."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_CLONE_NEWNS = 0x20000
_DEVICES = ("null", "zero", "full", "random", "urandom")


class BuildError(Exception):
    """A step failed; its last words."""


def why_not() -> str:
    """Why no root can be built here; empty where one can."""
    if os.geteuid() != 0:
        return "building roots needs root"
    absent = [name for name in ("debootstrap", "chroot", "unshare") if shutil.which(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (requirements/apt.txt)"
    return "" if sources() else f"apt's sources of this machine name no mirror of Debian's {SUITE}"


def apart() -> None:
    """A mount namespace of our own. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def sources(folder: Path = Path("/etc/apt")) -> list[str]:
    """This machine's own lists of where Debian's packages of SUITE come from, as deb822 paragraphs."""
    found = []
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        for paragraph in file.read_text().split("\n\n"):
            lines = [line for line in paragraph.splitlines() if line.strip() and not line.startswith("#")]
            keys = {key.strip().lower(): value for key, _, value in (line.partition(":") for line in lines)}
            if any(suite.partition("-")[0] == SUITE for suite in keys.get("suites", "").split()) and "main" in keys.get("components", ""):
                found.append("\n".join(line for line in lines if not line.lower().startswith("signed-by")))
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for line in (line for file in lists if file.is_file() for line in file.read_text().splitlines()):
        words = [word for word in line.split("#")[0].split() if not (word.startswith("[") or word.endswith("]"))]
        if len(words) > 3 and words[0] == "deb" and words[2].partition("-")[0] == SUITE and "main" in words[3:]:
            found.append(f"Types: deb\nURIs: {words[1]}\nSuites: {words[2]}\nComponents: main")
    return [f"{one}\nSigned-By: {KEYRING}" for one in found]


def mirror() -> str:
    """Where this machine's apt takes SUITE from."""
    for one in sources():
        keys = {key.strip().lower(): value.split() for key, _, value in (line.partition(":") for line in one.splitlines())}
        if SUITE in keys["suites"]:
            return keys["uris"][0]
    raise BuildError(f"apt's sources of this machine name no mirror of Debian's {SUITE}")


def bootstrap(folder: Path) -> Path:
    """Debian's minimum in `folder`, made where it is not there: two minutes."""
    if not folder.exists():
        scratch = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(scratch, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _said(["debootstrap", "--variant=minbase", SUITE, str(scratch), mirror()])
        scratch.rename(folder)
    return folder


@dataclass
class Root:
    """A root made of folders, topmost first; what steps change lies in `upper`."""

    lower: Sequence[Path]
    upper: Path
    at: Path
    """An empty folder to mount it at."""
    binds: Mapping[str, Path] = field(default_factory=dict)
    """Folders of this machine by their place inside; `/out` can be written, the others can't."""

    def __enter__(self) -> Root:
        work = self.upper.with_name(f"{self.upper.name}.work")
        for folder in (self.upper, work, self.at):
            folder.mkdir(parents=True, exist_ok=True)
        layers = ":".join(map(str, self.lower))
        _said(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={layers},upperdir={self.upper},workdir={work}", str(self.at)])
        _said(["mount", "-t", "proc", "proc", str(self.at / "proc")])
        _said(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(self.at / "dev")])
        for name in _DEVICES:
            self._bind(Path("/dev") / name, self.at / "dev" / name)
        (self.at / "dev/shm").mkdir(mode=0o1777)
        for inside, outside in self.binds.items():
            self._bind(outside, self.at / inside.lstrip("/"), write=inside == "/out")
        shutil.copy("/etc/resolv.conf", self.at / "etc/resolv.conf")
        return self

    def __exit__(self, *_: object) -> None:
        _said(["umount", "--recursive", str(self.at)])
        shutil.rmtree(self.upper.with_name(f"{self.upper.name}.work"), ignore_errors=True)
        (self.upper / "etc/resolv.conf").unlink(missing_ok=True)
        for inside in self.binds:
            place = self.upper / inside.lstrip("/")
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()

    def run(self, script: str, *words: str, environment: Mapping[str, str] | None = None) -> None:
        """A step of images/steps inside, as root. Raises BuildError."""
        inside = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        command = ["chroot", str(self.at), "/bin/sh", f"/src/images/steps/{script}", *words]
        _said(command, {**inside, **(environment or {})})

    @staticmethod
    def _bind(outside: Path, place: Path, *, write: bool = True) -> None:
        if outside.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.touch()
        _said(["mount", "--bind", str(outside), str(place)])
        if not write:
            _said(["mount", "-o", "remount,bind,ro", str(place)])


def merged(folders: Sequence[Path], at: Path, into: Path) -> Path:
    """A copy of what folders show together, topmost first. `at`: an empty folder."""
    _said(["mount", "-t", "overlay", "overlay", "-o", f"ro,lowerdir={':'.join(map(str, folders))}", str(at)])
    try:
        _said(["cp", "--archive", str(at), str(into)])
    finally:
        _said(["umount", str(at)])
    return into


def _said(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise BuildError(f"{' '.join(command[:4])}: {tail}")
