"""A hospital as its own information system knows it: persons, visits, movements, with the time of each and the moment of entering it.

What is entered may be backdated, corrected, cancelled. `lying` says who lay where as the system knew it after its n-th entry. Nothing here
is derived from messages: each operation changes the model, and names the ADT event that a sender would make of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

AWAY = ""
"""In the visit, in no bed."""
STEP_BACK_US = 60 * SECOND
"""A clock that steps back so far keeps the order of arrival."""


@dataclass(eq=False)
class Person:
    number: str
    merged: list[tuple[int, Person]] = field(default_factory=list)

    def now(self, n: int) -> Person:
        """Who this is after the n-th entry: merges are followed to the last."""
        for at, into in self.merged:
            if at <= n:
                return into.now(n)
        return self


@dataclass(eq=False)
class Op:
    """A movement: from `at` on the visit lies in `bed` (AWAY: nowhere, None: it is over)."""

    n: int
    kind: str
    at: int
    bed: str | None
    void: int | None = None
    """The entry that cancelled it."""

    def stands(self, n: int) -> bool:
        return self.n <= n and (self.void is None or self.void > n)


@dataclass(eq=False)
class Visit:
    numbers: list[str]
    """The last is in use; the others are its aliases."""
    persons: list[tuple[int, Person]]
    """(from which entry on, whose visit it is)."""
    ops: list[Op] = field(default_factory=list)
    gone: int | None = None
    """The entry that voided the visit."""
    told: bool = True
    """False: a visit from before the feed, of which nothing was sent yet."""
    unsent_bed: str = ""
    """Where such a visit lies."""

    def person(self, n: int) -> Person:
        return [person for at, person in self.persons if at <= n][-1].now(n)

    def standing(self, n: int) -> list[Op]:
        """Movements that hold after the n-th entry, in order."""
        if self.gone is not None and self.gone <= n:
            return []
        return sorted((op for op in self.ops if op.stands(n)), key=lambda op: (op.at, op.n))

    def last(self, n: int) -> Op | None:
        ops = self.standing(n)
        return max(ops, key=lambda op: op.n) if ops else None

    def bed(self, n: int) -> str | None:
        """Where it lies after the n-th entry: a bed, AWAY, or None where the visit is over or void."""
        if not self.told:
            return self.unsent_bed
        ops = self.standing(n)
        return ops[-1].bed if ops else None


@dataclass(frozen=True)
class Lying:
    visit: Visit
    bed: str
    start: int
    end: int | None


@dataclass(frozen=True)
class Unclear:
    """A stretch of which the messages do not say enough: in it nobody, or one of these, is right."""

    n: int
    beds: frozenset[str]
    low: int
    high: int
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class Group:
    """One patient of an event: what PID, MRG and PV1 say."""

    person: str
    visit: str = ""
    bed: str = ""
    prior_bed: str = ""
    temporary_bed: str = ""
    old_person: str = ""
    old_visit: str = ""


@dataclass(frozen=True)
class Event:
    """What the sender tells of one entry."""

    n: int
    trigger: str
    at: int
    """When it happened."""
    known: int
    """When it was entered."""
    groups: tuple[Group, ...]
    visits: tuple[Visit, ...] = ()
    admitted: int | None = None
    """PV1-44 of the visit."""
    discharged: int | None = None
    """PV1-45."""
    processing: str = "P"
    corrects: bool = False
    """It says that the visit is another person's: what follows under that person is refused until it has come."""


CANCELS = {"transfer": "A12", "discharge": "A13", "leave": "A52", "return": "A53", "depart": "A33", "arrive": "A32"}
MERGES = ("A40", "A34", "A39", "A30", "A36", "A47", "A46", "A43")


