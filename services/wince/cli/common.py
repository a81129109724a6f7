"""What the commands share: options, consoles, settings."""

from __future__ import annotations

import dataclasses
import json
import os
import pwd
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wince.cli.verbosity import log_level
from wince.models import compiled_folder
from wince.settings import Settings, load
from wince.telemetry import logs

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

out = Console(highlight=False, markup=False, soft_wrap=True)
"""Standard output; where it is no terminal, wide enough for a table's row to be one line. What stands in brackets is text, no style."""
if not out.is_terminal:
    out.width = 160


def settings(**arguments: Any) -> Settings:
    """Settings of this call, with logging set up by them, and where compiled networks are kept."""
    if (level := log_level()) is not None:
        arguments["log_level"] = level
    loaded = load(**arguments)
    logs.configure(loaded.log_level, json=loaded.log_json)
    compiled_folder.keep_in(loaded.models_dir)
    return loaded


def user() -> str:
    """Who runs this command, for the audit trail: the user of this machine, as the system knows it and not as the environment says it; its
    number where it has no name (a container)."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def author(by: str = "") -> str:
    """Who decides something by a command: `by`, as it was typed, with the user of this machine beside it; that user where nobody is named.

    >>> author() == user(), author("n-17") == f"n-17 (user {user()})"
    (True, True)
    """
    me = user()
    return me if by.strip() in ("", me) else f"{by.strip()} (user {me})"


def bar(json_: bool) -> Progress:
    """A progress bar on a terminal; nothing elsewhere, or with --json."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=out, transient=True, disable=json_ or not out.is_terminal)


def to_json(value: Any) -> str:
    """One line of JSON; dataclasses as objects, ids and paths as text."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID) or not hasattr(value, "item") else value.item()
