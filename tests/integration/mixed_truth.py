"""What stands in the record must be what was said last of visits, cameras, doubt, consent and switches: an oracle of its own, which counts
in whole minutes and knows none of the product's rules but the words of `domain/binding.py` and `domain/withheld.py`.

Who lay before a camera during a span is known where one person in one visit lay in one bed for all of it, of whom that is not in doubt,
who did not refuse, in a bed that was not off. Anything else: nobody, and nothing is charted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from tests.integration.record_world import T0, FakeTarget
from tests.integration.review_world import MIN, latest
from wince.delivery.worker import Delivery
from wince.domain.assessment import Alert, Assessment, Verdict
from wince.domain.audit import verify
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.store import audit, reviews
from wince.store.database import Database
from wince.store.plain import load

Person = tuple[str, str]
"""(patient, visit), by the numbers that stand now."""
Alerted = tuple[Assessment, Alert]
"""An alert and the window that it came with."""


def minutes(start_us: int, end_us: int) -> tuple[int, int]:
    """The whole minutes that a span touches: [first, last + 1)."""
    return (start_us - T0) // MIN, -((T0 - end_us) // MIN)


@dataclass(frozen=True, slots=True)
class Span:
    """A bed from one minute up to another; None: it goes on."""

    bed: str
    start: int
    end: int | None

    def holds(self, minute: int) -> bool:
        """Whether the minute lies in it."""
        return self.start <= minute and (self.end is None or minute < self.end)


@dataclass(frozen=True, slots=True)
class Said:
    """A patient's or a visit's word on being watched, for `start` and later."""

    number: str
    given: bool
    start: int


@dataclass(frozen=True, slots=True)
class Scored:
    """What a patient said of the pain in a minute, during a visit: it outranks the model for VALID minutes."""

    patient: str
    visit: str
    minute: int


VALID = 4


@dataclass
class Truth:
    """All that was said, the latest word last."""

    cameras: dict[str, list[Span]] = field(default_factory=dict)
    visits: dict[str, tuple[str, list[Span]]] = field(default_factory=dict)
    """Of each visit its patient, and where he lay."""
    doubts: dict[int, Span] = field(default_factory=dict)
    """An empty bed: every bed."""
    consents: list[Said] = field(default_factory=list)
    switches: list[Span] = field(default_factory=list)
    """When a bed was off."""
    merged: dict[str, str] = field(default_factory=dict)
    """Patients' numbers that were given up."""

    scores: dict[str, Scored] = field(default_factory=dict)
    """By what names each; those that were taken back are gone."""

    def outranks(self, person: Person, start: int, end: int) -> str:
        """The latest score of this person in this visit that counts in these minutes; empty: there is none."""
        patient, visit = person
        mine = [
            (one.minute, name)
            for name, one in self.scores.items()
            if (self.patient(one.patient), one.visit) == (patient, visit) and one.minute < end and start < one.minute + VALID
        ]
        return max(mine, default=(0, ""))[1]

    def patient(self, number: str) -> str:
        """The number that stands for it now."""
        return self.merged.get(number, number)

    def whose(self, camera: str, start: int, end: int) -> Person | None:
        """Who lay before a camera from one minute up to another; None: nobody of whom anything may be charted."""
        lay = {self._lies(camera, minute) for minute in range(start, end)}
        beds = {bed for bed, _ in lay}
        people = {person for _, person in lay}
        if len(beds) != 1 or len(people) != 1:
            return None
        (person,) = people
        if person is None or any(one.bed in beds and one.holds(minute) for one in self.switches for minute in range(start, end)):
            return None
        return person if all(self._consents(person, minute) for minute in range(start, end)) else None

    def _lies(self, camera: str, minute: int) -> tuple[str, Person | None]:
        bed = [one.bed for one in self.cameras[camera] if one.holds(minute)][-1]
        lying = [
            (self.patient(patient), visit)
            for visit, (patient, spans) in self.visits.items()
            if any(one.bed == bed and one.holds(minute) for one in spans)
        ]
        doubtful = any(one.bed in ("", bed) and one.holds(minute) for one in self.doubts.values())
        return bed, lying[0] if len(lying) == 1 and not doubtful else None

    def _consents(self, person: Person, minute: int) -> bool:
        """What the patient said last, under whatever number, and what was said last of the visit: neither is a refusal."""
        patient, visit = person
        of_patient = [one.given for one in self.consents if self.patient(one.number) == patient and one.start <= minute]
        of_visit = [one.given for one in self.consents if one.number == visit and one.start <= minute]
        return all(said[-1] for said in (of_patient, of_visit) if said)


