"""The record stage: what messages become in the database, the record and the audit trail. Pure: no I/O, no clock.

- An assessment is bound to who lay there during its whole window. Nobody, two, or somebody who came or went inside it: it is kept,
  nothing is charted, and a person is asked, once per stretch, in Wince's own worklist.
- A window of a protocol that only looks on (`shadow`) is bound and kept; nothing is charted of it and nobody is asked.
- A window of a bed that is switched off, or of a patient who did not consent, is kept without a patient: nothing is charted, nobody is
  alerted or asked (domain/withheld.py).
- What is charted of bound assessments: wince/domain/charting.py. An alert is charted with its assessment, whichever comes first. A window
  of somebody else ends what other protocols of that camera chart.
- A self-report, or a nurse's own score, outranks the model while it is valid: what is charted of that time names it, and no question is
  asked that was just answered.
- A nurse is asked one question of an encounter at a time: another one that comes while it is open is kept and not sent.
- Who lies before a camera is known: what asked that of a time before ends.
- A nurse's verdict is an entry of her own, final. The model's value is never edited: an entry of the window that says the same grade
  becomes final with her as its verifier; one that says another stays preliminary. The verdict answers its question if that is of its
  window's camera, protocol and time; other questions of that encounter which are older than the verdict are superseded.
- What it comes to when it is known otherwise who lay there: review/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.care import concerns
from wince.domain.charting import ChartState, chart, chart_late, finish
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import question_id
from wince.domain.persons import Persons
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.domain.timeline import lies
from wince.domain.withheld import WITHHELD
from wince.errors import MessageError
from wince.pipeline.record.effects import WHO, Bound, Effects, Key, Known, Message, Note, SourceState, Who, task
from wince.pipeline.record.nurse import fits, own_entry
from wince.protocols.rules import ClinicalProtocol

__all__ = ["Bound", "Effects", "Key", "Known", "Message", "Note", "SourceState", "Who", "plan"]


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


def _now(state: SourceState, persons: Persons) -> SourceState:
    """What charting remembers goes on under the numbers that stand now."""
    stay = state.chart.stay
    if stay is None or (now := persons.now(stay)) is stay:
        return state
    return replace(state, chart=replace(state.chart, stay=now))


def _about(one: Assessment | TaskEntry) -> tuple[str, str, int, int]:
    return one.source, one.protocol, one.start_us, one.end_us


class _Plan:
    def __init__(
        self, states: dict[Key, SourceState], who: Who, known: Known, protocols: Mapping[str, ClinicalProtocol], now_us: int
    ) -> None:
        self.effects = Effects()
        self._states = {key: _now(state, known.persons) for key, state in states.items()}
        self._of_source: dict[str, dict[Key, None]] = {}
        for key in states:
            self._of_source.setdefault(key[0], {})[key] = None
        self._who = who
        self._outranks, self._persons = known.outranking.by, known.persons
        self._known = dict(known.assessments)
        self._charted = {identity: list(found) for identity, found in known.entries.items()}
        self._tasks = {task.id: task for task in known.tasks}
        self._protocols = protocols
        self._now_us = now_us

    def alert(self, alert: Alert, *, later: bool) -> None:
        """`later`: its assessment stands in this batch."""
        window = self._known.get(alert.assessment)
        found = self._alerted(alert, window)
        if found in WITHHELD:
            self.effects.notes.append(Note(alert.id, "not_told", {"reason": str(found)}))
            self.effects.untold.append(alert)
            return
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(alert, stay.id if stay else None, None if isinstance(found, Stay) else found))
        key = (alert.source, alert.protocol)
        state = self._state(key)
        if window is None or later:
            self._keep(key, replace(state, waiting=(*state.waiting, alert)))
        elif stay is not None:
            after, entries = chart_late(
                state.chart, window, alert, stay=stay, rules=self._protocol(alert.protocol).chart, issued_us=self._now_us
            )
            self._chart(entries)
            self._keep(key, replace(state, chart=after))
            self.effects.heard.append(alert.id)
            self.effects.late.append(window.id)

    def _alerted(self, alert: Alert, window: Assessment | None) -> Stay | Reason:
        """Whom it is about: who lay there during the run that fired and the window in which it did."""
        begin, end = (window.start_us, window.end_us) if window else (alert.start_us, alert.end_us)
        return self._who(alert.source, min(begin, alert.start_us), max(end, alert.end_us))

    def assessment(self, window: Assessment) -> None:
        key = (window.source, window.protocol)
        state = self._state(key)
        state = replace(state, chart=self._unbroken(state.chart, window))
        found = self._who(window.source, window.start_us, window.end_us)
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(window, stay.id if stay else None, None if isinstance(found, Stay) else found))
        self._known[window.id] = window
        if window.shadow:
            return
        alerts = tuple(alert for alert in state.waiting if alert.assessment == window.id and isinstance(self._alerted(alert, window), Stay))
        if stay is not None:
            self.effects.heard += [alert.id for alert in alerts]
        charted, entries = chart(
            state.chart, window, alerts, stay=stay, rules=self._protocol(window.protocol).chart, issued_us=self._now_us
        )
        self._chart(entries)
        asked = None if isinstance(found, Stay) or found in WITHHELD else found
        waiting = tuple(alert for alert in state.waiting if alert.assessment != window.id)
        self._keep(key, SourceState(charted, asked, waiting))
        self._left(window, stay)
        if stay is not None:
            self._known_who(window)
        if asked is not None and asked is not state.asked:
            self._ask(question_id(window.id, asked, window.start_us), window, asked, None)

    def _known_who(self, window: Assessment) -> None:
        """Who lies before this camera is known now, so open questions about an earlier time end."""
        for asked in list(self._tasks.values()):
            if asked.source == window.source and asked.patient is None and asked.reason in WHO and asked.end_us <= window.start_us:
                self._close(asked, "cancelled", self.effects.superseded)

    def _unbroken(self, chart: ChartState, window: Assessment) -> ChartState:
        """What was charted before this window goes on in it only where the same person lay there also while windows are missing."""
        if chart.stay is None or chart.seen_us is None or chart.seen_us >= window.start_us:
            return chart
        if isinstance(self._who(window.source, chart.seen_us, window.end_us), Stay):
            return chart
        after, entries = finish(chart, issued_us=self._now_us)
        self._chart(entries)
        return after

    def _left(self, window: Assessment, stay: Stay | None) -> None:
        """Other protocols of this camera charted whoever lay there before and say no more: what their summary owes is written now."""
        for key in list(self._of_source.get(window.source, ())):
            state = self._states[key]
            before = state.chart.stay
            if key[1] == window.protocol or before is None or (stay is not None and lies(stay) == lies(before)):
                continue
            if state.chart.seen_us is None or window.start_us >= state.chart.seen_us:
                after, entries = finish(state.chart, issued_us=self._now_us)
                self._chart(entries)
                self._keep(key, replace(state, chart=after))

    def question(self, question: Question) -> None:
        found = self._who(question.source, question.start_us, question.end_us)
        if found in WITHHELD:
            self.effects.notes.append(Note(question.id, "not_asked", {"reason": str(found)}))
            return
        stay = found if isinstance(found, Stay) else None
        self.effects.bound.append(Bound(question, stay.id if stay else None, None if isinstance(found, Stay) else found))
        state = self._state((question.source, question.protocol))
        if not isinstance(found, Stay) and state.asked is found:
            return
        if stay is not None and (said := self._outranks(stay, question.start_us, question.end_us)) is not None:
            self.effects.notes.append(Note(question.id, "not_asked", {"reason": question.reason.value, "score": str(said.id)}))
            return
        if stay is not None and (other := self._open(stay)) is not None:
            self.effects.notes.append(Note(question.id, "not_asked", {"reason": question.reason.value, "open": str(other)}))
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
        elif window.shadow:
            why = "shadow"
        elif not fits(verdict, self._protocol(window.protocol).scale):
            why = "no_such_grade"
        if window is not None and stay is not None and not why:
            own = own_entry(verdict, window, stay, self._protocol(window.protocol).scale, self._now_us)
            self._chart([*self._confirmed(verdict, stay), own])
        else:
            self.effects.notes.append(Note(verdict.id, "not_charted", {"reason": why}))
        for asked in list(self._tasks.values()):
            if asked.id == verdict.question and window is not None and concerns(_about(asked), _about(window)):
                self._close(asked, "completed", self.effects.answered)
            elif stay is not None and self._of_visit(asked, stay) and asked.end_us <= verdict.at_us:
                self._close(asked, "cancelled", self.effects.superseded)

    def _confirmed(self, verdict: Verdict, stay: Stay) -> list[Entry]:
        """The model's entries of this window that say what the nurse says, each as a final revision. A summary says more than one
        window, so no verdict confirms it."""
        return [
            replace(model, revision=model.revision + 1, status="final", nurse=verdict.nurse, issued_us=self._now_us)
            for model in self._charted.get(verdict.assessment, ())
            if model.kind in (Kind.GRADE, Kind.ALERT, Kind.ASSESSABLE)
            and model.status == "preliminary"
            and self._persons.same(model, stay)
            and model.grade is not None
            and model.grade == verdict.grade
        ]

    def _ask(self, identity: UUID, about: Assessment | Question, reason: Reason, stay: Stay | None) -> None:
        window = about.id if isinstance(about, Assessment) else about.assessment
        span, focus = (about.start_us, about.end_us), self._focus(window) if stay else None
        asked = task(identity, about.source, about.protocol, span, reason, stay, focus, self._now_us)
        self._tasks[asked.id] = asked
        self.effects.tasks.append(asked)

    def _focus(self, window: UUID) -> UUID | None:
        """The model's latest entry of a window."""
        return next((made.id for made in reversed(self._charted.get(window, [])) if made.kind is not Kind.VERDICT), None)

    def _open(self, stay: Stay) -> UUID | None:
        """The question of this encounter that waits for a nurse."""
        return next((asked.id for asked in self._tasks.values() if self._of_visit(asked, stay)), None)

    def _of_visit(self, asked: TaskEntry, stay: Stay) -> bool:
        return asked.encounter is not None and self._persons.visit(asked.encounter) == self._persons.visit(stay.encounter)

    def _close(self, asked: TaskEntry, status: str, into: list[UUID]) -> None:
        into.append(asked.id)
        del self._tasks[asked.id]
        self.effects.tasks.append(replace(asked, revision=asked.revision + 1, status=status, issued_us=self._now_us))

    def _chart(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            said = None if entry.kind is Kind.VERDICT else self._outranks(entry, entry.start_us, entry.end_us)
            made = entry if said is None else replace(entry, outranked=said.reference)
            same = [one for one in self._charted.get(made.assessment, ()) if one.id != made.id]
            self._charted[made.assessment] = [*same, made]
            self.effects.entries.append(made)

    def _state(self, key: Key) -> SourceState:
        return self._states.get(key) or SourceState()

    def _keep(self, key: Key, state: SourceState) -> None:
        self._states[key] = self.effects.states[key] = state
        self._of_source.setdefault(key[0], {})[key] = None

    def _protocol(self, name: str) -> ClinicalProtocol:
        try:
            return self._protocols[name]
        except KeyError:
            raise MessageError("this protocol is not loaded", field="protocol", remedy="load its file, or set WINCE_PROTOCOL_DIR") from None
