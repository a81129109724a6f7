"""What people decide: whether a face can show pain at all, and pauses. Message types only.

People speak of beds and encounters (BedPause, EncounterState); grade heeds what that means for a camera (Pause, PatientState, Answer).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from wince.domain.stay import Identifier


@dataclass(frozen=True, slots=True)
class PatientState:
    """Whether the patient before a camera can be assessed by face (paralysed, deeply sedated, palsy, bandaged: not).

    Takes the place of what was said for `from_us` and later; void when the stay changes.
    """

    source: str
    from_us: int
    until_us: int | None
    """Exclusive; None: until said otherwise."""
    assessable_by_face: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """No assessment for a while (care, privacy, a procedure). Ends by itself."""

    source: str
    from_us: int
    until_us: int
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a nurse said of a window of a camera (domain.assessment.Verdict), as far as grade heeds it."""

    source: str
    assessment: UUID
    painless: bool
    """She chose the scale's lowest grade."""
    at_us: int
    """When she decided."""


def concerns(question: Sequence[Any], window: Sequence[Any]) -> bool:
    """Whether a question can be answered by what is said of a window: of one camera and protocol, and of one time. Each as (source,
    protocol, start_us, end_us).

    >>> concerns(("cam", "activity", 0, 5), ("cam", "activity", 4, 9)), concerns(("cam", "activity", 0, 5), ("cam", "activity", 5, 9))
    (True, False)
    """
    return tuple(question[:2]) == tuple(window[:2]) and question[2] < window[3] and window[2] < question[3]


class PauseReason(StrEnum):
    """Why assessment rests."""

    CARE = "care"
    PRIVACY = "privacy"
    PROCEDURE = "procedure"


class FaceState(StrEnum):
    """Why a face can't show pain."""

    PARALYSED = "paralysed"
    """Under a neuromuscular blocking agent."""
    DEEPLY_SEDATED = "deeply_sedated"
    PALSY = "palsy"
    BANDAGED = "bandaged"


@dataclass(frozen=True, slots=True)
class BedPause:
    """Assessment of a bed rests."""

    id: UUID
    bed: str
    """The hospital's bed, "POINTOFCARE^ROOM^BED"."""
    start_us: int
    end_us: int
    """Exclusive."""
    reason: PauseReason | None
    """None: not said."""
    nurse: str
    """Staff identifier (not a name)."""


@dataclass(frozen=True, slots=True)
class EncounterState:
    """Whether the patient of an encounter can be assessed by face, from a moment on."""

    encounter: str
    """Visit number; or "authority|number" where two authorities may use it."""
    face: FaceState | None
    """None: the face can be assessed."""
    since_us: int
    nurse: str
    """Staff identifier (not a name); empty: read from an order, or nobody said anything."""
    identifier: Identifier | None = field(default=None, compare=False)
    """The encounter with its assigning authority; None where it is not looked up yet."""
