"""Sure enough, or ask: the confidence threshold (neonatal study: below it the nurse decides)."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """What becomes of a number."""

    ACCEPT = "accept"
    ASK = "ask"


def decide(confidence: float, threshold: float) -> Decision:
    """ACCEPT at or above the threshold; a confidence that is not known (NaN) is below every threshold.

    >>> decide(.55, .55).value, decide(float("nan"), 0.).value
    ('accept', 'ask')
    """
    return Decision.ACCEPT if confidence >= threshold else Decision.ASK
