"""Whether it may be believed who lies where: message types only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wince.domain.stay import Identifier


class Cause(StrEnum):
    """Why who lies in a bed is not sure."""

    FEED = "feed"
    """The hospital's feed is silent: nobody would have told a move."""
    STAY = "stay"
    """The stay never ends: a discharge (A03) may have been lost."""
    CENSUS = "census"
    """A list from outside says something else."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A bed of which it is not sure who lies there now. PHI: never logged."""

    bed: str
    cause: Cause
    from_us: int
    """Since when, microseconds UTC."""
    kind: str = ""
    """Of CENSUS: how the list differs (domain.outside.Difference)."""
    encounter: Identifier | None = None
    """Of STAY: the visit that never ends. Of CENSUS: whom the list has in the bed; None: nobody, or several."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The hospital's feed at a moment."""

    heard_us: int
    """Its last word: when the hospital knew it, at most when it was received. Microseconds UTC."""
    silent_after_us: int
    """Silent for longer than this it is not trusted; 0: that is not looked at."""
    silent_us: int | None
    """Since when it is silent for too long; None: it speaks."""
    changed: bool = False
    """Whether that has changed since it was last looked at."""
