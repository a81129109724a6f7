"""Entries of a slice by what they were made from, and the revisions that a review adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wince.domain.entry import Entry, Kind
from wince.domain.ids import entry_id
from wince.domain.persons import Named, Persons
from wince.domain.score import Outranking
from wince.domain.stay import Stay
from wince.pipeline.record.effects import CENSUS, Effects
from wince.pipeline.record.review.slices import Group, Kept

WITHDRAWN = "entered-in-error"
RESTORED, CORRECTED, LATE = "restored", "corrected", "charted_late"
"""Events of the audit trail, beside `charted` and `withdrawn`."""


class Book:
    """What stands, by group; every change goes into `effects`."""

    def __init__(
        self, kept: Mapping[Group, Sequence[Kept]], persons: Persons, outranking: Outranking, effects: Effects, now_us: int
    ) -> None:
        self._persons, self._outranking, self._effects, self._now_us = persons, outranking, effects, now_us
        self._revisions: dict[UUID, list[Entry]] = {}
        self._cause: dict[UUID, str] = {}
        self._of: dict[Group, list[UUID]] = {}
        self._parts: dict[Group, dict[UUID, None]] = {}
        self._told: set[UUID] = set()
        for group, found in kept.items():
            for one in found:
                self._add(group, one.entry, one.cause)

    def groups(self) -> list[Group]:
        """In order of their first entry's time."""
        first = {group: self._revisions[ids[0]][0] for group, ids in self._of.items()}
        return sorted(first, key=lambda group: (first[group].start_us, first[group].end_us, str(group[0]), group[1]))

    def has(self, group: Group) -> bool:
        """Whether anything was ever written of it."""
        return group in self._of

    def told(self, alert: UUID) -> bool:
        """Whether an alert was ever charted, alone or gathered into another."""
        return alert in self._told

    def standing(self, group: Group) -> list[Entry]:
        """What is not withdrawn, latest revisions."""
        latest = [self._revisions[one][-1] for one in self._of.get(group, ())]
        return [entry for entry in latest if entry.status != WITHDRAWN]

    def retracted(self, origin: UUID, kind: Kind) -> list[Entry]:
        """What was withdrawn of it, or of its parts, and not for the census' sake: another census gives nothing of that time back."""
        ids = dict.fromkeys([*self._of.get((origin, kind), ()), *self._parts.get((origin, kind), ())])
        latest = [self._revisions[one][-1] for one in ids]
        return [one for one in latest if one.status == WITHDRAWN and self._cause[one.id] != CENSUS]

    def base(self, group: Group) -> Entry | None:
        """What it says as a whole, as last written to anybody; None where there are parts only."""
        said = [entry for one in self._of.get(group, ()) for entry in self._revisions[one] if _whole(entry)]
        return max(said, key=lambda entry: (entry.issued_us, entry.revision), default=None)

    def parts(self, origin: UUID, kind: Kind) -> list[Entry]:
        """Standing parts of what was made from `origin`."""
        latest = [self._revisions[one][-1] for one in self._parts.get((origin, kind), ())]
        return [entry for entry in latest if entry.status != WITHDRAWN and entry.part_of == origin]

    def sums(self, protocol: str, start_us: int, end_us: int) -> bool:
        """Whether a summary of this protocol covers [start, end), whole or in parts: what is charted there is a part of it."""
        bases = [base for group in self._of if group[1] is Kind.SUMMARY and (base := self.base(group)) is not None]
        return any(one.protocol == protocol and one.start_us <= start_us and end_us <= one.end_us for one in bases)

    def about(self, assessment: UUID) -> list[Entry]:
        """What stands of a window."""
        return [entry for group in self._of for entry in self.standing(group) if entry.assessment == assessment]

    def withdraw(self, entry: Entry) -> None:
        """As entered in error."""
        self._put(replace(entry, revision=entry.revision + 1, status=WITHDRAWN, issued_us=self._now_us), "")

    def write(self, body: Entry, stay: Stay, event: str = "") -> None:
        """Write `body` for the patient of `stay`: nothing if it stands so, a revision if that person had it before, else a new entry.

        Whoever had it before gets the former numbers back: they were read against that patient's calm face.
        """
        group = (body.origin, body.kind)
        mine = self._mine(group, stay)
        if mine is None:
            self._add(group, self._entry(body, stay, event), "")
            return
        latest = self._revisions[mine][-1]
        own = next((one for one in reversed(self._revisions[mine]) if one.status != WITHDRAWN and one.part_of == body.part_of), None)
        said = body if own is None or not _whole(body) else replace(own, status=body.status, nurse=body.nurse)
        revision = replace(
            said,
            id=mine,
            revision=latest.revision + 1,
            patient=latest.patient,
            encounter=latest.encounter,
            bed=stay.bed,
            stay=stay.id,
            issued_us=self._now_us,
            outranked=self._outranked(said, stay) if self._outranking.valid_us or latest.status == WITHDRAWN else latest.outranked,
        )
        if latest.status == WITHDRAWN:
            self._put(revision, event or RESTORED)
        elif not _alike(revision, latest):
            self._put(revision, event or CORRECTED)

    def take(self, made: Entry, event: str) -> None:
        """An entry that charting made for a stay: `write`, where something of it was there before."""
        group = (made.origin, made.kind)
        if self.has(group):
            self.write(made, _stay_of(made), event)
        else:
            noted = replace(made, outranked=self._outranked(made, made))
            self._add(group, noted, "")
            self._say(noted, event)

    def revise(self, entry: Entry, event: str = "") -> None:
        """The next revision of an entry, which says what is given here."""
        self._put(replace(entry, revision=entry.revision + 1, issued_us=self._now_us), event)

    def _mine(self, group: Group, stay: Stay) -> UUID | None:
        """The entry of this group that this person has or had; of several the one that stands."""
        found = [latest for one in self._of.get(group, ()) if self._persons.same(latest := self._revisions[one][-1], stay)]
        best = max(found, key=lambda entry: (entry.status != WITHDRAWN, entry.issued_us), default=None)
        return None if best is None else best.id

    def _entry(self, body: Entry, stay: Stay, event: str) -> Entry:
        made = replace(
            body,
            id=entry_id(body.origin, stay.patient, stay.encounter, body.kind),
            revision=1,
            bed=stay.bed,
            stay=stay.id,
            patient=stay.patient,
            encounter=stay.encounter,
            issued_us=self._now_us,
            personal=body.personal and self._persons.same(body, stay),
            outranked=self._outranked(body, stay),
        )
        self._say(made, event)
        return made

    def _outranked(self, body: Entry, whose: Named) -> str:
        """Where the score lies that outranks it. It is this patient's own; another's is never named."""
        return "" if body.kind is Kind.VERDICT else self._outranking.reference(whose, body.start_us, body.end_us)

    def _put(self, revision: Entry, event: str) -> None:
        self._add((revision.origin, revision.kind), revision, CENSUS if revision.status == WITHDRAWN else "")
        self._say(revision, event)

    def _add(self, group: Group, entry: Entry, cause: str) -> None:
        ids = self._of.setdefault(group, [])
        if entry.id not in ids:
            ids.append(entry.id)
        self._revisions.setdefault(entry.id, []).append(entry)
        self._cause[entry.id] = cause
        if entry.part_of is not None:
            self._parts.setdefault((entry.part_of, entry.kind), {})[entry.id] = None
        if entry.kind is Kind.ALERT:
            self._told |= {entry.origin, *entry.gathered}

    def _say(self, entry: Entry, event: str) -> None:
        self._effects.entries.append(entry)
        if event:
            self._effects.events[entry.id, entry.revision] = event
        if entry.status == WITHDRAWN:
            self._effects.causes[entry.id, entry.revision] = CENSUS


def _whole(entry: Entry) -> bool:
    return entry.status != WITHDRAWN and entry.part_of is None


def _alike(one: Entry, other: Entry) -> bool:
    return replace(one, revision=other.revision, issued_us=other.issued_us, stay=other.stay) == other


def _stay_of(made: Entry) -> Stay:
    return Stay(made.stay, made.bed, made.patient, made.encounter, 0, None, 0)
