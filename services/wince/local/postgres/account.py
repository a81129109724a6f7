"""Whom the embedded PostgreSQL runs as, and where that account can reach its files.

PostgreSQL refuses to run as root. Started by root, its programs run as an unprivileged account (`postgres` where it exists, else
`nobody`) and need a data directory which that account owns and whose every parent it may traverse; /root (0700) is none.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
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


def shared_roots(account: Account) -> Iterator[Path]:
    """The folders of SHARED that root owns, that can be written and that the account can reach; made where absent. For root only."""
    for root in SHARED:
        try:
            root.mkdir(parents=True, exist_ok=True)
            if _ours(root):
                root.chmod(0o755)  # whatever the umask was
            (root / ".copying").touch(0o600)
        except OSError:
            continue
        if _ours(root) and account.can_traverse(root):
            yield root


def shared_directory(name: str, account: Account) -> Path:
    """A directory owned by root that everybody may traverse (0711), for root only. Raises ResourceError."""
    for root in shared_roots(account):
        path = root / name
        try:
            path.mkdir(exist_ok=True)
            path.chmod(0o711)
        except OSError:
            continue
        if _ours(path):
            return path
    raise ResourceError(
        f"no directory below {' or '.join(map(str, SHARED))} can be made for PostgreSQL",
        field=str(SHARED[0]),
        remedy="make the state directory reachable for an unprivileged user (chmod o+x its parents), or start Wince as a normal user",
    )


def _ours(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
