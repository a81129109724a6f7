"""A list taken in: what of it becomes movements. Pure, but for the census that it is applied to.

A movement of a list has the trigger `CENSUS`: from its time on the patient lies in its bed; an empty bed: in none. It is kept among the
hospital's own movements of the visit, known at the list's moment. So an admission that arrives later, of an earlier moment, finds its
place before it, and what the hospital says later counts after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from wince.domain.binding import covers
from wince.domain.census import CENSUS, Change, Kind, MessageKey, Movement, Outcome, Revision
from wince.domain.outside import CensusList, Difference, Differing, Listed
from wince.errors import InputError
from wince.hl7.errors import Hl7Error
from wince.hospital.interface import Census, Decide, Inside
from wince.hospital.stays import decide

SENDER = ("wince", "census")
"""MSH-3 and MSH-4 that these movements have instead of a sender's."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What taking a list in came to."""

    taken: int = 0
    """Movements that are new."""
    known: int = 0
    """Movements of this list that had been taken before."""
    contradicted: tuple[str, ...] = ()
    """Beds that were left alone, since the hospital's messages changed them meanwhile."""


def admissions(found: CensusList, differing: Iterable[Differing], recorded_us: int) -> list[Movement]:
    """Who is missing here, as movements from when the list says, else from its moment on."""
    missing = [one for one in differing if one.kind is Difference.MISSING_HERE]
    return [_movement(found, row, row.bed, _since(found, row), recorded_us) for one in missing for row in one.listed]


def overruling(found: CensusList, one: Differing, recorded_us: int) -> list[Movement]:
    """A person says that the list is right about this bed: its occupants as movements from when the list says, and at its moment, whatever
    was told in between; those who leave it first.

    Raises InputError where the list itself is not clear, or the visit is believed to be another patient's: only the hospital's own A08
    corrects that.
    """
    if one.kind is Difference.TWO_IN_BED:
        raise InputError("the list has two visits in one bed, or one in two", field=f"bed {one.bed}", remedy="correct the list")
    whose = {stay.encounter: stay.patient for stay in one.believed}
    if any(whose.get(row.encounter, row.patient) != row.patient for row in one.listed):
        remedy = "correct the visit's patient in the hospital's system, which then sends an A08"
        raise InputError("the visit is another patient's here", field=f"bed {one.bed}", remedy=remedy)
    rows = {row.encounter: row for row in found.rows}
    moves = []
    for stay in one.believed:
        there = rows.get(stay.encounter)
        if there is None or there.bed != stay.bed:
            row = there or Listed(stay.patient, stay.encounter, "", birth_date=stay.birth_date)
            moves.append(_movement(found, row, row.bed, found.moment_us, recorded_us))
    moved = {move.encounter for move in moves}
    moves += [_movement(found, row, row.bed, found.moment_us, recorded_us) for row in one.listed if row.encounter not in moved]
    begins = min((_since(found, row) for row in one.listed), default=found.moment_us)
    if begins < found.moment_us:
        moves += [_movement(found, _row_of(move), move.bed, begins, recorded_us) for move in moves]
    return sorted(moves, key=lambda move: (move.at_us, bool(move.bed)))


def take(census: Census, movements: Sequence[Movement], site: UUID, *, asked: bool = False, grace_us: int = 0) -> Loaded:
    """Each in a transaction of its own; the same list again changes nothing. `site`: namespace. `asked`: a person said so, and it may
    contradict.

    Raises as Census.commit; what was taken before that stays, and the same call goes on.
    """
    taken = known = 0
    contradicted = []
    for movement in movements:
        how: Decide = partial(decide, site) if asked else partial(_careful, site, grace_us)
        try:
            applied = census.commit(Change.of(movement), how)
        except Hl7Error:  # the visit is another patient's
            contradicted.append(movement.bed)
            continue
        taken += applied.outcome is Outcome.APPLIED
        known += applied.outcome is Outcome.DUPLICATE
    return Loaded(taken, known, tuple(contradicted))


def _careful(site: UUID, grace_us: int, change: Change, inside: Inside) -> Revision:
    """`decide`, if inside the transaction the visit is still in no bed, the bed is free, and the hospital said nothing newer. Raises
    Hl7Error where that is not so."""
    (new,) = change.movements
    visit = inside.survivor(Kind.VISIT, new.encounter)
    lying = [*inside.believed(visit), *inside.in_bed(new.bed)]
    if any(covers(stay.start_us, stay.end_us, new.known_us) for stay in lying) or any(
        movement.known_us > new.known_us - grace_us for movement in inside.movements(visit)
    ):
        raise Hl7Error("the hospital said something else meanwhile", condition="204", field="PV1-3", remedy="compare again")
    return decide(site, change, inside)


def _row_of(move: Movement) -> Listed:
    return Listed(move.patient, move.encounter, move.bed, birth_date=move.birth_date)


def _since(found: CensusList, row: Listed) -> int:
    return found.moment_us if row.since_us is None else row.since_us


def _movement(found: CensusList, row: Listed, bed: str, at_us: int, recorded_us: int) -> Movement:
    said = (found.origin, found.moment_us, row.encounter.system, row.encounter.value, row.patient.system, row.patient.value, bed, at_us)
    digest = hashlib.sha256(repr((*said, row.birth_date)).encode()).hexdigest()
    return Movement(
        key=MessageKey(*SENDER, digest[:32], digest),
        trigger=CENSUS,
        encounter=row.encounter,
        patient=row.patient,
        bed=bed,
        at_us=at_us,
        known_us=found.moment_us,
        recorded_us=recorded_us,
        birth_date=row.birth_date,
        ward=bed.partition("^")[0],
    )
