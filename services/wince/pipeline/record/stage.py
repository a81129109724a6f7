"""The record stage: what messages become in the database, the record and the audit trail. Pure: no I/O, no clock.

- An assessment is bound to who lay there during its whole window. Nobody, two, or somebody who came or went inside it: it is kept,
  nothing is charted, and a person is asked, once per stretch, in Wince's own worklist.
- What is charted of bound assessments: wince/domain/charting.py. An alert is charted with its assessment, whichever comes first.
- A nurse's verdict is an entry of her own, final; the model's entry is left as it is. It answers its question; other questions of
  that stay which are older than the verdict are superseded.
- A stay that turns out to have been another makes entries wrong: each gets a revision `entered-in-error` and, where it is known who
  lay there, a new entry on that encounter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.charting import ChartState, chart
from wince.domain.charting_entries import entry as make_entry
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import entry_id, make, question_id
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.errors import MessageError
from wince.protocols.rules import ClinicalProtocol

Message = Assessment | Alert | Question | Verdict
Who = Callable[[str, int, int], Stay | Reason]
"""who(source, start_us, end_us): who lay there during the whole of it; NO_PATIENT or TWO_PATIENTS where that can't be said."""
Key = tuple[str, str]
"""(source, protocol)."""


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
    entries: Mapping[UUID, UUID] = field(default_factory=dict)
    """Entry that was charted from an assessment, by the assessment's id."""
    tasks: Sequence[TaskEntry] = ()
    """Open questions of the stays that verdicts are about, and those that verdicts answer; latest revisions."""


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


@dataclass
class Effects:
    """What a batch does. Written in one transaction."""

    bound: list[Bound] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    """New revisions, in order."""
    tasks: list[TaskEntry] = field(default_factory=list)
    """New revisions of questions; one without a patient is never delivered."""
    answered: list[UUID] = field(default_factory=list)
    superseded: list[UUID] = field(default_factory=list)
    """Questions whose state changes."""
    notes: list[Note] = field(default_factory=list)
    states: dict[Key, SourceState] = field(default_factory=dict)


def plan(
    messages: Sequence[Message],
    states: Mapping[Key, SourceState],
    who: Who,
    known: Known,
    protocols: Mapping[str, ClinicalProtocol],
    now_us: int,
) -> Effects:
    """What a batch of new messages (each id once, in order per source) does. `now_us`: when, microseconds UTC.

    Raises MessageError for a protocol that is not loaded.
    """
    made = _Plan(dict(states), who, known, protocols, now_us)
    assessments = {message.id for message in messages if isinstance(message, Assessment)}
    for message in messages:
        if isinstance(message, Alert):
            made.alert(message, later=message.assessment in assessments)
    for message in messages:
        if isinstance(message, Assessment):
            made.assessment(message)
        elif isinstance(message, Question):
            made.question(message)
        elif isinstance(message, Verdict):
            made.verdict(message)
    return made.effects


def correct(entries: Sequence[Entry], tasks: Sequence[TaskEntry], who: Who, latest: Mapping[UUID, Entry], now_us: int) -> Effects:
    """Looks again at what was written to stays of which a row is no longer believed.

    `entries`, `tasks`: latest revisions; `latest`: of every entry id that a correction may meet again (a stay that moves back).
    """
    effects = Effects()
    known = dict(latest)
    for wrong in entries:
        found = who(wrong.source, wrong.start_us, wrong.end_us)
        if wrong.status == "entered-in-error" or (
            isinstance(found, Stay) and (found.encounter, found.patient) == (wrong.encounter, wrong.patient)
        ):
            continue
        effects.entries.append(replace(wrong, revision=wrong.revision + 1, status="entered-in-error", issued_us=now_us))
        if isinstance(found, Stay):
            identity = entry_id(wrong.origin, found.encounter, wrong.kind)
            before = known.get(identity)
            right = replace(
                wrong,
                id=identity,
                revision=1 if before is None else before.revision + 1,
                bed=found.bed,
                stay=found.id,
                patient=found.patient,
                encounter=found.encounter,
                issued_us=now_us,
                personal=False,
            )
            known[identity] = right
            effects.entries.append(right)
        else:
            effects.notes.append(Note(wrong.id, "nobody_to_write_to", {"reason": found.value}, wrong.revision + 1))
    for task in tasks:
        found = who(task.source, task.start_us, task.end_us)
        if isinstance(found, Stay) and (found.encounter, found.patient) == (task.encounter, task.patient):
            continue
        effects.superseded.append(task.id)
        effects.tasks.append(replace(task, revision=task.revision + 1, status="cancelled", issued_us=now_us))
        stay = found if isinstance(found, Stay) else None
        again = make(task.id, "question", stay.id if stay else "nobody")
        effects.tasks.append(_task(again, task.source, task.protocol, (task.start_us, task.end_us), task.reason, stay, None, now_us))
    return effects


