"""What may happen to beds, cameras and patients in any order, drawn at random: each step is done to the database and told to the oracle."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from tests.integration.mixed_truth import VALID, Said, Scored, Sent, Span, Truth
from tests.integration.record_world import SITE, T0, FakeTarget
from tests.integration.record_world import window as made
from tests.integration.review_world import MIN, NOW, lies, say
from tests.support.verdicts import verdict_id
from wince.domain import census
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.census import Link
from wince.domain.ids import alert_id, assessment_id, question_id
from wince.domain.reason import Reason
from wince.domain.score import Score
from wince.domain.stay import Identifier, Watch
from wince.domain.withheld import Consent, Scope
from wince.pipeline.record.retraction import AGAIN_US, Retractor
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.stage import Message
from wince.protocols.loader import load
from wince.store import aliases, doubts, retractions, scores, withheld
from wince.store.database import Database
from wince.store.retractions import Retraction
from wince.store.stays import save_watches

_ACTIVITY = load("activity")
_CHART = replace(_ACTIVITY.chart, every_s=300.0, max_per_day=400, min_gap_s=60.0, unassessable_after_windows=2)
SHADOW = "shade"
PROTOCOLS = {name: replace(_ACTIVITY, name=name, chart=_CHART) for name in ("activity", "second", SHADOW)}
"""Charted each five minutes, and often: all that charting knows happens in half an hour."""
GOOD, BAD = "ab" * 32, "ba" * 32
BEDS = ("ICU^1^A", "ICU^2^A")
PATIENTS = ("P", "Q")
VISITS = ("V1", "V2", "V3")


def window(camera: str, protocol: str, minute: int, grade: int | None, model: str = GOOD) -> Assessment:
    """A whole minute long."""
    start = T0 + minute * MIN
    return replace(
        made(0, grade, source=camera, reason=Reason.CONFLICT),
        id=assessment_id(SITE, camera, protocol, start),
        protocol=protocol,
        start_us=start,
        end_us=start + MIN,
        model_set=model,
        shadow=protocol == SHADOW,
    )


def alert(of: Assessment, back: int) -> Alert:
    """Of a run that began so many minutes before the window."""
    start = of.start_us - back * MIN
    return Alert(alert_id(of.id, start), of.id, of.source, of.protocol, start, of.end_us, 2, "high", 6.0)


def question(of: Assessment) -> Question:
    """About a window."""
    asked = question_id(of.id, Reason.CONFLICT, of.start_us)
    return Question(asked, of.id, of.source, of.protocol, of.start_us, of.end_us, Reason.CONFLICT)


def minute_of(camera: str, minute: int) -> list[Message]:
    """What grade finds in a minute of a camera: the same whoever asks."""
    rng, found = random.Random(f"{camera} {minute}"), list[Message]()
    for protocol in PROTOCOLS:
        of = window(camera, protocol, minute, rng.choice([None, 0, 2, 2]))
        found.append(of)
        if of.grade == 2 and not of.shadow:
            found += [alert(of, rng.randrange(3)), *([question(of)] if rng.random() < 0.2 else [])]
    return found


class Hospital:
    """Says who lies where, which camera watches what, and whether that may be believed; corrects itself at any time."""

    def __init__(self, database: Database, cameras: Sequence[str], rng: random.Random) -> None:
        self.truth, self.now = Truth(), 0
        """`now`: minutes since T0; what is said lies around it."""
        self._database, self._rng, self._cameras = database, rng, list(cameras)
        self._said = 0
        for place, camera in enumerate(self._cameras):
            bed = BEDS[place % len(BEDS)]
            self.truth.cameras[camera] = [Span(bed, -(1 << 30), None)]
            save_watches(database, [Watch(camera, bed, 0, None, 0)])

    def begin(self) -> None:
        """Every bed is taken, by a patient each, before the first minute."""
        for visit, patient, bed in zip(VISITS, PATIENTS, BEDS, strict=False):
            self._say(visit, patient, [Span(bed, -3, None)])

    def visit(self) -> None:
        """A visit's patient and beds are these from now on; all else that was believed of it is not."""
        visit, patient = self._rng.choice(VISITS), self.truth.patient(self._rng.choice(PATIENTS))
        spans = []
        for _ in range(self._rng.randint(0, 2)):
            start = self._rng.randint(-3, max(1, self.now))
            spans.append(Span(self._rng.choice(BEDS), start, self._rng.choice([start + self._rng.randint(1, 10), None])))
        self._say(visit, patient, spans)

    def _say(self, visit: str, patient: str, spans: Sequence[Span]) -> None:
        rows = [lies(visit, one.bed, one.start, one.end, patient=patient, number=place) for place, one in enumerate(spans)]
        say(self._database, visit, rows)
        self.truth.visits[visit] = (patient, list(spans))

    def camera(self) -> None:
        """A camera watches another bed, from a moment that may be long ago."""
        camera, bed, start = self._rng.choice(self._cameras), self._rng.choice(BEDS), self._rng.randint(0, max(1, self.now))
        self._said += 1
        save_watches(self._database, [Watch(camera, bed, T0 + start * MIN, None, self._said)])
        self.truth.cameras[camera].append(Span(bed, start, None))

    def doubt(self) -> None:
        """Who lies in a bed, or in any, is not believed from a moment on."""
        start = self._rng.randint(0, max(1, self.now))
        span = Span(self._rng.choice(["", *BEDS]), start, self._rng.choice([None, start + self._rng.randint(1, 6)]))
        end_us = None if span.end is None else T0 + span.end * MIN
        with self._database.transaction() as tx:
            number = doubts.begin(tx, span.bed, T0 + start * MIN, "test", end_us)
        self.truth.doubts[number] = span

    def trust(self) -> None:
        """What was in doubt never was."""
        if self.truth.doubts:
            number = self._rng.choice(list(self.truth.doubts))
            span = self.truth.doubts.pop(number)
            with self._database.transaction() as tx:
                doubts.end(tx, number, T0 + span.start * MIN)

    def merge(self) -> None:
        """Both patients are one person, once; every visit is told again under the number that stands."""
        old, new = PATIENTS
        if self.truth.merged:
            return
        with self._database.transaction() as tx:
            numbers = Identifier("urn:mrn", old), Identifier("urn:mrn", new)
            aliases.add(tx, [Link(census.Kind.PERSON, *numbers, T0, T0)], UUID(int=1))
        self.truth.merged[old] = new
        for visit, (patient, spans) in list(self.truth.visits.items()):
            if patient == old:
                self._say(visit, new, spans)

    def consent(self) -> None:
        """A patient, or somebody for a visit, says whether he may be watched."""
        subject, system, numbers = self._rng.choice([("encounter", "urn:visit", VISITS[:2]), ("patient", "urn:mrn", PATIENTS)])
        said = Said(self._rng.choice(numbers), self._rng.random() < 0.5, self._rng.randint(-2, max(1, self.now)))
        consent = Consent(subject, Identifier(system, said.number), said.given, T0 + said.start * MIN, "n7")
        with self._database.transaction() as tx:
            withheld.say(tx, consent, uuid4(), "n7", NOW)
        self.truth.consents.append(said)

    def score(self) -> None:
        """A patient says how much pain there is, or what was said is taken back. It may be known late."""
        if self.truth.scores and self._rng.random() < 0.3:
            name = self._rng.choice(list(self.truth.scores))
            del self.truth.scores[name]
            with self._database.transaction() as tx:
                scores.void(tx, [scores.score_id("test", name)], NOW, VALID * MIN)
            return
        self._said += 1
        name = f"score {self._said:04}"
        said = Scored(self._rng.choice(PATIENTS), self._rng.choice(VISITS[:2]), self._rng.randint(0, max(1, self.now)))
        numbers = Identifier("urn:mrn", said.patient), Identifier("urn:visit", said.visit)
        score = Score(scores.score_id("test", name), name, *numbers, T0 + said.minute * MIN, "urn:test|nrs", "7")
        with self._database.transaction() as tx:
            scores.keep(tx, [score], NOW, VALID * MIN)
        self.truth.scores[name] = said

    def switch(self) -> None:
        """A bed is switched off now, or on again."""
        bed, now_us = BEDS[0], T0 + self.now * MIN
        with self._database.transaction() as tx:
            if withheld.off(tx):
                withheld.switch_on(tx, Scope.BED, bed, "", "n7", now_us)
                self.truth.switches[-1] = replace(self.truth.switches[-1], end=self.now)
            else:
                withheld.switch_off(tx, Scope.BED, bed, "", "n7", now_us)
                self.truth.switches.append(Span(bed, self.now, None))

    def all_on(self) -> None:
        """No bed is off any more: what was held goes out."""
        if self.truth.switches and self.truth.switches[-1].end is None:
            self.switch()


