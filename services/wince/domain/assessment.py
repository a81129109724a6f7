"""What grade gives: an assessment per window, alerts and questions. Message types only; rules stand in window.py."""

from dataclasses import dataclass, field
from uuid import UUID

from wince.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one source showed in one window of one protocol. Its id is made from (site, source, protocol, start)."""

    id: UUID
    source: str
    protocol: str
    start_us: int
    """Window start on the fixed grid, microseconds (UTC, or media time)."""
    end_us: int
    """Window end (exclusive); earlier than start + length only where the source ended inside."""
    grade: int | None
    """Longest-lasting debounced grade, index into the protocol's scale; None: unassessable, see `reason`."""
    grade_name: str
    """Name of the grade; empty where None."""
    median: float | None
    """Median score of the assessable frames; None where unassessable."""
    peak: float | None
    """Highest debounced score (see window.py); None where unassessable."""
    assessable_share: float
    """Assessable frames over the frames expected in the window, 0-1."""
    confidence: float | None
    """Median confidence of the frames; None where unassessable."""
    reason: Reason | None
    """Why there is no grade; None where there is one."""
    frames: int
    """Frames that arrived."""
    reasons: dict[Reason, int] = field(default_factory=dict)
    """How many frames were unassessable, per reason."""
    units: tuple[float | None, ...] = ()
    """Median of each action unit in the order of UNITS; None where not measured."""
    personal: bool = False
    """True where the patient's own calm face was used."""
    model_set: str = ""
    rule: str = ""
    """sha256 (hex) of the protocol's canonical rules."""
    basis: str = ""
    """Chained digest of what was known of stays, pauses and patient states up to this window; no part of its content. Empty: nothing."""
    shadow: bool = False
    """Another protocol graded this patient (domain/routing.py): nothing is charted, asked or alerted of this window."""


@dataclass(frozen=True, slots=True)
class Alert:
    """The protocol's alert rule fired: once per episode, and once more for each higher grade that the episode reaches in a later window.
    `assessment` is the window in which it fired."""

    id: UUID
    assessment: UUID
    source: str
    protocol: str
    start_us: int
    """When the stable run that fired began; of a further alert of an episode, when the grade rose above the alerts before."""
    end_us: int
    """When that run ended, or the window did."""
    grade: int
    grade_name: str
    peak: float


@dataclass(frozen=True, slots=True)
class Question:
    """A nurse is asked to look: low confidence, conflict, or nobody known in the bed."""

    id: UUID
    assessment: UUID
    source: str
    protocol: str
    start_us: int
    end_us: int
    reason: Reason
    """CONFLICT, UNCERTAIN, NO_PATIENT, TWO_PATIENTS, or a long unassessable stretch's reason."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a nurse answered. Outranks the model; the model's value is never edited."""

    id: UUID
    question: UUID | None
    assessment: UUID
    nurse: str
    """Staff identifier (not a name)."""
    grade: int | None
    """Index into the protocol's scale; None: she could not tell either."""
    at_us: int
    """When she decided, UTC."""
