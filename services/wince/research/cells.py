"""How many people share what an outsider may know of them: age band and protocols. Too few are not told apart, or left out. Pure.

Ages of 90 and more are one band, as 45 CFR 164.514(b)(2)(i)(C) asks. k-anonymity: Sweeney 2002, Int J Uncertain Fuzz 10(5):557-570.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

UNKNOWN, HIDDEN = "unknown", "not told"
_DAYS = ((7, "0-6 days"), (28, "7-27 days"), (365, "28 days-11 months"))
_YEARS = ((5, "1-4 years"), (10, "5-9 years"), (18, "10-17 years"), (30, "18-29 years"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def band(born: date | None, at_us: int) -> str:
    """The age band at a moment.

    >>> born = date(1969, 12, 30)
    >>> [band(born, days * 86_400_000_000) for days in (0, 5, 362, 366, 9_000, 33_000)]
    ['0-6 days', '7-27 days', '28 days-11 months', '1-4 years', '18-29 years', '90 years and more']
    >>> band(None, 0)
    'unknown'
    """
    if born is None:
        return UNKNOWN
    there = (_EPOCH + timedelta(microseconds=at_us)).date()
    years = there.year - born.year - ((there.month, there.day) < (born.month, born.day))
    if years < 0 or years > 130:
        return UNKNOWN
    if years < 1:
        return next(name for days, name in _DAYS if (there - born).days < days or days == 365)
    if years >= 90:
        return "90 years and more"
    return next((name for below, name in _YEARS if years < below), f"{years // 10 * 10}-{years // 10 * 10 + 9} years")


@dataclass(frozen=True, slots=True)
class Cells:
    """Who may be told apart."""

    bands: Mapping[str, str]
    """Age band by person, as it stands in the export; absent: left out."""
    counts: Mapping[tuple[str, tuple[str, ...]], int]
    """People by (band, protocols) as exported; each at least k."""
    hidden: int
    """People whose age is not told."""
    left_out: int
    """People who are not exported: fewer than k share even their protocols."""


def suppressed(people: Mapping[str, tuple[str, tuple[str, ...]]], k: int) -> Cells:
    """(band, protocols) by person. Where fewer than k share both, the age is not told; where fewer than k are left so, they are left out.

    >>> some = {str(n): ("1-4 years", ("a",)) for n in range(5)} | {"x": ("5-9 years", ("a",)), "y": ("1-4 years", ("b",))}
    >>> found = suppressed(some, 5)
    >>> len(found.bands), found.hidden, found.left_out
    (5, 0, 2)
    """
    shared = Counter(people.values())
    told = {one: cell if shared[cell] >= k else (HIDDEN, cell[1]) for one, cell in people.items()}
    after = Counter(told.values())
    kept = {one: cell for one, cell in told.items() if after[cell] >= k}
    return Cells(
        {one: cell[0] for one, cell in kept.items()},
        {cell: number for cell, number in sorted(after.items()) if number >= k},
        sum(cell[0] == HIDDEN for cell in kept.values()),
        len(people) - len(kept),
    )


def rare(counts: Mapping[str, int], k: int) -> dict[str, int]:
    """Counts, those below k as one that is called "other"; left out where that one is below k too."""
    common = {name: number for name, number in sorted(counts.items()) if number >= k}
    rest = sum(counts.values()) - sum(common.values())
    return common | ({"other": rest} if rest >= k else {})


def as_rows(cells: Cells) -> Sequence[Sequence[object]]:
    """Age band, protocols, people: the report of k-anonymity."""
    return [(name, " ".join(protocols), number) for (name, protocols), number in cells.counts.items()]
