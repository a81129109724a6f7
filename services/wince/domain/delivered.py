"""What became of entries and questions at the targets, as a client is told. Message types only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    PENDING = "pending"
    """Waits for its turn, or for a retry."""
    WRITTEN = "written"
    DEAD = "dead"
    """A definite no: a person must look, then replay it."""
    HELD = "held"
    """The target as a whole is held."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one revision of an entry or question at one target."""

    entry: UUID
    """Of the entry or question."""
    revision: int
    target: str
    state: DeliveryState
    attempts: int
    detail: str
    """Status and codes of the last answer; empty: no attempt yet."""
    location: str
    """Type/id of the resource at the target; empty: not written."""
    next_us: int | None
    """When it is tried next, microseconds UTC; None: it is not."""


@dataclass(frozen=True, slots=True)
class TargetHold:
    """Why nothing is sent to a target."""

    since_us: int
    detail: str
    """The answer that did it, or the last probe's."""
    remedy: str
    probes: int
    next_probe_us: int


@dataclass(frozen=True, slots=True)
class TargetBacklog:
    """How many revisions of entries and questions one target lacks."""

    target: str
    waiting: int
    """Tried by themselves when their turn comes."""
    sending: int
    held: int
    """Behind the target's hold."""
    stuck: int
    """Behind a dead letter of the same entry."""
    dead: int
    off: int
    """About beds that are switched off."""
    oldest_s: float | None
    """How long the oldest of all but the dead letters waits; None: there is none."""
    hold: TargetHold | None
    """None: the target is not held."""
