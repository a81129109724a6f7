"""Ids of nurses' answers, as whoever sends them makes them: an answer that is sent again has the same."""

from uuid import UUID, uuid5


def verdict_id(assessment: UUID, nurse: str, at_us: int) -> UUID:
    """Of an answer at a moment."""
    return uuid5(assessment, f"verdict|{nurse}|{at_us}")
