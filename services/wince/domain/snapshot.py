"""The state of grade's fold for one source and protocol at a closed window, and what it comes with. The fold alone reads `state`."""

from dataclasses import dataclass

from wince.domain.assessment import Alert, Assessment, Question


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A successor loads it and reads on from `closed_until_us`. Holds embeddings: as sensitive as an Estimate."""

    source: str
    protocol: str
    """Whose windows the fold makes."""
    fold_version: int
    """Version of the fold that wrote `state`, > 0; a fold of another version does not read it and begins again."""
    closed_until_us: int
    """Every input before this time is in the state, microseconds (UTC, or media time)."""
    state: bytes
    """What the fold wrote; opaque to everybody else. Not empty."""


@dataclass(frozen=True, slots=True)
class Graded:
    """Everything that one step of grade gave for a source and protocol, with the state after it: committed as one, or not at all.

    So a window is never in the record while the state that knows of it is not, and never computed twice with other numbers.
    """

    source: str
    assessments: tuple[Assessment, ...]
    alerts: tuple[Alert, ...]
    questions: tuple[Question, ...]
    snapshot: Snapshot | None
    """The state after; None where no window closed."""