@dataclass
class Sent:
    """What record was given, that was no shadow's."""

    windows: dict[UUID, Assessment] = field(default_factory=dict)
    alerts: dict[UUID, Alert] = field(default_factory=dict)
    verdicts: dict[UUID, Verdict] = field(default_factory=dict)
    retracted: str = ""
    """Model set of which nothing may stand; empty: none."""

    def add(self, message: object) -> None:
        """It was committed."""
        if isinstance(message, Assessment) and not message.shadow:
            self.windows[message.id] = message
        elif isinstance(message, Alert):  # it may come before its window
            self.alerts[message.id] = message
        elif isinstance(message, Verdict):
            self.verdicts[message.id] = message


def check(database: Database, truth: Truth, sent: Sent, cameras: Collection[str], review: Callable[[], Sequence[object]]) -> None:
    """Everything that the record must say now, after a review. `review` looks again and gives what it wrote."""
    entries = [one for camera in sorted(cameras) for one in latest(database, camera)]
    standing = [one for one in entries if one.status != "entered-in-error"]
    _nothing_waits(database)
    _right_person(truth, sent, standing)
    _each_alert_once(truth, sent, standing)
    _each_verdict_once(truth, sent, standing)
    _nothing_twice(standing)
    _summaries_tell(truth, sent, standing)
    _outranked(truth, standing)
    _nothing_retracted(sent, standing)
    _questions(database, truth)
    with database.transaction() as tx:
        reviews.ask(tx, from_us=0, why="again")
    assert list(review()) == [], "a second review changes something"
    assert verify(audit.rows(database, payloads=True)).erased == 0


def _nothing_waits(database: Database) -> None:
    with database.transaction() as tx:
        assert tx.execute("SELECT sources, from_us, error FROM review").fetchall() == []
        assert tx.execute("SELECT source, error FROM aside_source").fetchall() == []


def _right_person(truth: Truth, sent: Sent, standing: Sequence[Entry]) -> None:
    for entry in standing:
        start, end = entry.start_us, entry.end_us
        if entry.kind is Kind.ALERT:
            window = sent.windows[entry.assessment]
            start, end = min(start, window.start_us), max(end, window.end_us)
        whose = truth.whose(entry.source, *minutes(start, end))
        assert whose == (truth.patient(entry.patient.value), entry.encounter.value), (entry.kind, minutes(start, end), whose)


def _outranked(truth: Truth, standing: Sequence[Entry]) -> None:
    for entry in standing:
        if entry.kind is not Kind.VERDICT:
            person = truth.patient(entry.patient.value), entry.encounter.value
            wanted = truth.outranks(person, *minutes(entry.start_us, entry.end_us))
            assert entry.outranked == wanted, (entry.kind, minutes(entry.start_us, entry.end_us), entry.outranked, wanted)


def _each_alert_once(truth: Truth, sent: Sent, standing: Sequence[Entry]) -> None:
    times = Counter(alert for one in standing if one.kind is Kind.ALERT for alert in (one.origin, *one.gathered))
    assert set(times) <= set(sent.alerts)
    for alert in sent.alerts.values():
        window = sent.windows[alert.assessment]
        span = minutes(min(window.start_us, alert.start_us), max(window.end_us, alert.end_us))
        wanted = truth.whose(alert.source, *span) is not None and window.model_set != sent.retracted
        assert times[alert.id] == wanted, ("alert", alert.protocol, span, times[alert.id])


