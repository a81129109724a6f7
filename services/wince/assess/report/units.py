"""Action units over time: a strip each below the score, on its axis. What was not measured is hatched and says so; it is never 0."""

from __future__ import annotations

from collections.abc import Sequence

from wince.assess.report.axis import Axis, runs
from wince.assess.report.samples import Column, gaps
from wince.assess.result.words import NOT_MEASURED, UNIT_NAMES, number
from wince.domain.scales import LIMITS
from wince.report.colours import INK, PAPER, RULE, SOFT
from wince.report.figure import Box, Figure, Path, Text, hatch

_STRIP = 6.6
"""Height of a unit's plot, mm."""
_GAP = 1.5


def strips(figure: Figure, cells: Sequence[Column], axis: Axis, y: float) -> float:
    """A strip a unit; gives where the last ends."""
    for index in range(len(UNIT_NAMES)):
        y = _strip(figure, index, cells, axis, y)
    return y


def units_said(cells: Sequence[Column]) -> str:
    """The highest value of each unit, in words."""
    every = ((names, _values(cells, index)) for index, names in enumerate(UNIT_NAMES))
    return "; ".join(f"{au} {name}: {_highest(values)}" for (au, name), values in every)


def _values(cells: Sequence[Column], index: int) -> list[float]:
    found = (cell.units[index] for cell in cells if cell.assessable and index < len(cell.units))
    return [value for value in found if value is not None]


def _highest(values: Sequence[float]) -> str:
    return f"highest {number(max(values))}" if values else NOT_MEASURED


def _strip(figure: Figure, index: int, cells: Sequence[Column], axis: Axis, y: float) -> float:
    (au, name), limit, values = UNIT_NAMES[index], LIMITS[index], _values(cells, index)
    said = f"{_highest(values)} of {limit:g}" if values else NOT_MEASURED
    if axis.above:
        figure.add(Text(axis.left, y + 3.0, f"{au} {name}", 2.8, bold=True), Text(axis.right, y + 3.0, said, 2.6, "end", colour=SOFT))
        top = y + 4.0
    else:
        top = y + _GAP
        figure.add(Text(axis.left - 6, top + 2.6, au, 2.6, "end", bold=True), Text(axis.left - 6, top + 5.7, name, 2.4, "end", colour=SOFT))
        if values:
            figure.add(Text(axis.right + 1.5, top + 4.0, f"highest {number(max(values))}", 2.3, colour=SOFT))
    bottom = top + _STRIP
    _ticks(figure, axis, limit, top, bottom)
    if not values:
        figure.add(
            hatch(axis.left, top, axis.right - axis.left, _STRIP), Box(axis.left, top, axis.right - axis.left, _STRIP, None, RULE, 0.15)
        )
        middle = (axis.left + axis.right) / 2
        figure.add(Box(middle - 12, top + 1.0, 24, 4.6, PAPER, RULE, 0.15), Text(middle, top + 4.2, NOT_MEASURED, 2.6, "middle", True))
        return bottom + 0.5
    for a, b, _ in gaps([cell for cell in cells if not cell.assessable]):
        figure.add(hatch(axis.at(a), top, max(axis.at(b) - axis.at(a), 0.3), _STRIP))

    def points(cell: Column) -> list[float]:
        value = cell.units[index] if cell.assessable and index < len(cell.units) else None
        return [] if value is None else [bottom - _STRIP * min(max(value / limit, 0.0), 1.0)]

    figure.add(Path(runs(cells, axis, points), INK, 0.35))
    return bottom + 0.5


def _ticks(figure: Figure, axis: Axis, limit: float, top: float, bottom: float) -> None:
    for tick, y in ((0.0, bottom), (limit, top)):
        figure.add(Path((((axis.left, y), (axis.right, y)),), RULE, 0.15))
        figure.add(Text(axis.left - 1.5, y + (1.7 if tick else 0.1), f"{tick:g}", 2.3, "end", colour=SOFT))