class _Plan:
    def __init__(
        self, states: dict[Key, SourceState], who: Who, known: Known, protocols: Mapping[str, ClinicalProtocol], now_us: int
    ) -> None:
        self.effects = Effects()
        self._states = states
        self._who = who
        self._known = dict(known.assessments)
        self._charted = dict(known.entries)
        self._tasks = {task.id: task for task in known.tasks}
        self._protocols = protocols
        self._now_us = now_us

    def alert(self, alert: Alert, *, later: bool) -> None:
        """`later`: its assessment stands in this batch."""
        window = self._known.get(alert.assessment)
        found = self._who(alert.source, *((window.start_us, window.end_us) if window else (alert.start_us, alert.end_us)))
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(alert, stay.id if stay else None, None if isinstance(found, Stay) else found))
        key = (alert.source, alert.protocol)
        state = self._state(key)
        if window is None or later:
            self._keep(key, replace(state, waiting=(*state.waiting, alert)))
        elif stay is not None:
            # Its window was charted without it: it gets its entry now, and counts in the budget.
            self._chart([make_entry(Kind.ALERT, window, stay, self._now_us, alert=alert)])
            after = replace(state.chart, grade=alert.grade, changed_us=window.end_us, spent=(*state.chart.spent, window.end_us))
            self._keep(key, replace(state, chart=after))

    def assessment(self, window: Assessment) -> None:
        key = (window.source, window.protocol)
        state = self._state(key)
        found = self._who(window.source, window.start_us, window.end_us)
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(window, stay.id if stay else None, None if isinstance(found, Stay) else found))
        self._known[window.id] = window
        alerts = tuple(alert for alert in state.waiting if alert.assessment == window.id)
        charted, entries = chart(
            state.chart, window, alerts, stay=stay, rules=self._protocol(window.protocol).chart, issued_us=self._now_us
        )
        self._chart(entries)
        asked = None if isinstance(found, Stay) else found
        waiting = tuple(alert for alert in state.waiting if alert.assessment != window.id)
        self._keep(key, SourceState(charted, asked, waiting))
        if asked is not None and asked is not state.asked:
            self._ask(question_id(window.id, asked, window.start_us), window, asked, None)

    def question(self, question: Question) -> None:
        found = self._who(question.source, question.start_us, question.end_us)
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(question, stay.id if stay else None, None if isinstance(found, Stay) else found))
        state = self._state((question.source, question.protocol))
        if not isinstance(found, Stay) and state.asked is found:
            return
        self._ask(question.id, question, question.reason, stay)

    def verdict(self, verdict: Verdict) -> None:
        window = self._known.get(verdict.assessment)
        found = self._who(window.source, window.start_us, window.end_us) if window else Reason.NO_PATIENT
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(verdict, stay.id if stay else None, None if isinstance(found, Stay) else found))
        why = found.value if isinstance(found, Reason) else ""
        if window is None:
            why = "no_window"
        elif verdict.grade is not None and not 0 <= verdict.grade < len(self._protocol(window.protocol).scale.grades):
            why = "no_such_grade"
        if window is not None and stay is not None and not why:
            self._chart([self._own(verdict, window, stay)])
        else:
            self.effects.notes.append(Note(verdict.id, "not_charted", {"reason": why}))
        for task in list(self._tasks.values()):
            if task.id == verdict.question:
                self._close(task, "completed", self.effects.answered)
            elif stay is not None and task.stay == stay.id and task.end_us <= verdict.at_us:
                self._close(task, "cancelled", self.effects.superseded)

    def _own(self, verdict: Verdict, window: Assessment, stay: Stay) -> Entry:
        """A nurse's entry: her grade, nothing of the model's numbers."""
        scale = self._protocol(window.protocol).scale
        bare = make_entry(Kind.VERDICT, window, stay, self._now_us)
        return replace(
            bare,
            id=entry_id(verdict.id, stay.encounter, Kind.VERDICT),
            origin=verdict.id,
            grade=verdict.grade,
            grade_name=scale.name_of(verdict.grade),
            score=None,
            median=None,
            peak=None,
            confidence=None,
            units=(),
            personal=False,
            reason=Reason.UNCERTAIN if verdict.grade is None else None,
            status="final",
            nurse=verdict.nurse,
        )

    def _ask(self, identity: UUID, about: Assessment | Question, reason: Reason, stay: Stay | None) -> None:
        window = about.id if isinstance(about, Assessment) else about.assessment
        task = _task(
            identity,
            about.source,
            about.protocol,
            (about.start_us, about.end_us),
            reason,
            stay,
            self._charted.get(window) if stay else None,
            self._now_us,
        )
        self._tasks[task.id] = task
        self.effects.tasks.append(task)

    def _close(self, task: TaskEntry, status: str, into: list[UUID]) -> None:
        into.append(task.id)
        del self._tasks[task.id]
        self.effects.tasks.append(replace(task, revision=task.revision + 1, status=status, issued_us=self._now_us))

    def _chart(self, entries: Sequence[Entry]) -> None:
        for made in entries:
            self._charted[made.assessment] = made.id
            self.effects.entries.append(made)

    def _state(self, key: Key) -> SourceState:
        return self._states.get(key) or SourceState()

    def _keep(self, key: Key, state: SourceState) -> None:
        self._states[key] = self.effects.states[key] = state

    def _protocol(self, name: str) -> ClinicalProtocol:
        try:
            return self._protocols[name]
        except KeyError:
            raise MessageError("this protocol is not loaded", field="protocol", remedy="load its file, or set WINCE_PROTOCOL_DIR") from None


def _task(
    identity: UUID,
    source: str,
    protocol: str,
    span: tuple[int, int],
    reason: Reason,
    stay: Stay | None,
    focus: UUID | None,
    now_us: int,
) -> TaskEntry:
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
    )
