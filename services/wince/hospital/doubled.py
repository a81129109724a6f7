"""Times that a clock set back makes mean two moments: the order of what the hospital said decides. Pure.

Where a clock is set back by an hour, local times of that hour come twice. Such a time is the first of its two moments, unless something
that is known of the same visit or bed lies between the two: what is said later doesn't go back in time. So of the messages of that hour,
and of those alone, the order of arrival matters. The audit trail has a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wince.domain.census import Change, Kind, Movement
from wince.hospital import notes
from wince.hospital.adt import Said
from wince.hospital.interface import Inside
from wince.hospital.marks import STEP_US


def settled(said: Said, inside: Inside) -> Change:
    """What a message says, at one moment."""
    if said.at.later_us is None and said.known.later_us is None:
        return said.change
    doubled = said.at if said.at.later_us is not None else said.known
    assert doubled.later_us is not None
    between = (doubled.us + STEP_US, doubled.later_us)
    second = any(between[0] < edge <= between[1] for movement in said.change.movements for edge in _edges(movement, inside))
    movements = said.change.movements
    if second:
        at_us = said.at.us if said.at.later_us is None else said.at.later_us
        known_us = said.known.us if said.known.later_us is None else said.known.later_us
        movements = tuple(replace(movement, at_us=at_us, known_us=known_us) for movement in movements)
    return replace(said.change, movements=movements, notes=(*said.change.notes, notes.DOUBLED_HOUR))


def _edges(movement: Movement, inside: Inside) -> Iterator[int]:
    """When something happened to the visit, or to anybody in the bed, and when the hospital knew of it."""
    for earlier in inside.movements(inside.survivor(Kind.VISIT, movement.encounter)):
        yield from (earlier.at_us, earlier.known_us)
    for stay in inside.in_bed(movement.bed) if movement.bed else ():
        yield stay.start_us
        if stay.end_us is not None:
            yield stay.end_us
