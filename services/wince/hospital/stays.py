"""From movements to stays: what a change makes of what is believed. Pure.

Every visit that a change names is folded again from all of its movements (marks.py), by the numbers that stand now. So a message that
is late, a number that is merged and a correction all end in the same stays as if they had come in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from wince.domain.binding import overlaps
from wince.domain.census import Change, Kind, Movement, Revision
from wince.domain.ids import stay_id
from wince.domain.stay import Identifier, Stay
from wince.hl7.errors import Hl7Error
from wince.hospital import notes
from wince.hospital.interface import InBed, Inside, distinct
from wince.hospital.marks import Interval, intervals, marks, ordered, spans
from wince.hospital.triggers import Meaning, does, meaning

__all__ = ["Interval", "changed", "decide", "intervals", "revise"]

_SAYS_WHOSE = frozenset({Meaning.ADMIT, Meaning.UPDATE, Meaning.MOVE_VISIT})
"""Events that say whose visit it is; the newest of them counts."""
_CORRECTS = frozenset({Meaning.UPDATE, Meaning.MOVE_VISIT})
"""Events that may say that a visit is another patient's."""
_OPENS = frozenset({Meaning.ADMIT, Meaning.LISTED, *_CORRECTS})
"""Events of a visit of which nothing had been said, without a note."""
_ENDS = frozenset({Meaning.END, Meaning.VOID})


@dataclass(frozen=True, slots=True)
class _Visit:
    """A visit that a change speaks of."""

    number: Identifier
    movements: tuple[Movement, ...]
    """All of it in order of arrival, with the numbers that stand now."""
    new: tuple[Movement, ...]
    """Those of the change, among them."""
    believed: tuple[Stay, ...]


def decide(site: UUID, change: Change, inside: Inside) -> Revision:
    """What a change makes of the stays of every visit that it speaks of, and of those of the persons that it merges. `site`: namespace.

    Raises Hl7Error (AE 204) where a movement names another patient than the visit's, and its event doesn't correct that.
    """
    new = [_standing(movement, inside) for movement in change.movements]
    numbers = [movement.encounter for movement in new]
    for link in change.links:
        survivor = inside.survivor(link.kind, link.new)
        if link.kind is Kind.VISIT:
            numbers.append(survivor)
        else:
            numbers += [inside.survivor(Kind.VISIT, stay.encounter) for stay in inside.stays_of(survivor)]
    visits, said = [], list(change.notes)
    for number in distinct(numbers):
        own = tuple(movement for movement in new if movement.encounter == number)
        earlier = inside.movements(number)
        said += _unknown(own, earlier, inside)
        visits.append(_Visit(number, (*earlier, *own), own, tuple(inside.believed(number))))
    return _revised(site, visits, said, change.recorded_us, inside.in_bed)


def revise(site: UUID, movements: Sequence[Movement], believed: Sequence[Stay], in_bed: Callable[[str], Sequence[Stay]]) -> Revision:
    """What the last of `movements` (all of one encounter, in order of arrival) changes in the `believed` stays. `site`: namespace.

    Raises Hl7Error (AE 204) where a message other than A08 names another patient than the visit's.
    """
    new = movements[-1]
    visit = _Visit(new.encounter, tuple(movements), (new,), tuple(believed))
    return _revised(site, [visit], [], new.recorded_us, in_bed)


def changed(revision: Revision) -> dict[str, int]:
    """From when on the occupancy of which bed is another than was believed, microseconds UTC. A stay of which only the end became
    known, or another, was right until the earlier of the two."""
    found: dict[str, int] = {}
    for stay in (*revision.supersede, *revision.add):
        twins = [other for other in (*revision.supersede, *revision.add) if other.id == stay.id and other is not stay]
        same = all(_whose(other) == _whose(stay) for other in twins)
        ends = [one.end_us for one in (stay, *twins) if one.end_us is not None]
        at_us = min(ends) if twins and same and ends else stay.start_us
        found[stay.bed] = min(at_us, found.get(stay.bed, at_us))
    return found


def _whose(stay: Stay) -> tuple[object, ...]:
    return stay.patient, stay.encounter, stay.birth_date


def _revised(site: UUID, visits: Sequence[_Visit], said: list[str], recorded_us: int, in_bed: InBed) -> Revision:
    rows: list[Stay] = []
    for visit in visits:
        if visit.movements:
            rows += _rows(site, visit, said)
    before = [stay for visit in visits for stay in visit.believed]
    supersede = tuple(stay for stay in before if replace(stay, recorded_us=0) not in rows)
    kept = {replace(stay, recorded_us=0) for stay in before}
    recorded = max([recorded_us, *(stay.recorded_us + 1 for stay in supersede)])
    add = tuple(replace(row, recorded_us=recorded) for row in rows if row not in kept)
    said += _claims(add, supersede, in_bed)
    return Revision(supersede, add, recorded, tuple(dict.fromkeys(said)))


