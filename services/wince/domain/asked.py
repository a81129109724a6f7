"""A question as those who are asked see it: where, how far it has come, who answered. Message types only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from wince.domain.reason import Reason
from wince.domain.stay import Bedside


class QuestionState(StrEnum):
    """How far a question has come."""

    OPEN = "open"
    ANSWERED = "answered"
    SUPERSEDED = "superseded"
    """Its cause is gone, or another question took its place."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question to a nurse, or (`assessment` is None) to whoever knows who lies in the bed."""

    id: UUID
    assessment: UUID | None
    """What it asks about; None where record asks who lies there: the hospital's system answers that."""
    source: str
    protocol: str
    start_us: int
    end_us: int
    reason: Reason
    place: Bedside
    state: QuestionState
    verdict: UUID | None = None
    """That answered it; None: none did, or it was not said."""
