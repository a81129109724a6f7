"""What is known of one slice of a camera's time when record looks at it again, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from wince.domain.assessment import Alert, Assessment, Verdict
from wince.domain.charting import ChartState
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.persons import Persons
from wince.domain.reason import Reason
from wince.domain.score import Outranking
from wince.domain.stay import Stay
from wince.pipeline.record.effects import Key, SourceState
from wince.protocols.rules import ClinicalProtocol

Group = tuple[UUID, Kind]
"""(origin, kind): entries that say the same of the same, each to somebody else."""


@dataclass(frozen=True, slots=True)
class Window:
    """An assessment as it lies in the database, without its content."""

    id: UUID
    protocol: str
    start_us: int
    end_us: int
    shadow: bool
    charted: bool
    """It went through charting with a patient before: that happens once."""
    stay: UUID | None
    unbound: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """An alert as it lies in the database."""

    alert: Alert
    charted: bool
    stay: UUID | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A revision of an entry."""

    entry: Entry
    cause: str
    """Why it was withdrawn; "census": by a review."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A window with its content and the alerts that fired in it."""

    window: Assessment
    alerts: tuple[Heard, ...]
    charted: bool


class During(Protocol):
    """Who lay before the slice's source."""

    def during(self, start_us: int, end_us: int) -> Stay | Reason:
        """During the whole of [start, end); a reason where that can't be said, or nothing may be charted of it."""
        ...


Contents = Callable[[str, int, int], Sequence[Shown]]
"""contents(protocol, start_us, end_us): windows of the slice's source, no shadows, that overlap the time, ascending."""


@dataclass(frozen=True, slots=True)
class Slice:
    """[start_us, end_us) of one source."""

    source: str
    start_us: int
    end_us: int
    last: bool
    """Nothing comes after it in this review."""
    timeline: During
    persons: Persons
    protocols: Mapping[str, ClinicalProtocol]
    contents: Contents
    windows: Sequence[Window] = ()
    """Those that overlap it, ascending; then those of which an alert began in it."""
    alerts: Sequence[Heard] = ()
    """Of these windows."""
    verdicts: Sequence[Verdict] = ()
    """About these windows, in order of time."""
    entries: Mapping[Group, Sequence[Kept]] = field(default_factory=dict)
    """Every revision of every entry of the groups that have one in the slice, in order."""
    spans: Mapping[UUID, tuple[int, int]] = field(default_factory=dict)
    """Begin and end of windows that these entries were made in."""
    tasks: Sequence[TaskEntry] = ()
    """Open questions of this source."""
    outranking: Outranking = field(default_factory=Outranking)
    """Self-reports and nurses' own scores of whoever lay there."""
    waiting: Sequence[TaskEntry] = ()
    """Open questions of everybody who lay there, from any source."""
    states: Mapping[Key, SourceState] = field(default_factory=dict)
    carry: Mapping[str, ChartState] = field(default_factory=dict)
    """By protocol: late charting that the slice before left open."""
