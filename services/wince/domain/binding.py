"""Who was where then: cameras watch beds, patients lie in beds, and both are known only as of a moment.

Every row has valid time (when it was so) and recorded time (when we came to know, and when we stopped believing it). A question
names both: `at_us`, the moment asked about, and `as_of_us`, what was known then. Intervals hold their begin and not their end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Occupancy, Stay, Watch


@dataclass(frozen=True, slots=True)
class Doubt:
    """Who lies in a bed is not believed during [start, end), whatever the hospital's last word was."""

    bed: str
    """Empty: every bed."""
    start_us: int
    end_us: int | None
    """None: it goes on."""
    why: str = ""
    """A code, no PHI."""


def covers(start_us: int, end_us: int | None, at_us: int) -> bool:
    """Whether [start, end) holds a moment; end None: open."""
    return start_us <= at_us and (end_us is None or at_us < end_us)


def overlaps(start_us: int, end_us: int | None, other_start_us: int, other_end_us: int | None) -> bool:
    """Whether two intervals share a moment. Empty intervals share none."""
    low = max(start_us, other_start_us)
    high = min((end for end in (end_us, other_end_us) if end is not None), default=None)
    return high is None or low < high


def believed(row: Stay, as_of_us: int) -> bool:
    """Whether a row was believed at a moment."""
    return covers(row.recorded_us, row.superseded_us, as_of_us)


def bed_of(watches: Iterable[Watch], source: str, at_us: int, as_of_us: int) -> Watch | None:
    """What a camera watched at `at_us`: of several rows known at `as_of_us` the one recorded last (then begun last); None: nothing."""
    rows = [w for w in watches if w.source == source and w.recorded_us <= as_of_us and covers(w.start_us, w.end_us, at_us)]
    return max(rows, key=lambda row: (row.recorded_us, row.start_us), default=None)


def who(
    watches: Iterable[Watch], stays: Iterable[Stay], source: str, at_us: int, as_of_us: int, doubts: Iterable[Doubt] = ()
) -> Stay | Reason:
    """Who lay before a camera at `at_us`, as known at `as_of_us`; NO_PATIENT, TWO_PATIENTS or DOUBTFUL where that can't be said."""
    watch = bed_of(watches, source, at_us, as_of_us)
    return Reason.NO_PATIENT if watch is None else in_bed(stays, watch.bed, at_us, as_of_us, doubts)


def in_bed(stays: Iterable[Stay], bed: str, at_us: int, as_of_us: int, doubts: Iterable[Doubt] = ()) -> Stay | Reason:
    """Who lay in a bed. Two believed encounters are TWO_PATIENTS, also of one patient: we can't tell into which to write. Somebody of
    whom that is in doubt: DOUBTFUL; doubts are as of now."""
    rows = [s for s in stays if s.bed == bed and believed(s, as_of_us) and covers(s.start_us, s.end_us, at_us)]
    if not rows:
        return Reason.NO_PATIENT
    if len({(row.encounter, row.patient) for row in rows}) > 1:
        return Reason.TWO_PATIENTS
    if any(doubt.bed in ("", bed) and covers(doubt.start_us, doubt.end_us, at_us) for doubt in doubts):
        return Reason.DOUBTFUL
    return max(rows, key=lambda row: (row.recorded_us, row.start_us))


def who_during(
    watches: Sequence[Watch],
    stays: Sequence[Stay],
    source: str,
    start_us: int,
    end_us: int,
    as_of_us: int,
    doubts: Sequence[Doubt] = (),
) -> Stay | Reason:
    """Who lay before a camera during the whole window [start, end).

    The stay at its begin, if the same patient and encounter lay there in the same bed at every moment of it. Where somebody came
    or went inside: NO_PATIENT; where two were claimed at any moment: TWO_PATIENTS; else where it was in doubt: DOUBTFUL. A window is
    never given to one of two.
    """
    moments = {start_us, *(at for at in edges(watches, stays, source, doubts) if start_us < at < end_us)}
    found = [who(watches, stays, source, at, as_of_us, doubts) for at in sorted(moments)]
    for reason in (Reason.TWO_PATIENTS, Reason.DOUBTFUL):
        if reason in found:
            return reason
    first = found[0]
    if isinstance(first, Reason):
        return first
    where = (first.patient, first.encounter, first.bed)
    same = all(isinstance(one, Stay) and (one.patient, one.encounter, one.bed) == where for one in found)
    return first if same else Reason.NO_PATIENT


def occupancies(watches: Sequence[Watch], stays: Sequence[Stay], source: str, as_of_us: int, from_us: int = 0) -> list[Occupancy]:
    """Grade's view of a camera: one step wherever who lies before it changes, from `from_us` on, ascending; the first at `from_us`."""
    steps: list[Occupancy] = []
    for at in sorted({from_us, *(edge for edge in edges(watches, stays, source) if edge > from_us)}):
        found = who(watches, stays, source, at, as_of_us)
        stay = found if isinstance(found, Stay) else None
        watch = bed_of(watches, source, at, as_of_us)
        step = Occupancy(source, at, stay, found is Reason.TWO_PATIENTS, watch.bed if watch else "")
        if not steps or (_key(steps[-1].stay), steps[-1].ambiguous, steps[-1].bed) != (_key(stay), step.ambiguous, step.bed):
            steps.append(step)
    return steps


def changed(before: Iterable[Stay], after: Iterable[Stay]) -> list[tuple[str, int, int | None]]:
    """Where other persons lie after a change than before it: (bed, from_us, to_us or None), ascending, none of them empty.

    `before`: rows that stop being believed; `after`: rows that are believed from now on. A row that is better known in what says not who
    lay there (its id, the birth date, the ward) gives nothing.
    """
    found: list[tuple[str, int, int | None]] = []
    old, new = list(before), list(after)
    for bed in sorted({row.bed for row in (*old, *new)}):
        was, now = ([row for row in rows if row.bed == bed] for rows in (old, new))
        moments = sorted({at for row in (*was, *now) for at in (row.start_us, row.end_us) if at is not None})
        for number, low in enumerate(moments):
            high = moments[number + 1] if number + 1 < len(moments) else None
            if _lying(was, low) == _lying(now, low):
                continue
            if found and found[-1][0] == bed and found[-1][2] == low:
                found[-1] = (bed, found[-1][1], high)
            else:
                found.append((bed, low, high))
    return found


def _lying(rows: Iterable[Stay], at_us: int) -> set[tuple[Identifier, Identifier]]:
    return {(row.patient, row.encounter) for row in rows if covers(row.start_us, row.end_us, at_us)}


def _key(stay: Stay | None) -> UUID | None:
    return None if stay is None else stay.id


def edges(watches: Iterable[Watch], stays: Iterable[Stay], source: str, doubts: Iterable[Doubt] = ()) -> set[int]:
    """Every moment at which who lies before a camera may change."""
    found: set[int] = set()
    beds: set[str] = set()
    for watch in watches:
        if watch.source == source:
            beds.add(watch.bed)
            found.add(watch.start_us)
            if watch.end_us is not None:
                found.add(watch.end_us)
    for stay in stays:
        if stay.bed in beds:
            found.add(stay.start_us)
            if stay.end_us is not None:
                found.add(stay.end_us)
    for doubt in doubts:
        found.add(doubt.start_us)
        if doubt.end_us is not None:
            found.add(doubt.end_us)
    return found
