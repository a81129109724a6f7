"""From movements to intervals in beds: a fold over all movements of a visit, so that late and reordered ones land right. Pure.

Movements are taken in the order in which the hospital knew them; each sets or takes back marks ("in this bed from then on", "in no bed",
"gone"). The marks, in order of the time that they are about, then give the intervals.

The order of arrival decides only between movements that the hospital entered at the same moment, and between those of one sender that
are at most STEP_US apart: EVN-2 is often exact to a minute only, and a sender's clock is set back now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wince.domain.census import Movement
from wince.domain.stay import Identifier
from wince.hospital.triggers import CANCELS, Meaning
from wince.hospital.triggers import does as what

NEVER_WAS_US = -(1 << 62)
"""Before every time, microseconds: when a cancelled visit ended."""
STEP_US = 60 * 1_000_000
"""A sender's clock that steps back by no more than this doesn't put what it says later before what it said earlier."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What holds from `at_us` on."""

    trigger: str
    does: Meaning
    at_us: int
    order: int
    """Place among the movements as the hospital knew them."""
    bed: str
    """Empty: in none."""
    said: bool
    """Whether anything is said of a bed."""
    ward: str
    visit: Identifier
    """Number of the visit under which it was told."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One bed from `start_us` (inclusive) to `end_us` (exclusive; None: still there)."""

    bed: str
    ward: str
    start_us: int
    end_us: int | None
    visit: Identifier
    """Number of the visit under which its begin was told."""


def intervals(movements: Sequence[Movement]) -> list[Interval]:
    """Where the patient of one visit lay, by its movements in order of arrival; disjoint, by start, none empty."""
    return spans(marks(ordered(movements))[0])


def ordered(movements: Sequence[Movement]) -> list[Movement]:
    """Movements as the hospital knew them, from those in order of arrival. Where a sender's clock stepped back, a time that was the
    moment of entering is moved to that of what had been entered before."""
    latest: dict[tuple[str, str], list[tuple[int, int]]] = {}
    found: list[tuple[int, Movement]] = []
    for movement in movements:
        earlier = latest.setdefault((movement.key.application, movement.key.facility), [])
        known = movement.known_us
        after = max([put for said, put in earlier if known < said <= known + STEP_US], default=known)
        earlier.append((known, after))
        at_us = after if movement.at_us == known else movement.at_us
        found.append((after, movement if at_us == movement.at_us else replace(movement, at_us=at_us)))
    return [movement for _, movement in sorted(found, key=lambda one: one[0])]  # stable: arrival decides between equals


def marks(known: Sequence[Movement]) -> tuple[list[Mark], list[Movement]]:
    """Marks that stand after all cancellations, and the cancellations that found nothing to cancel."""
    found: list[Mark] = []
    idle: list[Movement] = []
    for order, movement in enumerate(known):
        does = what(movement)
        visit = movement.sent or movement.encounter
        mark = Mark(movement.trigger, does, movement.at_us, order, movement.bed, movement.bed_said, movement.ward, visit)
        if does is Meaning.VOID:
            if not any(earlier.does in _OPENS for earlier in found):
                idle.append(movement)
            found = [replace(mark, at_us=NEVER_WAS_US)]  # the visit is void; only a new admission opens it again
        elif does in CANCELS:
            taken = _take_back(found, CANCELS[does])
            if taken is None:
                idle.append(movement)
            else:
                found = [mark for mark in found if not _repeats(mark, taken)]
            if does in (Meaning.CANCEL_MOVE, Meaning.CANCEL_END):
                found.append(mark)
        elif does in _PLACES or does in (Meaning.AWAY, Meaning.END):
            if does in (Meaning.ADMIT, Meaning.END):
                _tell_again(found, movement.trigger, does)
            found.append(mark)
    return found, idle


_OPENS = frozenset({Meaning.ADMIT, Meaning.LISTED})
_PLACES = frozenset({*_OPENS, Meaning.MOVE, Meaning.CHANGE_CLASS, Meaning.UPDATE, Meaning.ARRIVE, Meaning.COME_BACK, Meaning.SWAP})


_SNAPSHOTS = frozenset({Meaning.UPDATE, Meaning.CANCEL_MOVE, Meaning.CANCEL_END})


def spans(found: Sequence[Mark]) -> list[Interval]:
    """The intervals that marks give."""
    made: list[Interval] = []
    here: Interval | None = None
    gone = away = False
    before = ("", "")
    """The bed to which a patient on leave comes back, and its ward."""
    outdated = _outdated(found)
    for mark in sorted(found, key=lambda mark: (mark.at_us, mark.order)):
        if mark.order in outdated:
            continue
        ends = mark.does in (Meaning.END, Meaning.VOID)
        if gone and not ends and mark.does not in _OPENS:
            continue
        bed, ward, said = mark.bed, mark.ward, mark.said
        if mark.does is Meaning.UPDATE and away:
            before = (bed, ward) if said else before
            continue
        if mark.does is Meaning.COME_BACK and not said and away:
            (bed, ward), said = before, True
        if ends or mark.does is Meaning.AWAY:
            before = before if here is None else (here.bed, here.ward)
            bed, said = "", True
        away = (mark.does is Meaning.AWAY) if said or mark.does in (Meaning.ADMIT, Meaning.COME_BACK) else away
        gone = ends
        if not said:
            continue
        if here is not None and bed != here.bed:
            made.append(replace(here, end_us=mark.at_us))
            here = None
        if here is None and bed:
            here = Interval(bed, ward, mark.at_us, None, mark.visit)
    if here is not None:
        made.append(here)
    return [interval for interval in made if interval.end_us is None or interval.end_us > interval.start_us]


def _take_back(found: list[Mark], trigger: str) -> Mark | None:
    """Removes the last mark of an event, and gives it."""
    for index in range(len(found) - 1, -1, -1):
        if found[index].trigger == trigger:
            return found.pop(index)
    return None


def _repeats(mark: Mark, taken: Mark) -> bool:
    """Whether an update, or the bed in a cancellation, only said again what was a mistake: the patient never lay there."""
    return mark.does in _SNAPSHOTS and mark.order > taken.order and mark.said and mark.bed == taken.bed != ""


def _outdated(found: Sequence[Mark]) -> set[int]:
    """Orders of marks that only show where the patient was as the hospital knew it then, where a movement that was entered later, about the
    same time or an earlier one, says otherwise. An A08 follows many a change of name or insurance; it must not undo a transfer that was
    entered late. An admission told again is no such movement: it says where the visit began."""
    gone: set[int] = set()
    earliest: int | None = None
    for mark in reversed(found):  # in order of entering
        if mark.does in _SNAPSHOTS and earliest is not None and earliest <= mark.at_us:
            gone.add(mark.order)
        if mark.does is not Meaning.ADMIT and (mark.said or mark.does is Meaning.AWAY):
            earliest = mark.at_us if earliest is None else min(earliest, mark.at_us)
    return gone


def _tell_again(found: list[Mark], trigger: str, does: Meaning) -> None:
    """The same admission or discharge told again, perhaps with another time, replaces what was told before."""
    for index in range(len(found) - 1, -1, -1):
        if found[index].trigger == trigger and found[index].does is does:
            del found[index]
            return
        if found[index].does in (Meaning.END, Meaning.VOID) or (does is Meaning.END and found[index].does is Meaning.ADMIT):
            return
