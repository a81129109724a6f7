"""What people decide that grade heeds: whether a face can show pain at all, and pauses. Message types only."""

from dataclasses import dataclass


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
