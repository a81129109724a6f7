"""The storm: hypothesis draws what happens in the hospital, what its feed does to the messages, and when record grades."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.integration.record_world import alert as alert_of
from wince.domain.assessment import Alert

from .draws import BEDS, SOURCES, TOGETHER_US, WATCHED, ZONES, Letter, backs, beds, habits, index, lates, waits, window_at
from .feed import DST_HOURS, IGNORED, Habits, doubled, moment, write
from .hospital import AWAY, CANCELS, HOUR, MERGES, MINUTE, SECOND, Event, Hospital, Person, Unclear, Visit
from .oracle import Cameras, Window, faults
from .world import World, site_of


class Storm(RuleBasedStateMachine):
    """One sequence. `template_dsn` is set by the test."""

    template_dsn = ""

    @initialize(habit=habits)
    def begin(self, habit: Habits) -> None:
        self.habits = habit
        start = moment(0).fromisoformat(ZONES[habit.zone]).replace(tzinfo=habit.tz)
        now = round(start.timestamp()) * SECOND
        self.world = World(self.template_dsn, site_of(habit), now)
        self.skew, self.counted, self.counted_since = 0, 0, now
        self.hospital = Hospital(now, habit.grain)
        self.letters: list[Letter] = []
        self.cameras = Cameras()
        self.windows: list[Window] = []
        self.seen_until = dict.fromkeys(SOURCES, now)
        self.waiting_alerts: list[Alert] = []
        for source, bed in zip(SOURCES, WATCHED, strict=True):
            self._watch(source, bed, now - HOUR)
        for number in range(3):
            self._tell(self.hospital.admit(self.hospital.register(), BEDS[number], 0, "A01"), False)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self._finish()
        finally:
            self.world.close()

    # time

    @rule(wait=waits, step=st.sampled_from([0, 0, 0, -50, -20, 30]))
    def time_passes(self, wait: int, step: int) -> None:
        """And the hospital's clock is set, never so far from the true time that it would be another story."""
        skew = self.skew + step * SECOND
        if step and not self.habits.minutes and abs(skew) <= 55 * SECOND:
            self.skew = skew
            wait = SECOND
        self._pass(wait)
        self.world.review()

    # what happens in the hospital

    @rule(who=index, bed=beds, back=backs, trigger=st.sampled_from(["A01", "A01", "A04", ""]), late=lates)
    def admit(self, who: int, bed: str, back: int, trigger: str, late: bool) -> None:
        if trigger:
            self._tell(self.hospital.admit(self._person(who), bed, back, trigger), late)
        else:
            self.hospital.unheard_of(self._person(who), bed)

    @rule(
        which=index,
        how=st.integers(0, 40),
        bed=beds,
        back=backs,
        late=lates,
        regret=st.sampled_from(["", "", "at once", "looked", "updated"]),
    )
    def move(self, which: int, how: int, bed: str, back: int, late: bool, regret: str) -> None:
        """What may happen to a visit as it is: transfer, leave, return, change of class, discharge, reopening, swap; perhaps by mistake."""
        hospital, visit = self.hospital, self._pick(self._recent(), which)
        if visit is None:
            return
        last, now = visit.last(hospital.n), visit.bed(hospital.n)
        moves: list[Callable[[], Event]] = []
        if now:
            moves += [lambda: hospital.move(visit, "transfer", bed, back, "A02")] * 3
            moves += [lambda: hospital.update(visit)] * 3
        if now and visit.told:
            moves += [lambda: hospital.move(visit, "discharge", None, back, "A03")] * 2
            moves += [lambda: hospital.move(visit, "leave", AWAY, back, "A21"), lambda: hospital.move(visit, "depart", AWAY, back, "A09")]
            for trigger in ("A06", "A07"):
                moves += [partial(hospital.change_class, visit, bed, back, trigger, new_number=new) for new in (False, True)]
            others = [one for one in hospital.visits if one.told and one.bed(hospital.n) and one.bed(hospital.n) != now]
            if others:
                moves += [lambda: hospital.swap(visit, self._pick(others, how), back)] * 2
        if now == AWAY and last and last.kind == "leave":
            moves += [lambda: hospital.move(visit, "return", bed, back, "A22")]
        elif now == AWAY:
            moves += [partial(hospital.arrive, visit, bed, back, temporary=temporary) for temporary in (False, True)]
        if last and last.kind == "discharge":
            moves += [lambda: hospital.readmit(visit, bed, "A01")]
        if not moves:
            return
        self._tell(self._pick(moves, how)(), late)
        last = visit.last(hospital.n)
        if regret and last and last.kind in CANCELS and len(visit.standing(hospital.n)) > 1:
            if regret == "looked":
                self._pass(20 * MINUTE)
                self._look(0)
            elif regret == "updated" and visit.bed(hospital.n):
                self._tell(hospital.update(visit), late)
            self._tell(hospital.cancel(visit, happened=how % 2 == 0), late)

    @rule(which=index, how=index, who=index, late=lates)
    def mistake(self, which: int, how: int, who: int, late: bool) -> None:
        """What was entered of a visit was wrong: the movement, the time, the patient, or all of it."""
        hospital, visit = self.hospital, self._pick([one for one in self._recent() if one.told], which)
        if visit is None:
            return
        last = visit.last(hospital.n)
        repairs: list[Callable[[], Event]] = []
        if last and last.kind in CANCELS and len(visit.standing(hospital.n)) > 1:
            repairs += [partial(hospital.cancel, visit, happened=happened) for happened in (False, True)] * 4
        if last and last.kind == "admit":
            repairs += [partial(hospital.void, visit, trigger) for trigger in ("A11", "A23")]
            repairs += [partial(hospital.correct_admission, visit, earlier) for earlier in (-5 * MINUTE, 10 * MINUTE, HOUR)]
        person = self._person(who)
        if visit.bed(hospital.n) and person.now(hospital.n) is not visit.person(hospital.n):
            repairs += [partial(hospital.hand_over, visit, person, trigger) for trigger in ("A08", "A44", "A45")]
        if repairs:
            self._tell(self._pick(repairs, how)(), late)

    @rule(which=index, into=index, more=st.booleans(), trigger=st.sampled_from([*MERGES, "A50", "A42"]), late=lates)
    def rename(self, which: int, into: int, more: bool, trigger: str, late: bool) -> None:
        """Two numbers were one person's (with several groups: more of them), or a visit gets another number."""
        hospital = self.hospital
        if trigger not in MERGES:
            visit = self._pick([one for one in hospital.in_house() if one.told], which)
            if visit:
                self._tell(hospital.renumber(visit, trigger), late)
            return
        standing = [one for one in hospital.persons if one.now(hospital.n) is one]
        if len(standing) < 3:
            hospital.register()
            return
        target = self._pick(standing, into)
        others = [one for one in standing if one is not target]
        pairs = [(self._pick(others, which), target)]
        if more:
            pairs.append((self._pick([one for one in others if one is not pairs[0][0]], which), target))
        self._tell(hospital.merge(pairs, trigger), late)

    @rule(which=index, who=index, bed=beds, trigger=st.sampled_from(IGNORED), training=st.booleans())
    def aside(self, which: int, who: int, bed: str, trigger: str, training: bool) -> None:
        """Something that says nothing of who lies where, about a real person, a real visit and a bed of ours; or a lesson."""
        visit = self._pick(self.hospital.visits, which)
        number = visit.numbers[-1] if visit else f"X{which}"
        if training:
            trigger = ("A01", "A02", "A03", "A11", "A40")[len(self.letters) % 5]
        self._tell(self.hospital.aside(trigger, self._person(who).number, number, bed, "TD"[which % 2] if training else "P"), False)

    # what the feed does

    @rule(which=index, how=st.sampled_from(["one", "one", "again", "look", "all"]))
    def feed(self, which: int, how: str) -> None:
        """A message that waited arrives; one comes again, as the sender missed our answer; or the feed catches up."""
        if how == "one" and (waiting := self._deliverable()):
            self._deliver(self._pick(waiting, which))
        elif how == "again" and (done := [letter for letter in self.letters if letter.delivered]):
            assert self._deliver(self._pick(done, which * 5))
        elif how == "look":
            self._look_back()
        elif how == "all":
            self._catch_up()
            self._compare(self.hospital.n)
            self.world.deliver()

    # cameras and record

    @rule(source=st.sampled_from(SOURCES), bed=st.sampled_from(WATCHED), back=backs)
    def camera_moves(self, source: str, bed: str, back: int) -> None:
        self._watch(source, bed, self.world.now - back)
        self._pass(SECOND)

    @rule(
        sources=st.sets(st.sampled_from(SOURCES), min_size=1),
        lag=st.sampled_from([0, 0, MINUTE, 30 * MINUTE, 2 * HOUR]),
        grade=st.sampled_from([2, 2, 2, 0, None]),
        order=st.sampled_from(["together", "before", "after"]),
    )
    def grade(self, sources: set[str], lag: int, grade: int | None, order: str) -> None:
        """Windows of so long ago are graded now, with their alert."""
        for source in sorted(sources):
            self._grade_from(source, self.world.now - lag - 5 * SECOND, grade, order)

    # how

    def _pass(self, wait: int) -> None:
        self.world.now += wait
        self.hospital.clock = self.world.now + self.skew

    def _person(self, who: int) -> Person:
        standing = [one for one in self.hospital.persons if one.now(self.hospital.n) is one]
        return standing[who] if who < len(standing) else self.hospital.register()

    def _pick(self, among: list[Any], which: int) -> Any:
        return among[which % len(among)] if among else None

    def _recent(self) -> list[Visit]:
        """Visits that aren't void, the one that was touched last first."""
        standing = [one for one in self.hospital.visits if one.gone is None]
        return sorted(standing, key=lambda one: -max((op.n for op in one.ops), default=0))

    def _tell(self, event: Event, late: bool) -> None:
        for at in {event.at, *(op.at for visit in event.visits for op in visit.standing(event.n)[-1:])}:
            readings = doubled(self.habits, at)
            if readings:
                beds_ = frozenset(op.bed for visit in event.visits for op in visit.ops if op.bed)
                self.hospital.unclear.append(Unclear(event.n, beds_, *readings, event.visits))
        if self.habits.recounts and self.world.now - self.counted_since > 25 * HOUR:
            self.counted, self.counted_since = 0, self.world.now
        self.counted += 1
        control = f"M{self.counted:05d}"
        self.letters.append(Letter(event, write(event, self.habits, control, self.hospital.clock)))
        self._pass(3 * SECOND)
        self._look(event.n)
        letter = self.letters[-1]
        if not late and letter in self._deliverable():
            self._deliver(letter)

    def _deliverable(self) -> list[Letter]:
        waiting = [letter for letter in self.letters if not letter.delivered]
        return [one for one in waiting if not any(self._before(other, one) for other in waiting)]

    def _before(self, other: Letter, letter: Letter) -> bool:
        """Whether nothing but the order of arrival tells their order, or the sender would be refused until the other has come."""
        if other.event.n >= letter.event.n:
            return False
        apart = abs(letter.event.known - other.event.known)
        if (
            self.habits.local
            and apart <= DST_HOURS
            and self.habits.zone != "UTC"
            and any(doubled(self.habits, at) for event in (other.event, letter.event) for at in (event.known, event.at))
        ):
            return True
        same = set(other.event.visits) & set(letter.event.visits)
        return bool(same) and (other.event.corrects or apart <= TOGETHER_US)

    def _deliver(self, letter: Letter) -> bool:
        """False where it was refused: the sender sends it again later."""
        note(f"-- {moment(self.world.now):%d %H:%M:%S} " + letter.text.replace("\r", "\n     "))
        self._doubt(letter.event)
        code = self.world.send(letter.text)
        self._pass(SECOND)
        letter.delivered = code == "AA"
        if not letter.delivered:
            note(f"-- {code}")
        return letter.delivered

    def _doubt(self, event: Event) -> None:
        """An end under a number that was not heard of before may mean another visit of that patient: a person is asked about the bed, and
        nothing needs to be charted there."""
        told = {
            number for letter in self.letters if letter.delivered for one in letter.event.groups for number in (one.visit, one.old_visit)
        }
        if event.trigger not in ("A03", "A11", "A23") or event.groups[0].visit in told:
            return
        whose = {visit.person(self.hospital.n) for visit in event.visits}
        beds_ = {op.bed for visit in self.hospital.visits if visit.person(self.hospital.n) in whose for op in visit.ops if op.bed}
        self.hospital.unclear.append(Unclear(event.n, frozenset(beds_), event.at, self.world.now + 10_000 * HOUR, ()))

    def _catch_up(self) -> None:
        """All that waits is sent, in order, and what was refused again, as long as that helps."""
        waiting = [letter for letter in self.letters if not letter.delivered]
        while waiting:
            refused = [letter for letter in waiting if not self._deliver(letter)]
            assert len(refused) < len(waiting), "refused for good: " + repr([letter.text for letter in refused])
            waiting = refused

    def _look_back(self) -> None:
        """Where what arrived is all that the hospital had entered until some moment, what stands must be what it knew then."""
        arrived = {letter.event.n for letter in self.letters if letter.delivered}
        waiting = {letter.event.n for letter in self.letters if not letter.delivered}
        last = max(arrived, default=0)
        if all(n > last for n in waiting):
            self._compare(last)

    def _watch(self, source: str, bed: str, since: int) -> None:
        since -= since % SECOND
        note(f"-- {source} watches {bed} since {moment(since):%d %H:%M:%S}")
        self.world.watch(source, bed, since)
        self.cameras.said.append((source, bed, since))

    def _look(self, n: int) -> None:
        """Every movement is followed by a window of each camera, every third time with an alert."""
        for source in SOURCES:
            self._grade_from(source, self.world.now - 5 * SECOND, 2 if n % 3 == 0 else n % 2, "together")

    def _grade_from(self, source: str, at: int, grade: int | None, order: str) -> None:
        """The first window that begins at this moment or later and was not graded."""
        start = max(self.seen_until[source], at)
        start += -start % (5 * SECOND)
        if start + 5 * SECOND <= self.world.now:
            self.seen_until[source] = start + 5 * SECOND
            self._grade(source, start, grade, order)

    def _grade(self, source: str, start: int, grade: int | None, order: str) -> None:
        window = window_at(source, start, grade)
        fired = alert_of(window) if grade == 2 else None
        note(f"-- {source} window {moment(start):%d %H:%M:%S} grade {grade} {window.id}")
        self.windows.append(Window(window.id, fired.id if fired else None, source, start, start + 5 * SECOND))
        if fired is None:
            self.world.commit([window])
        elif order == "together":
            self.world.commit([window, fired])
        elif order == "before":
            self.world.commit([fired])
            self.world.commit([window])
        else:
            self.world.commit([window])
            self.waiting_alerts.append(fired)

    def _compare(self, n: int) -> None:
        self.world.commit(self.waiting_alerts)
        self.waiting_alerts = []
        self.world.review()
        found = faults(self.hospital, self.cameras, self.windows, self.world.entries(), self.world.open_tasks(), n)
        assert not found, "\n".join(found)

    def _finish(self) -> None:
        self._catch_up()
        self._compare(self.hospital.n)
        self.world.deliver()
        found = self.world.audit_faults() + self.world.target_faults()
        assert not found, "\n".join(found)