def _each_verdict_once(truth: Truth, sent: Sent, standing: Sequence[Entry]) -> None:
    times = Counter(one.origin for one in standing if one.kind is Kind.VERDICT)
    for verdict in sent.verdicts.values():
        window = sent.windows[verdict.assessment]
        span = minutes(window.start_us, window.end_us)
        assert times[verdict.id] == (truth.whose(window.source, *span) is not None), ("verdict", span, times[verdict.id])


def _nothing_twice(standing: Sequence[Entry]) -> None:
    """One entry of an origin and kind; no minute in two summaries of one camera and protocol."""
    assert [one for one, times in Counter((one.origin, one.kind) for one in standing).items() if times > 1] == []
    summaries: dict[tuple[str, str], list[Entry]] = {}
    for one in standing:
        if one.kind is Kind.SUMMARY:
            summaries.setdefault((one.source, one.protocol), []).append(one)
    for of in summaries.values():
        for earlier, later in pairwise(sorted(of, key=lambda one: one.start_us)):
            assert earlier.end_us <= later.start_us, "two summaries of one minute"


def _summaries_tell(truth: Truth, sent: Sent, standing: Sequence[Entry]) -> None:
    """Each counts the alerts of its time that are told, whenever they came."""
    told: dict[tuple[str, str], list[int]] = {}
    for alert in sent.alerts.values():
        window = sent.windows[alert.assessment]
        if truth.whose(alert.source, *minutes(min(window.start_us, alert.start_us), window.end_us)) is not None:
            told.setdefault((alert.source, alert.protocol), []).append(window.start_us)
    for one in standing:
        if one.kind is Kind.SUMMARY:
            fired = [at for at in told.get((one.source, one.protocol), []) if one.start_us <= at < one.end_us]
            assert one.alerts >= len(fired), ("summary", one.protocol, minutes(one.start_us, one.end_us), one.alerts, len(fired))


def _nothing_retracted(sent: Sent, standing: Sequence[Entry]) -> None:
    if not sent.retracted:
        return
    bad = [one for one in sent.windows.values() if one.model_set == sent.retracted]
    for entry in standing:
        if entry.kind is Kind.VERDICT:
            continue
        assert entry.model_set != sent.retracted, (entry.kind, minutes(entry.start_us, entry.end_us))
        if entry.kind is Kind.SUMMARY:
            of = [one for one in bad if (one.source, one.protocol) == (entry.source, entry.protocol)]
            assert not [one for one in of if entry.start_us <= one.start_us < entry.end_us], "a summary of retracted windows"


def _questions(database: Database, truth: Truth) -> None:
    """Of an encounter one is open, and it is asked of whoever lay there and has no score of that time."""
    with database.transaction() as tx:
        rows = tx.execute("SELECT body FROM question WHERE state = 'open' AND stay IS NOT NULL").fetchall()
    tasks = [load(TaskEntry, body) for (body,) in rows]
    assert all(times == 1 for times in Counter(one.encounter for one in tasks).values())
    for task in tasks:
        assert task.patient is not None
        assert task.encounter is not None
        whose = truth.whose(task.source, *minutes(task.start_us, task.end_us))
        assert whose == (truth.patient(task.patient.value), task.encounter.value), ("question", minutes(task.start_us, task.end_us), whose)
        assert truth.outranks(whose, *minutes(task.start_us, task.end_us)) == "", "a question that a score answers"


def deliver(database: Database, target: FakeTarget, cameras: Collection[str]) -> None:
    """Everything goes out: what stands here stands there, and what was withdrawn does not."""
    delivery = Delivery(database, [target], poll_s=0.02, alone=True)
    delivery.start()
    try:
        assert delivery.drain(60)
    finally:
        delivery.stop()
    there = {name for name, (_, status) in target.held.items() if status != "entered-in-error"}
    for entry in (one for camera in sorted(cameras) for one in latest(database, camera)):
        assert (str(entry.id) in there) == (entry.status != "entered-in-error"), (entry.kind, entry.status)
