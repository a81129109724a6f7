"""What record's stage takes, remembers and gives: types, and the Task of a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.charting import ChartState
from wince.domain.entry import Entry, TaskEntry
from wince.domain.persons import Persons
from wince.domain.reason import Reason
from wince.domain.score import Outranking
from wince.domain.stay import Stay

Message = Assessment | Alert | Question | Verdict
Who = Callable[[str, int, int], Stay | Reason]
"""who(source, start_us, end_us): who lay there during the whole of it; NO_PATIENT, TWO_PATIENTS or DOUBTFUL where that can't be said; OFF
or CONSENT where nothing may be charted, alerted or asked of it."""
Key = tuple[str, str]
"""(source, protocol)."""
CENSUS = "census"
"""Why an entry was withdrawn: the census says that it was another's, or nobody's. Another census gives it back."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What record remembers of one source and protocol. PHI."""

    chart: ChartState = field(default_factory=ChartState)
    asked: Reason | None = None
    """The stretch without a known patient that runs, and was asked about; None: none does."""
    waiting: tuple[Alert, ...] = ()
    """Alerts that came before their assessment."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of things that messages point at."""

    assessments: Mapping[UUID, Assessment] = field(default_factory=dict)
    """Of verdicts and alerts, by id."""
    entries: Mapping[UUID, Sequence[Entry]] = field(default_factory=dict)
    """Latest revisions of what was charted from an assessment, in the order in which it was charted, by the assessment's id."""
    tasks: Sequence[TaskEntry] = ()
    """Open questions of the encounters that questions and verdicts are about, those that verdicts answer, and those that ask who
    lies before the cameras of these messages; latest revisions."""
    outranking: Outranking = field(default_factory=Outranking)
    """Self-reports and nurses' own scores of these encounters about these times."""
    persons: Persons = field(default_factory=Persons)
    """Which numbers of these stays, entries and tasks mean one person, and one visit."""


WHO = (Reason.NO_PATIENT, Reason.TWO_PATIENTS, Reason.DOUBTFUL)
"""Of a question: who lies there? Answered by the hospital's census."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A message with whom it is about."""

    message: Message
    stay: UUID | None
    unbound: Reason | None = None
    """Why there is no stay."""


@dataclass(frozen=True, slots=True)
class Note:
    """One event for the audit trail that is not itself a row of `Effects`."""

    subject: UUID
    event: str
    detail: Mapping[str, str]
    """No PHI."""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Rebound:
    """A window, or an alert, that is known to be about somebody else now."""

    id: UUID
    stay: UUID | None
    unbound: str | None


@dataclass
class Effects:
    """What a batch does. Written in one transaction."""

    bound: list[Bound] = field(default_factory=list)
    untold: list[Alert] = field(default_factory=list)
    """New alerts of a time of which nothing may be told: kept, should it turn out that another lay there."""
    entries: list[Entry] = field(default_factory=list)
    """New revisions, in order."""
    tasks: list[TaskEntry] = field(default_factory=list)
    """New revisions of questions; one without a patient is never delivered."""
    answered: list[UUID] = field(default_factory=list)
    superseded: list[UUID] = field(default_factory=list)
    """Questions whose state changes."""
    moved: dict[UUID, UUID] = field(default_factory=dict)
    """Questions that are asked of somebody else now -> the question that they were before: both are about one assessment."""
    notes: list[Note] = field(default_factory=list)
    states: dict[Key, SourceState] = field(default_factory=dict)
    charted: list[UUID] = field(default_factory=list)
    heard: list[UUID] = field(default_factory=list)
    """Windows and alerts of before that went through charting with a patient now, for the first time."""
    late: list[UUID] = field(default_factory=list)
    """Windows that were charted before an alert of theirs came."""
    rebound: list[Rebound] = field(default_factory=list)
    realerted: list[Rebound] = field(default_factory=list)
    """Windows and alerts of before that are about somebody else."""
    events: dict[tuple[UUID, int], str] = field(default_factory=dict)
    """What the audit trail says of (entry, revision), where it isn't `charted` or `withdrawn`."""
    causes: dict[tuple[UUID, int], str] = field(default_factory=dict)
    """Why (entry, revision) withdraws it."""


def task(
    identity: UUID,
    source: str,
    protocol: str,
    span: tuple[int, int],
    reason: Reason,
    stay: Stay | None,
    focus: UUID | None,
    now_us: int,
) -> TaskEntry:
    """A question's Task, first revision. `span`: (start_us, end_us). `focus`: the entry that it is about."""
    return TaskEntry(
        id=identity,
        revision=1,
        source=source,
        bed=stay.bed if stay else "",
        stay=stay.id if stay else None,
        patient=stay.patient if stay else None,
        encounter=stay.encounter if stay else None,
        protocol=protocol,
        start_us=span[0],
        end_us=span[1],
        issued_us=now_us,
        reason=reason,
        focus=focus,
        status="requested",
        asked_us=now_us,
    )
