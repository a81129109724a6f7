"""What is charted: one entry becomes one FHIR Observation (or ORU, or SR). Which entries there are: charting.py."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from wince.domain.reason import Reason
from wince.domain.stay import Identifier


class Kind(StrEnum):
    """Why an entry is charted."""

    GRADE = "grade"
    """A grade was entered or left (after the debounce)."""
    ALERT = "alert"
    """The alert rule fired."""
    SUMMARY = "summary"
    """At most one per `chart_every`: median, peak, assessable share, alerts."""
    UNASSESSABLE = "unassessable"
    """An unassessable stretch began."""
    ASSESSABLE = "assessable"
    """An unassessable stretch ended."""
    VERDICT = "verdict"
    """A nurse's own score."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record. Its id is UUIDv5 of (assessment, alert or verdict id, patient, encounter, kind); old ones without patient."""

    id: UUID
    revision: int
    """1 for the first; delivered in order."""
    kind: Kind
    origin: UUID
    """The assessment, alert or verdict it was made from."""
    assessment: UUID
    source: str
    bed: str
    stay: UUID
    patient: Identifier
    encounter: Identifier
    protocol: str
    start_us: int
    end_us: int
    """Effective period: the window (GRADE, UNASSESSABLE, ASSESSABLE), the run (ALERT), the summed stretch (SUMMARY)."""
    issued_us: int
    """When the entry was made."""
    grade: int | None
    """None: no value; `reason` says why (dataAbsentReason)."""
    grade_name: str
    score: float | None
    """What is charted as the value: median of the window or stretch; peak for ALERT, and for SUMMARY over alerts; None: no value."""
    median: float | None
    peak: float | None
    assessable_share: float
    confidence: float | None
    reason: Reason | None
    units: tuple[float | None, ...]
    personal: bool
    model_set: str
    rule: str
    status: str
    """preliminary, final, corrected or entered-in-error."""
    nurse: str = ""
    """Staff identifier: the performer of a VERDICT; of a model's entry that became final, who confirmed it; else empty."""
    alerts: int = 0
    """SUMMARY: all alerts of the summed stretch, as known when it was written. ALERT: how many it covers (entries of earlier releases:
    0, for one). Else 0."""
    gathered: tuple[UUID, ...] = ()
    """ALERT: the other alerts that it covers; their runs overlap or touch."""
    outranked: str = ""
    """Where a self-report, or a nurse's own score, of this time lies at the EHR (Observation/id): it outranks this; empty: none known."""
    part_of: UUID | None = None
    """Origin of the entry over a longer time of which only this part was the patient's; None: it is whole."""


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A question to a nurse, to be delivered as a FHIR Task."""

    id: UUID
    """The question's id."""
    revision: int
    source: str
    bed: str
    stay: UUID | None
    """None where nobody, or two patients, are known in the bed: then it stays in Wince's own worklist."""
    patient: Identifier | None
    encounter: Identifier | None
    protocol: str
    start_us: int
    end_us: int
    issued_us: int
    reason: Reason
    focus: UUID | None
    """Entry that the question is about; None where none was charted."""
    status: str
    """requested, completed, cancelled."""
    asked_us: int | None = None
    """When it was asked: `issued_us` of revision 1; None: not known (an older row)."""
