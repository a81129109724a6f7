"""From movements to stays: a fold over all movements of an encounter, so that late and reordered messages land right. Pure.

Movements are taken in the order in which the hospital knew them; each sets or takes back marks ("in this bed from then on", "gone
from then on"). The marks, in order of the time that they are about, then give the intervals. The order of arrival matters only
between movements that were entered in the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from wince.domain.binding import overlaps
from wince.domain.census import Movement, Revision
from wince.domain.ids import stay_id
from wince.domain.stay import Identifier, Stay
from wince.hl7.errors import Hl7Error

NEVER_WAS_US = -(1 << 62)
"""Before every time, microseconds: when a cancelled visit ended."""

LATE = "late"
NOTHING_TO_CANCEL = "nothing_to_cancel"
PATIENT_CHANGED = "patient_changed"
TWO_PATIENTS = "two_patients"
TWO_ENCOUNTERS = "two_encounters"


@dataclass(frozen=True, slots=True)
class _Mark:
    """What holds from `at_us` on."""

    trigger: str
    at_us: int
    order: int
    """Place among the movements as the hospital knew them."""
    bed: str
    ward: str


@dataclass(frozen=True, slots=True)
class Interval:
    """One bed from `start_us` (inclusive) to `end_us` (exclusive; None: still there)."""

    bed: str
    ward: str
    start_us: int
    end_us: int | None


def revise(site: UUID, movements: Sequence[Movement], believed: Sequence[Stay], in_bed: Callable[[str], Sequence[Stay]]) -> Revision:
    """What the last of `movements` (all of one encounter, in order of arrival) changes in the `believed` stays. `site`: namespace.

    Raises Hl7Error (AE 204) where a message other than A08 names another patient than the visit's.
    """
    new, earlier = movements[-1], movements[:-1]
    notes = _identity(new, earlier)
    known = sorted(movements, key=lambda movement: movement.known_us)  # stable: arrival decides between equals
    marks, idle = _marks(known)
    if known[-1] is not new or any(mark.at_us > new.at_us for mark in marks):
        notes.append(LATE)
    if any(movement is new for movement in idle):
        notes.append(NOTHING_TO_CANCEL)
    who = _told(known)
    born = next((movement.birth_date for movement in reversed(known) if movement.birth_date is not None), None)
    rows = [
        Stay(
            id=stay_id(site, new.encounter, interval.bed, interval.start_us),
            bed=interval.bed,
            patient=who,
            encounter=new.encounter,
            start_us=interval.start_us,
            end_us=interval.end_us,
            recorded_us=0,
            birth_date=born,
            ward=interval.ward,
        )
        for interval in _intervals(marks)
    ]
    supersede = tuple(stay for stay in believed if replace(stay, recorded_us=0) not in rows)
    kept = {replace(stay, recorded_us=0) for stay in believed}
    recorded = max([new.recorded_us, *(stay.recorded_us + 1 for stay in supersede)])
    add = tuple(replace(row, recorded_us=recorded) for row in rows if row not in kept)
    notes += _claims(add, supersede, in_bed)
    return Revision(supersede, add, recorded, tuple(dict.fromkeys(notes)))


def intervals(movements: Sequence[Movement]) -> list[Interval]:
    """Where the patient of one encounter lay, by its movements in order of arrival; disjoint, by start, none empty."""
    return _intervals(_marks(sorted(movements, key=lambda movement: movement.known_us))[0])


def changed(revision: Revision) -> dict[str, int]:
    """From when on the occupancy of which bed is another than was believed, microseconds UTC. A stay of which only the end became
    known, or another, was right until the earlier of the two."""
    found: dict[str, int] = {}
    for stay in (*revision.supersede, *revision.add):
        twins = [other for other in (*revision.supersede, *revision.add) if other.id == stay.id and other is not stay]
        same = all((other.patient, other.birth_date) == (stay.patient, stay.birth_date) for other in twins)
        ends = [one.end_us for one in (stay, *twins) if one.end_us is not None]
        at_us = min(ends) if twins and same and ends else stay.start_us
        found[stay.bed] = min(at_us, found.get(stay.bed, at_us))
    return found


def _marks(known: Sequence[Movement]) -> tuple[list[_Mark], list[Movement]]:
    """Marks that stand after all cancellations, and the cancellations that found nothing to cancel."""
    marks: list[_Mark] = []
    idle: list[Movement] = []
    for order, movement in enumerate(known):
        mark = _Mark(movement.trigger, movement.at_us, order, movement.bed, movement.ward)
        if movement.trigger == "A11":
            if not any(earlier.trigger in ("A01", "A04") for earlier in marks):
                idle.append(movement)
            marks = [replace(mark, at_us=NEVER_WAS_US)]  # the visit is void; only a new admission opens it again
        elif movement.trigger in ("A12", "A13"):
            if not _take_back(marks, {"A12": "A02", "A13": "A03"}[movement.trigger]):
                idle.append(movement)
            marks.append(mark)
        else:
            if movement.trigger in ("A01", "A04", "A03"):
                _tell_again(marks, movement.trigger)
            marks.append(mark)
    return marks, idle


def _take_back(marks: list[_Mark], trigger: str) -> bool:
    for index in range(len(marks) - 1, -1, -1):
        if marks[index].trigger == trigger:
            del marks[index]
            return True
    return False


def _tell_again(marks: list[_Mark], trigger: str) -> None:
    """The same admission or discharge told again, perhaps with another time, replaces what was told before."""
    for index in range(len(marks) - 1, -1, -1):
        if marks[index].trigger == trigger:
            del marks[index]
            return
        if marks[index].trigger in ("A03", "A11") or (trigger == "A03" and marks[index].trigger in ("A01", "A04")):
            return


def _intervals(marks: Sequence[_Mark]) -> list[Interval]:
    found: list[Interval] = []
    here: Interval | None = None
    gone = False
    for mark in sorted(marks, key=lambda mark: (mark.at_us, mark.order)):
        ends = mark.trigger in ("A03", "A11")
        if not ends and gone and mark.trigger not in ("A01", "A04"):
            continue
        if here is not None and (ends or mark.bed != here.bed):
            found.append(replace(here, end_us=mark.at_us))
            here = None
        if not ends and here is None and mark.bed:
            here = Interval(mark.bed, mark.ward, mark.at_us, None)
        gone = ends
    if here is not None:
        found.append(here)
    return [interval for interval in found if interval.end_us is None or interval.end_us > interval.start_us]


def _identity(new: Movement, earlier: Sequence[Movement]) -> list[str]:
    """Only an A08 may say that a visit is another patient's."""
    void = max((index for index, movement in enumerate(earlier) if movement.trigger == "A11"), default=-1)
    patients = {movement.patient for movement in earlier[void + 1 :]}
    if not patients or new.patient in patients:
        return []
    if new.trigger != "A08":
        raise Hl7Error("the visit belongs to another patient", condition="204", field="PID-3", remedy="correct the visit's patient by A08")
    return [PATIENT_CHANGED]


def _told(known: Sequence[Movement]) -> Identifier:
    """The patient as the newest admission or update says, else as the newest message."""
    return next((m.patient for m in reversed(known) if m.trigger in ("A01", "A04", "A08")), known[-1].patient)


def _claims(add: Sequence[Stay], supersede: Sequence[Stay], in_bed: Callable[[str], Sequence[Stay]]) -> list[str]:
    """Both claims to a bed are kept; who asks for the binding is told that there are two. Noted once, when it begins."""
    notes = []
    for stay in add:
        for other in in_bed(stay.bed):
            before = any(old.bed == stay.bed and old.patient == stay.patient and _overlap(old, other) for old in supersede)
            if other.encounter != stay.encounter and _overlap(stay, other) and not before:
                notes.append(TWO_PATIENTS if other.patient != stay.patient else TWO_ENCOUNTERS)
    return notes


def _overlap(one: Stay, other: Stay) -> bool:
    return overlaps(one.start_us, one.end_us, other.start_us, other.end_us)
