"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from wince.errors import WinceError
from wince.settings import Settings


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, and something should be better."""
    MISSING = "missing"
    """It doesn't work, or won't."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Nothing in it is about a patient."""

    what: str
    """Such as "database" or "camera icu-101-a"."""
    state: State
    found: str
    """What is there, or the cause."""
    remedy: str = ""
    """What to do; empty where nothing is to be done."""


Check = Callable[[Settings], Iterator[Finding]]
"""Gives findings as it goes. May raise WinceError for the rest."""


def ok(what: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(what, State.OK, found)


def warning(what: str, found: str, remedy: str) -> Finding:
    """It works, and something should be better."""
    return Finding(what, State.WARNING, found, remedy)


def missing(what: str, found: str, remedy: str) -> Finding:
    """It doesn't work, or won't."""
    return Finding(what, State.MISSING, found, remedy)


def failed(what: str, error: WinceError) -> Finding:
    """What an error says."""
    return missing(what, f"{error.field}: {error.message}" if error.field else error.message, error.remedy)