class Mixed:
    """Windows, answers and retractions between all that the hospital says."""

    def __init__(self, database: Database, cameras: Sequence[str], rng: random.Random) -> None:
        self.hospital, self.sent = Hospital(database, cameras, rng), Sent()
        self.target = FakeTarget()
        self.sink = PostgresSink(database, PROTOCOLS, [self.target], clock=lambda: NOW, score_valid_us=VALID * MIN)
        self._database, self._rng, self._cameras = database, rng, list(cameras)
        self._order: list[Message] = []
        self._late: list[Alert] = []
        self._looked = 0
        hospital = self.hospital
        self.steps: list[Callable[[], None]] = [self.windows] * 4 + [hospital.visit] * 4
        self.steps += [hospital.doubt, hospital.trust, hospital.trust]
        self.steps += [hospital.camera, hospital.doubt, hospital.trust, hospital.merge, hospital.consent, hospital.switch, hospital.score]
        self.steps += [self.retract, self.verdict, self.again]

    def begin(self) -> None:
        """A patient in each bed from the start, and the first windows of them."""
        self.hospital.begin()
        self.windows()
        self.windows()

    def windows(self) -> None:
        """Some minutes of every camera, in one or two batches; an alert may come with a later one."""
        batch: list[Message] = []
        count = self._rng.randint(1, 8)
        for minute in range(self.hospital.now, self.hospital.now + count):
            for camera in self._cameras:
                for protocol in PROTOCOLS:
                    batch += self._window(camera, protocol, minute)
        if self._rng.random() < 0.5:
            batch += self._late
            self._late = []
        self.hospital.now += count
        cut = self._rng.randint(0, len(batch))
        self._commit(batch[:cut])
        self._commit(batch[cut:])

    def _window(self, camera: str, protocol: str, minute: int) -> list[Message]:
        if self._rng.random() < 0.15:
            return []
        grade = self._rng.choice([None, None, 0, 0, 2, 2])
        found = window(camera, protocol, minute, grade, BAD if self._rng.random() < 0.2 else GOOD)
        batch: list[Message] = [found]
        if protocol == SHADOW:
            return batch
        if grade == 2:
            for back in self._rng.sample(range(4), self._rng.choice([0, 1, 1, 2])):
                (self._late if self._rng.random() < 0.2 else batch).append(alert(found, back))
        if self._rng.random() < 0.2:
            self._rng.shuffle(batch)
        if self._rng.random() < 0.1:
            batch.append(question(found))
        return batch

    def _commit(self, batch: Sequence[Message]) -> None:
        self.sink.commit(batch)
        self._order += batch
        for message in sorted(batch, key=lambda one: not isinstance(one, Assessment)):
            self.sent.add(message)

    def again(self) -> None:
        """All from some message on comes a second time."""
        if self._order:
            self.sink.commit(self._order[self._rng.randrange(len(self._order)) :])

    def verdict(self) -> None:
        """A nurse gives her own score of a window, or says that there is none."""
        if self.sent.windows:
            of = self._rng.choice(list(self.sent.windows.values()))
            at_us = T0 + self.hospital.now * MIN + len(self.sent.verdicts)
            self._commit([Verdict(verdict_id(of.id, "n7", at_us), None, of.id, "n7", self._rng.choice([0, 2, None]), at_us)])

    def retract(self) -> None:
        """The bad model's entries are withdrawn, those of its windows that come later too."""
        if not self.sent.retracted:
            with self._database.transaction() as tx:
                retractions.ask(tx, Retraction(uuid4(), BAD, "", T0, NOW, "wrong weights", "n7", NOW))
            self.sent.retracted = BAD
        self.look()

    def look(self) -> None:
        """As record does each minute."""
        self._looked += 1
        now_us = NOW + self._looked * 2 * AGAIN_US
        Retractor(self._database, [self.target], lambda: None, clock=lambda: now_us).run()
