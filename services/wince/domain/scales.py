"""Scales: what a number means, and which grade it is.

PSPI (Prkachin and Solomon, Pain 2008;139:267-274) = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, with AU4..AU10 each 0-5 and
AU43 (eyes closed) 0 or 1, so 0-16. What was not measured is not 0: a pair with one measured unit counts that unit and the
result is a lower bound, so `Pspi.complete` is False; where a term has no measured unit at all there is no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wince.domain.estimate import UNITS
from wince.errors import InputError


@dataclass(frozen=True, slots=True)
class Band:
    """One grade of a scale: it holds from `min` up to the next band's `min`."""

    name: str
    """What people read; [codes.grades] has a table for it."""
    min: float
    """Lowest score of the grade, in the scale's unit (inclusive)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of scores cut into grades, lowest first."""

    name: str
    """What is measured, in words."""
    low: float
    """Lowest score that there is."""
    high: float
    """Highest score; above `low`."""
    grades: tuple[Band, ...]
    """Ascending; the first begins at `low`."""
    source: str
    """Where the cuts come from: the publication, or that they are ours."""

    def grade(self, score: float) -> int:
        """Index of the grade that holds `score`. Scores outside the range count as the nearest end.

        Raises InputError for NaN: what was not measured has no grade.

        >>> VAS.grade(6.9), VAS.grades[VAS.grade(6.9)].name
        (2, 'obvious')
        """
        if math.isnan(score):
            raise InputError("a score that was not measured has no grade", field="score", remedy="report it as unassessable")
        index = 0
        for position, band in enumerate(self.grades):
            if score >= band.min:
                index = position
        return index

    def name_of(self, grade: int | None) -> str:
        """Name of a grade; empty for None."""
        return "" if grade is None else self.grades[grade].name


@dataclass(frozen=True, slots=True)
class Pspi:
    """Result of the PSPI formula."""

    score: float
    """0-16; NaN where a whole term was not measured."""
    complete: bool
    """True where all six units were measured; False: `score`, if there is one, is a lower bound."""


LIMITS = (5.0, 5.0, 5.0, 5.0, 5.0, 1.0)
"""Highest intensity of each unit, in the order of UNITS."""


def pspi(units: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Pspi:
    """PSPI of six intensities in the order of UNITS; NaN = not measured.

    Raises InputError where an intensity lies outside its range or there aren't six.

    >>> pspi((2, 0, 3, 1, 0, 1)).score
    7.0
    >>> nan = float("nan")
    >>> pspi((2, nan, 3, nan, 1, 0))
    Pspi(score=6.0, complete=False)
    """
    if len(units) != len(UNITS):
        raise InputError(f"PSPI needs {len(UNITS)} units, got {len(units)}", field="units", remedy=f"in the order {', '.join(UNITS)}")
    values = [float(value) for value in units]
    for name, value, limit in zip(UNITS, values, LIMITS, strict=True):
        if not math.isnan(value) and not 0.0 <= value <= limit:
            raise InputError(f"intensity {value:g} is outside 0-{limit:g}", field=name, remedy="give the intensity on the scale of PSPI")
    au4, au6, au7, au9, au10, au43 = values
    terms = (au4, _higher(au6, au7), _higher(au9, au10), au43)
    return Pspi(sum(terms), not any(math.isnan(value) for value in values))


def _higher(a: float, b: float) -> float:
    """Maximum of what was measured; NaN where neither was."""
    if math.isnan(a):
        return b
    return a if math.isnan(b) else max(a, b)


VAS = Scale(
    "VAS",
    0.0,
    10.0,
    (Band("none", 0.0), Band("mild", 1.0), Band("obvious", 4.0), Band("severe", 7.0), Band("intense", 9.0)),
    "PEEA: mild 1-3, obvious 4-6, severe 7-8, intense 9-10; grade 0 is ours",
)
"""Visual analogue scale with the grades of the hip-fracture study."""

ICU = Scale(
    "ICU face",
    0.0,
    2.0,
    (Band("relaxed", 0.0), Band("tense", 1.0), Band("grimace", 2.0)),
    "icu study: 0 relaxed, 1 tense, 2 grimace",
)
"""Facial grades 0/1/2 of the critically ill."""

PAIN = Scale("pain", 0.0, 1.0, (Band("no pain", 0.0), Band("pain", 0.5)), "infant and neonatal studies; the cut at .5 is ours")
"""Probability of pain, cut at one half."""