def _rows(site: UUID, visit: _Visit, said: list[str]) -> list[Stay]:
    """The stays of a visit; what is odd about the new movements is added to `said`."""
    known = ordered(visit.movements)
    for movement in visit.new:
        said += _identity(movement, known)
    found, idle = marks(known)
    keys = {movement.key for movement in visit.new}
    for movement in (one for one in known if one.key in keys):
        if known[-1] is not movement or any(mark.at_us > movement.at_us for mark in found):
            said.append(notes.LATE)
        if any(one is movement for one in idle):
            said.append(notes.NOTHING_TO_CANCEL)
    who = _told(known)
    born = next((movement.birth_date for movement in reversed(known) if movement.birth_date is not None), None)
    return [
        Stay(
            id=stay_id(site, interval.visit, interval.bed, interval.start_us),
            bed=interval.bed,
            patient=who,
            encounter=visit.number,
            start_us=interval.start_us,
            end_us=interval.end_us,
            recorded_us=0,
            birth_date=born,
            ward=interval.ward,
        )
        for interval in spans(found)
    ]


def _standing(movement: Movement, inside: Inside) -> Movement:
    """With the numbers that stand now."""
    visit, person = inside.survivor(Kind.VISIT, movement.encounter), inside.survivor(Kind.PERSON, movement.patient)
    return replace(movement, encounter=visit, patient=person, sent=movement.encounter if visit != movement.encounter else None)


def _unknown(new: Sequence[Movement], earlier: Sequence[Movement], inside: Inside) -> list[str]:
    """A visit of which nothing had been said; where it ends, its patient may lie in a bed under another number."""
    if earlier or not new or any(does(movement) in _OPENS for movement in new):
        return []
    said = [notes.UNKNOWN_VISIT]
    if any(meaning(movement.trigger) in _ENDS for movement in new):
        lying = any(stay.end_us is None for movement in new for stay in inside.stays_of(movement.patient))
        said += [notes.PATIENT_IN_BED] if lying else []
    return said


def _identity(new: Movement, known: Sequence[Movement]) -> list[str]:
    """Only what corrects a visit's patient may say that it is another's; what was known before a correction still names the old one."""
    place = next(index for index, movement in enumerate(known) if movement.key == new.key)
    voids = [index for index, movement in enumerate(known) if meaning(movement.trigger) is Meaning.VOID]
    if any(index > place for index in voids):
        return []  # it never was, whoever it names
    begin = max((index + 1 for index in voids if index < place), default=0)
    others = [one for one in known[begin:] if one.key != new.key and does(one) is not Meaning.LISTED]  # a list corrects nobody
    if not others or any(movement.patient == new.patient for movement in others):
        return []
    if meaning(new.trigger) in _CORRECTS:
        return [notes.PATIENT_CHANGED]
    if any(meaning(movement.trigger) in _CORRECTS for movement in known[place:]):
        return []
    raise Hl7Error("the visit belongs to another patient", condition="204", field="PID-3", remedy="correct the visit's patient by A08")


def _told(known: Sequence[Movement]) -> Identifier:
    """The patient as the newest admission or update says, else as the newest message, else as a list from outside has it."""
    messages = [m for m in known if does(m) is not Meaning.LISTED]
    return next((m.patient for m in reversed(messages) if meaning(m.trigger) in _SAYS_WHOSE), (messages or known)[-1].patient)


def _claims(add: Sequence[Stay], supersede: Sequence[Stay], in_bed: InBed) -> list[str]:
    """Both claims to a bed are kept; who asks for the binding is told that there are two. Noted once, when it begins."""
    found = []
    for stay in add:
        for other in (*(row for row in in_bed(stay.bed) if row not in supersede), *(row for row in add if row.bed == stay.bed)):
            before = any(old.bed == stay.bed and old.patient == stay.patient and _overlap(old, other) for old in supersede)
            if other.encounter != stay.encounter and _overlap(stay, other) and not before:
                found.append(notes.TWO_PATIENTS if other.patient != stay.patient else notes.TWO_ENCOUNTERS)
    return found


def _overlap(one: Stay, other: Stay) -> bool:
    return overlaps(one.start_us, one.end_us, other.start_us, other.end_us)
