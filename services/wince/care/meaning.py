"""What a pause of a bed and the state of an encounter mean for cameras. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from wince.domain.binding import bed_of
from wince.domain.care import BedPause, EncounterState, PatientState, Pause
from wince.domain.stay import Stay, Watch

EVER_US = 1 << 62
"""As of a moment after every recording; and later than every time."""


def segments(watches: Sequence[Watch], source: str, start_us: int, end_us: int | None) -> list[tuple[str, int, int | None]]:
    """(bed, from, until) that a camera watched within [start, end), as known now, ascending. None: open."""
    mine = [watch for watch in watches if watch.source == source]
    last = EVER_US if end_us is None else end_us
    edges = {edge for watch in mine for edge in (watch.start_us, watch.end_us) if edge is not None and start_us < edge < last}
    marks = [start_us, *sorted(edges), last]
    found: list[tuple[str, int, int | None]] = []
    for low, high in pairwise(marks):
        watch = bed_of(mine, source, low, EVER_US)
        until = None if high == EVER_US else high
        if watch is None:
            continue
        if found and found[-1][0] == watch.bed and found[-1][2] == low:
            found[-1] = (watch.bed, found[-1][1], until)
        else:
            found.append((watch.bed, low, until))
    return found


def pauses_of(watches: Sequence[Watch], source: str, pauses: Iterable[BedPause]) -> list[Pause]:
    """What pauses of beds mean for a camera, by begin. Of two that begin at one moment the longer counts.

    An empty one withdraws what may have been told for its begin while less was known of where the camera was.
    """
    given, mine = list(pauses), [watch for watch in watches if watch.source == source]
    holding = _longest(mine, source, given)
    for known_us in sorted({watch.recorded_us for watch in mine})[:-1]:
        before = _longest([watch for watch in mine if watch.recorded_us <= known_us], source, given)
        holding = {from_us: from_us for from_us in before} | holding
    return [Pause(source, from_us, until_us) for from_us, until_us in sorted(holding.items())]


def _longest(watches: Sequence[Watch], source: str, pauses: Sequence[BedPause]) -> dict[int, int]:
    longest: dict[int, int] = {}
    for pause in pauses:
        begun = segments(watches, source, pause.start_us, max(pause.end_us, pause.start_us + 1))
        for bed, from_us, until_us in begun:
            if bed == pause.bed and until_us is not None:
                ends = max(from_us, min(until_us, pause.end_us))
                longest[from_us] = max(ends, longest.get(from_us, ends))
    return longest


def states_of(watches: Sequence[Watch], source: str, stays: Iterable[Stay], said: Sequence[EncounterState]) -> list[PatientState]:
    """What states of one encounter mean for a camera, by begin: wherever it saw that patient. `stays`: the encounter's believed ones;
    `said`: in order of saying; each takes the place of what was said for its moment and later."""
    holding: list[EncounterState] = []
    for state in said:
        holding = [*(one for one in holding if one.since_us < state.since_us), state]
    found: list[PatientState] = []
    for stay in sorted(stays, key=lambda stay: stay.start_us):
        for bed, from_us, until_us in segments(watches, source, stay.start_us, stay.end_us):
            if bed != stay.bed:
                continue
            for index, state in enumerate(holding):
                until = _first(until_us, holding[index + 1].since_us if index + 1 < len(holding) else None)
                since = max(from_us, state.since_us)
                if until is None or since < until:
                    found.append(PatientState(source, since, until, state.face is None))
    return sorted(found, key=lambda one: one.from_us)


def _first(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
