"""The cluster of the embedded server on disk: where it lies, its password, its version, and how it is made."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from wince.errors import StoreError
from wince.local.postgres.account import Account, shared_directory
from wince.local.postgres.programs import Programs, failure, resource

MAJOR = "18"
"""Of the embedded server."""


def find_home(directory: Path, account: Account) -> Path:
    """Where cluster and log lie: in the directory, or, for an account that can't reach it, where `location` says."""
    location = directory / "location"
    if location.exists():
        home = Path(location.read_text().strip())
        if not home.is_dir():
            raise StoreError(
                "the data directory that this file names is gone",
                field=str(location),
                remedy="restore it from a backup, or move the whole state directory away to begin again",
            )
        return home
    if (directory / "data").exists() or account.can_traverse(directory.resolve()):
        return directory
    # A name of its own, not one made from the path: a person who deletes the state directory and begins again meets no old cluster.
    home = shared_directory(f"postgres-{secrets.token_hex(6)}", account)
    location.write_text(f"{home}\n")
    return home


def home_of(directory: Path) -> Path | None:
    """Where cluster and log lie; None where there is none yet. Makes nothing."""
    try:
        home = Path((directory / "location").read_text().strip())
    except OSError:
        home = directory
    return home if (home / "data" / "PG_VERSION").exists() else None


def read_password(directory: Path, data: Path) -> str:
    """The server's password, made at the first start. Raises StoreError where it is lost, ResourceError."""
    path = directory / "password"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise resource(error, path) from None
    if (data / "PG_VERSION").exists():
        raise StoreError(
            "the password of this data directory is lost",
            field=str(path),
            remedy="restore the file from a backup, or move the directory",
        )
    password = secrets.token_urlsafe(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise resource(error, path) from None
    return password


def check_version(data: Path) -> None:
    """Raises StoreError, with a remedy, for a directory of another major version."""
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    if found != MAJOR:
        raise StoreError(
            f"the data directory belongs to PostgreSQL {found}, the embedded server is {MAJOR}",
            field=str(data),
            remedy=f"dump it with PostgreSQL {found} (pg_dumpall), move the directory away, start again and load the dump",
        )


def initialise(home: Path, password: str, programs: Programs) -> None:
    """initdb, into a scratch directory first: a half-made cluster never stands under the real name."""
    try:
        scratch = Path(tempfile.mkdtemp(prefix="init-", dir=home))
    except OSError as error:
        raise resource(error, home) from None
    try:
        secret = scratch / "password"
        secret.touch(0o600)
        secret.write_text(password + "\n")
        if programs.account.switch:
            os.chown(scratch, programs.account.uid, programs.account.gid)
            os.chown(secret, programs.account.uid, programs.account.gid)
        made = scratch / "data"
        done = programs.run(
            "initdb", "-D", str(made), "-U", "wince", "-A", "scram-sha-256", f"--pwfile={secret}", "-k", "-E", "UTF8", "--locale=C"
        )
        if done.returncode:
            raise failure(done.stdout, "initdb failed", home, None)
        made.rename(home / "data")
    except OSError as error:
        raise resource(error, home) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
