"""`make run` as on a new machine, in fresh clones at places where it might fail. Some minutes each: packages are installed every time.

python -m tests.e2e.first_run [CASE ...]        # as root; needs a package registry; standard library only
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAST_LINE = re.compile(r"wince: \d+ observations for 3 patients, \d+ sent to a nurse, audit chain verified \(\d+ entries, .*\)")
LIMIT_S = 900
OFFLINE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
READ_ONLY = ("unshare", "--mount", "sh", "-c", 'mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME" && exec "$@"', "sh")


@dataclass(frozen=True)
class Case:
    """One clone and how it is started."""

    folder: str
    """Below a folder that everybody may enter; the clone and the home lie in it."""
    mode: int = 0o755
    user: str = "root"
    python: str = "python3"
    umask: int = 0o022
    before: tuple[str, ...] = ()
    """Words before `make`."""
    again: tuple[str, ...] | None = None
    """Words before a second `make run`; None: there is none."""


CASES = {
    "private": Case("home of root", mode=0o700, again=OFFLINE),
    "strict": Case("strict", mode=0o700, umask=0o077),
    "user": Case("somebody", user="nobody", python="/usr/bin/python3"),
    "odd": Case("Wöhlers Klinik für 'alle' & Söhne, Haus 3", python="python3.12", again=OFFLINE),
    "read-only": Case("read-only", before=READ_ONLY, python="python3.13"),
}


def main(names: Sequence[str]) -> int:
    """Run the cases; 1 where one failed, 0 otherwise. What can't be tried here is said."""
    failed = 0
    for name in names or CASES:
        case = CASES[name]
        if reason := _why_not(case):
            print(f"skipped  {name}: {reason}", flush=True)
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="wince-first-", dir="/var/tmp") as folder:
            Path(folder).chmod(0o755)
            trouble = _try(case, Path(folder))
        failed += bool(trouble)
        print(f"{'FAILED' if trouble else 'ok':<8} {name}: {time.monotonic() - start:.0f} s{trouble}", flush=True)
    return 1 if failed else 0


def _why_not(case: Case) -> str:
    if os.geteuid() != 0:
        return "needs root"
    python = shutil.which(case.python)
    if python is None or subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode:
        return f"{case.python} with venv is not installed"
    return ""


def _try(case: Case, root: Path) -> str:
    """What went wrong; empty where nothing did."""
    place = root / case.folder
    clone, home = place / "wince", place / "home"
    home.mkdir(parents=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    user = pwd.getpwnam(case.user)
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(place)], check=True)
    place.chmod(case.mode)
    try:
        trouble = _run(case, case.before, clone, home)
        if not trouble and case.again is not None:
            trouble = _run(case, case.again, clone, home)
        return trouble
    finally:
        for location in place.rglob("postgres/location"):  # a database that root's first run put elsewhere
            shutil.rmtree(location.read_text().strip(), ignore_errors=True)


def _run(case: Case, before: Sequence[str], clone: Path, home: Path) -> str:
    user = pwd.getpwnam(case.user)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_")) or name in ("PATH", "LANG")}
    switch = {} if case.user == "root" else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    done = subprocess.run(
        [*before, "make", "run", f"PYTHON={shutil.which(case.python)}"], cwd=clone, env=kept | {"HOME": str(home)}, capture_output=True,
        text=True, timeout=LIMIT_S, umask=case.umask, check=False, **switch,  # type: ignore[call-overload]
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1:] or [""]
    if done.returncode == 0 and LAST_LINE.fullmatch(last[0]):
        return ""
    return f"\n{' '.join(before)} make run gave {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
