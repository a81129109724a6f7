"""Where an embedded installation keeps its state."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wince.errors import ResourceError
from wince.settings import Settings

TRIES, TRY_S = 4, 0.05
CLOSED = ("ehr", "imaging", "keys", "kafka", "logs", "run", "serving")
"""Folders below the state directory that hold patient data or secrets."""


@dataclass(frozen=True, slots=True)
class Places:
    """Files and folders below the state directory."""

    root: Path
    postgres: Path
    ehr: Path
    audit_key: Path
    """Signs checkpoints. In production it lies on another host than the database."""
    checkpoints: Path
    timestamps: Path
    """An authority's timestamps of checkpoints, where one is set."""
    verified: Path
    """What the last `wince audit verify --since-last` proved."""
    logs_key: Path
    """Keys the hashes that stand for patients in logs."""

    @classmethod
    def of(cls, settings: Settings) -> Places:
        """The places that the settings name."""
        root = settings.state_dir.expanduser().resolve()
        return cls(
            root,
            root / "postgres",
            root / "ehr",
            settings.audit_key_file or root / "keys" / "audit.pem",
            settings.checkpoint_file or root / "audit-checkpoints.jsonl",
            root / "audit-timestamps.jsonl",
            root / "audit-verified.json",
            settings.logs_key_file or root / "keys" / "logs.key",
        )

    def make(self) -> None:
        """Create the folders. Only their owner can read what lies in them, whatever the umask is; a folder of an earlier release that
        others could enter is closed. Raises ResourceError."""
        try:
            # Others may pass through, so that a database that runs as another user can lie here; every folder inside is closed.
            self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
            self.audit_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in CLOSED:
                _close(self.root / name)
        except OSError as error:
            raise ResourceError(
                error.strerror or "can't be made",
                field=f"WINCE_STATE_DIR={self.root}",
                remedy="free space, or name a folder that you may write",
            ) from None


def _close(folder: Path) -> None:
    """Made where absent; open to its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)


def secret(path: Path, content: str) -> Path:
    """A file that its owner alone may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(content)
    return path


def owned(places: Places) -> bool:
    """Whether a process plays on the state directory now. Makes nothing; False where there is no such directory."""
    try:
        descriptor = os.open(places.root / "owner.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


class Owner:
    """Only one process plays on a state directory at a time; the lock goes with the process, however it ends."""

    def __init__(self, places: Places) -> None:
        self._path = places.root / "owner.lock"
        self._file = -1

    def __enter__(self) -> Owner:
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            self._lock()
        except BlockingIOError:
            os.close(self._file)
            raise ResourceError(
                "another wince works on this state directory", field=str(self._path.parent), remedy="wait for it, or set WINCE_STATE_DIR"
            ) from None
        except OSError as error:
            raise ResourceError(error.strerror or "can't be locked", field=str(self._path), remedy="check space and permission") from None
        return self

    def _lock(self) -> None:
        """Raises BlockingIOError. `owned` holds the lock for a moment when it asks: that is no owner."""
        for _ in range(TRIES):
            with suppress(BlockingIOError):
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            time.sleep(TRY_S)
        return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
