"""What a status is made of: rows of subjects, and what a subject looks with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from wince.errors import WinceError
from wince.serve.state_dir import Places
from wince.serve.whereabouts import Whereabouts
from wince.settings import Settings
from wince.store.database import Database, Tx

STATEMENT_MS = 2500
"""A query that takes longer is given up: a status comes within seconds or not at all."""


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and a person should look before it doesn't."""
    BAD = "bad"
    """It does not work, or something waits for a person."""
    UNKNOWN = "unknown"
    """It can't be learned from here, or what it is learned from is away; the row of that says so."""


Figures = dict[str, int | float | str | None]
"""What can be counted or named of a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing. Holds no PHI, unless identifiers were asked for."""

    subject: str
    """The row's subject: services, cameras, outbox, ..."""
    what: str
    """Its name among those of its subject."""
    state: State
    said: str = ""
    """What it does, in a few words."""
    age_s: float | None = None
    """How long it has been so, or how old what it speaks of is, seconds."""
    reason: str = ""
    """Why it is not ok."""
    remedy: str = ""
    """What to do about it."""
    figures: Mapping[str, int | float | str | None] = field(default_factory=dict)
    """Numbers and names for machines; docs/reference/status.md documents the keys."""


@dataclass(frozen=True)
class Look:
    """What every subject looks with, at one moment."""

    settings: Settings
    places: Places
    now_us: int
    database: Database | None = None
    trouble: WinceError | None = None
    """Why there is no database."""
    services: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """HOST:PORT of each service's replicas."""
    up: Whereabouts | None = None
    """The `wince up` that runs on the state directory."""
    owned: bool = False
    """Whether any `wince` plays on the state directory."""
    identifiers: bool = False
    """Whether patients may be named."""

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction whose statements take no longer than STATEMENT_MS. Raises `trouble`, or what the database does."""
        if self.database is None:
            raise self.trouble or WinceError("there is no database")
        with self.database.transaction() as tx:
            tx.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}".encode())
            yield tx

    def age_s(self, at_us: int) -> float:
        """Seconds since a moment, not below 0."""
        return max(0.0, (self.now_us - at_us) / 1e6)


Subject = Callable[[Look], list[Row]]
"""Gives the rows of one subject; may raise, and may block for some seconds."""
