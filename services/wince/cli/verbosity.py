"""How much this call says: `-q` and `-v`, before the command or, where it has them, behind it."""

from __future__ import annotations

from typing import Annotated

import typer

from wince.cli.usage import UsageError

Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, show_default=False, metavar="", help="Log more; -vv logs everything.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the result and errors: no progress, no notes.")]
LEVELS = {-1: "error", 1: "info", 2: "debug"}
"""Level of the log by verbosity; at 0 it is what the settings say."""

_verbosity = 0


def set_verbosity(verbose: int, *, quiet: bool) -> None:
    """Of this call. `verbose`: how often -v was given. Raises UsageError where both are wanted."""
    global _verbosity  # noqa: PLW0603 - one command runs in a process
    if verbose and quiet:
        raise UsageError("contradict each other", field="--verbose, --quiet", remedy="give one of them")
    _verbosity = -1 if quiet else min(verbose, 2)


def is_quiet() -> bool:
    """Whether only results and errors are wanted."""
    return _verbosity < 0


def log_level() -> str | None:
    """The level of the log that was asked for on the command line; None: as the settings say."""
    return LEVELS.get(_verbosity)