class Hospital:
    """`clock`: the system's own, microseconds UTC; the test moves it. `grain`: its precision."""

    def __init__(self, clock: int, grain: int = SECOND) -> None:
        self.clock, self.grain = clock, grain
        self.n = 0
        self.persons: list[Person] = []
        self.visits: list[Visit] = []
        self.unclear: list[Unclear] = []

    # who lies where

    def lying(self, n: int) -> list[Lying]:
        found = []
        for visit in self.visits:
            ops = visit.standing(n)
            for op, following in pairwise([*ops, None]):
                assert op is not None
                end = None if following is None else following.at
                if op.bed and (end is None or op.at < end):
                    found.append(Lying(visit, op.bed, op.at, end))
        return found

    def of_number(self, number: str) -> Visit:
        return next(visit for visit in self.visits if number in visit.numbers)

    def of_person(self, number: str) -> Person:
        return next(person for person in self.persons if person.number == number)

    def in_house(self) -> list[Visit]:
        return [visit for visit in self.visits if visit.bed(self.n) is not None]

    # entries

    def register(self) -> Person:
        person = Person(f"7{len(self.persons):04d}")
        self.persons.append(person)
        return person

    def admit(self, person: Person, bed: str, back: int, trigger: str = "A01") -> Event:
        at, known = self._times(back)
        visit = Visit([f"V{len(self.visits):03d}"], [(0, person)])
        self.visits.append(visit)
        return self._moved(visit, trigger, "admit", at, known, bed)

    def unheard_of(self, person: Person, bed: str) -> Visit:
        """A visit that began before the feed did."""
        visit = Visit([f"V{len(self.visits):03d}"], [(0, person)], told=False, unsent_bed=bed)
        self.visits.append(visit)
        return visit

    def move(self, visit: Visit, kind: str, bed: str | None, back: int, trigger: str) -> Event:
        at, known = self._times(back, visit)
        return self._moved(visit, trigger, kind, at, known, bed)

    def arrive(self, visit: Visit, bed: str, back: int, *, temporary: bool) -> Event:
        event = self.move(visit, "arrive", bed, back, "A10")
        (group,) = event.groups
        if temporary:
            group = Group(group.person, group.visit, "HOME^1^A", group.prior_bed, temporary_bed=bed)
        return Event(event.n, "A10", event.at, event.known, (group,), event.visits, event.admitted)

    def cancel(self, visit: Visit, *, happened: bool) -> Event:
        """The visit's last movement was a mistake. `happened`: the message's time is that movement's, else that of cancelling."""
        op = visit.last(self.n)
        assert op is not None
        self.n += 1
        op.void = self.n
        known = self._now()
        bed = visit.bed(self.n)
        return self._event(visit, CANCELS[op.kind], op.at if happened else known, known, bed or op.bed or "")

    def void(self, visit: Visit, trigger: str) -> Event:
        """A11: was never admitted. A23: the visit is deleted."""
        last, bed = visit.last(self.n), visit.bed(self.n)
        self.n += 1
        visit.gone = self.n
        known = self._now()
        return self._event(visit, trigger, last.at if last and trigger == "A11" else known, known, bed or "")

    def readmit(self, visit: Visit, bed: str, trigger: str) -> Event:
        """A visit that was over goes on."""
        at, known = self._times(0, visit)
        return self._moved(visit, trigger, "reopen", at, known, bed)

    def correct_admission(self, visit: Visit, earlier: int) -> Event:
        """The admission is sent again: it was so much earlier (negative: later)."""
        first = visit.standing(self.n)[0]
        following = [op for op in visit.standing(self.n) if op.n != first.n]
        self.n += 1
        known = self._now()
        at = self._rounded(first.at - earlier)
        if following:
            at = min(at, following[0].at)
        at = min(at, known)
        first.void = self.n
        if at > first.at and first.bed:
            self.unclear.append(Unclear(self.n, frozenset([first.bed]), first.at, at, (visit,)))
        visit.ops.append(Op(self.n, first.kind, at, first.bed))
        return self._event(visit, "A01", at, known, first.bed or "")

    def swap(self, one: Visit, other: Visit, back: int) -> Event:
        at, known = self._times(back, one, other)
        beds = one.bed(self.n), other.bed(self.n)
        first = self._moved(one, "A17", "swap", at, known, beds[1])
        second = self._moved(other, "A17", "swap", at, known, beds[0], same=True)
        return Event(first.n, "A17", at, known, first.groups + second.groups, (one, other))

    def change_class(self, visit: Visit, bed: str, back: int, trigger: str, *, new_number: bool) -> Event:
        """A06 A07. With a number of its own the new visit begins where the old one ends."""
        at, known = self._times(back, visit)
        if not new_number:
            return self._moved(visit, trigger, "class", at, known, bed)
        ended = self._moved(visit, trigger, "end", at, known, None)
        visit.told = True
        following = Visit([f"V{len(self.visits):03d}"], [(0, visit.person(self.n))])
        self.visits.append(following)
        following.ops.append(Op(self.n, "admit", ended.at, bed))
        group = Group(following.person(self.n).number, following.numbers[-1], bed, old_visit=visit.numbers[-1])
        return Event(self.n, trigger, at, known, (group,), (visit, following), at)

    def merge(self, pairs: list[tuple[Person, Person]], trigger: str) -> Event:
        """Each (old, into): the old number is from now a name of `into`."""
        self.n += 1
        known = self._now()
        groups = []
        for old, into in pairs:
            groups.append(Group(into.number, old_person=old.number))
            old.merged.append((self.n, into))
        theirs = tuple(visit for visit in self.visits if any(visit.person(self.n) is into.now(self.n) for _, into in pairs))
        return Event(self.n, trigger, known, known, tuple(groups), theirs)

    def hand_over(self, visit: Visit, person: Person, trigger: str) -> Event:
        """The visit is another person's: A08 with that person, A44, A45."""
        self.n += 1
        known = self._now()
        before = visit.person(self.n - 1)
        visit.persons.append((self.n, person))
        number = visit.numbers[-1]
        bed = visit.bed(self.n) or ""
        if trigger == "A08":
            return replace(self._event(visit, "A08", known, known, bed), corrects=True)
        group = Group(person.now(self.n).number, number, bed, old_person=before.number, old_visit=number)
        return Event(self.n, trigger, known, known, (group,), (visit,), corrects=True)

    def renumber(self, visit: Visit, trigger: str) -> Event:
        """A50, A42: the visit has another number from now."""
        self.n += 1
        known = self._now()
        old = visit.numbers[-1]
        visit.numbers.append(f"{old.split('-')[0]}-{len(visit.numbers)}")
        person = visit.person(self.n).number
        group = Group(person, visit.numbers[-1], visit.bed(self.n) or "", old_person=person, old_visit=old)
        return Event(self.n, trigger, known, known, (group,), (visit,))

    def update(self, visit: Visit) -> Event:
        """A08: as things are now."""
        bed = visit.bed(self.n)
        assert bed is not None
        if not visit.told:
            at, known = self._times(0)
            return self._moved(visit, "A08", "admit", at, known, bed)
        self.n += 1
        known = self._now()
        return self._event(visit, "A08", known, known, bed)

    def aside(self, trigger: str, person: str, visit: str, bed: str, processing: str = "P") -> Event:
        """A message that says nothing about who lies where."""
        self.n += 1
        known = self._now()
        return Event(
            self.n, trigger, known, known, (Group(person, visit, bed, old_person=person, old_visit=visit),), (), None, None, processing
        )

    # how an entry is made

    def _rounded(self, at: int) -> int:
        return at - at % self.grain

    def _now(self) -> int:
        return self._rounded(self.clock)

    def _times(self, back: int, *visits: Visit) -> tuple[int, int]:
        """(when it happened, when it is entered): so long ago, but after the last movement of these visits."""
        known = self._now()
        last = max((op.at for visit in visits for op in visit.standing(self.n)), default=0)
        return (known if not back else min(known, max(self._rounded(self.clock - back), last))), known

    def _moved(self, visit: Visit, trigger: str, kind: str, at: int, known: int, bed: str | None, *, same: bool = False) -> Event:
        if not same:
            self.n += 1
        before, prior = visit.last(self.n), visit.bed(self.n)
        standing = visit.standing(self.n)
        stands_at = max([at, *(op.at for op in standing)])
        if stands_at > at:
            assert stands_at - at <= STEP_BACK_US, "the model moves in time"
            beds = frozenset(one for one in (bed, prior, before.bed if before else None) if one)
            self.unclear.append(Unclear(self.n, beds, at, stands_at, (visit,)))
        visit.told = True
        visit.ops.append(Op(self.n, kind, stands_at, bed))
        event = self._event(visit, trigger, at, known, (prior if bed is None or bed == AWAY else bed) or "", prior or "")
        return event

    def _event(self, visit: Visit, trigger: str, at: int, known: int, bed: str, prior: str = "") -> Event:
        ops = visit.standing(self.n)
        ended = [op.at for op in ops if op.bed is None]
        group = Group(visit.person(self.n).number, visit.numbers[-1], bed, prior)
        return Event(self.n, trigger, at, known, (group,), (visit,), ops[0].at if ops else None, ended[-1] if ended else None)
