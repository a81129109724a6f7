"""A list against what is believed: where they differ, and which of it a person must decide. Pure.

A list is a picture of one moment, and the hospital's messages are the story: a visit of which they spoke after that moment is left to
them. Between the two stands `grace_us`: an EHR may show a move some minutes after the message that told it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from wince.domain.binding import covers
from wince.domain.outside import CensusList, Compared, Difference, Differing, Listed
from wince.domain.stay import Identifier, Stay

Heard = Mapping[Identifier, int]
"""When the hospital last said something of a visit (Movement.known_us), microseconds UTC; visits never heard of are absent."""


def compare(found: CensusList, stays: Iterable[Stay], heard: Heard, *, grace_us: int = 0) -> Compared:
    """`stays`: believed ones, of every bed and visit that the list may be about, whatever their end."""
    moment_us = found.moment_us
    believed = [stay for stay in stays if covers(stay.start_us, stay.end_us, moment_us)]
    newer = {visit for visit, at_us in heard.items() if at_us > moment_us - grace_us}
    by_visit = {stay.encounter: stay for stay in believed}
    by_bed: dict[str, list[Stay]] = defaultdict(list)
    for stay in believed:
        by_bed[stay.bed].append(stay)
    beds: dict[str, list[Listed]] = defaultdict(list)
    visits: dict[Identifier, list[Listed]] = defaultdict(list)
    for row in found.rows:
        beds[row.bed].append(row)
        visits[row.encounter].append(row)
    differing: dict[str, Differing] = {}
    agreed, left = 0, set[Identifier]()
    doubled = {row.bed for rows in visits.values() if len({(one.bed, one.patient) for one in rows}) > 1 for row in rows}
    doubled |= {bed for bed, rows in beds.items() if len({row.encounter for row in rows}) > 1}
    for bed, rows in sorted(beds.items()):
        here, row = tuple(by_bed.get(bed, ())), rows[0]
        if bed in doubled:
            if all(one.encounter in newer for one in rows):
                left |= {one.encounter for one in rows}
            else:
                differing[bed] = Differing(Difference.TWO_IN_BED, bed, tuple(rows), here)
            continue
        if row.encounter in newer or any(stay.encounter in newer for stay in here):
            same = any((stay.encounter, stay.patient) == (row.encounter, row.patient) for stay in here)
            agreed += same
            left |= set() if same else {row.encounter}
            continue
        if (kind := _kind(row, here, by_visit.get(row.encounter), heard)) is None:
            agreed += 1
        else:
            elsewhere = by_visit.get(row.encounter)
            also = () if elsewhere is None or elsewhere in here else (elsewhere,)
            differing[bed] = Differing(kind, bed, (row,), (*here, *also))
    for stay in believed:
        if stay.encounter in visits or stay.bed in differing or stay.ward not in found.wards:
            continue
        if stay.encounter in newer:
            left.add(stay.encounter)
        elif stay.bed not in beds:
            differing[stay.bed] = Differing(Difference.MISSING_THERE, stay.bed, (), tuple(by_bed[stay.bed]))
    return Compared(agreed, tuple(differing[bed] for bed in sorted(differing)), len(left))


def _kind(row: Listed, here: Sequence[Stay], elsewhere: Stay | None, heard: Heard) -> Difference | None:
    """What is wrong with a bed in which the list has one visit; None: nothing."""
    if any((stay.encounter, stay.patient) == (row.encounter, row.patient) for stay in here) and len(here) == 1:
        return None
    if here:
        return Difference.ANOTHER_PATIENT
    if elsewhere is not None:
        return Difference.ANOTHER_BED if elsewhere.patient == row.patient else Difference.ANOTHER_PATIENT
    return Difference.IN_NO_BED if row.encounter in heard else Difference.MISSING_HERE


def implausible(compared: Compared) -> bool:
    """Whether the list is rather of another hospital, day or numbering than right: it differs and agrees in nothing, over at least three
    beds in which somebody is believed."""
    occupied = [one for one in compared.differing if one.believed]
    return compared.agreed == 0 and compared.newer == 0 and len(occupied) >= 3
