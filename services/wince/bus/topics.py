"""Topic names, and what the key of each means. Names hold nothing about a patient; neither do keys.

Order holds within a key. Every key is the source (camera or file), so that whatever concerns one bed's picture comes in
order: what grade folds of one source is one sequence.
"""

FACES = "wince.faces.v1"
"""Faces of detect. Key: source. Carries crops (PHI): kept for minutes."""
ESTIMATES = "wince.estimates.v1"
"""Estimates and beats. Key: source. Carries embeddings (PHI): kept for minutes."""
ASSESSMENTS = "wince.assessments.v1"
"""What a grade step gave, and the state after it. Key: source."""
CARE = "wince.care.v1"
"""What people decide: verdicts, pauses, patient state. Key: source."""
STAYS = "wince.stays.v1"
"""Who lies before a camera from when on. Key: source."""

ALL = (FACES, ESTIMATES, ASSESSMENTS, CARE, STAYS)


def dead_letters(topic: str) -> str:
    """Where a consumer puts a record of `topic` that it can never handle; same key.

    >>> dead_letters(ESTIMATES)
    'wince.estimates.v1.dlq'
    """
    return f"{topic}.dlq"
