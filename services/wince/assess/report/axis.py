"""The time axis that score, grades, windows and units of one clip share, on a wide page and on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wince.assess.report.samples import Column
from wince.report.colours import INK, RULE, SOFT
from wince.report.figure import Box, Figure, Mark, Path, Point, Text, clock, spread, time_ticks

LANE = 4.6
"""Height of a row without its name, mm."""
_NAME = 4.0
"""Height of a name above its row, mm."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where time lies, mm from the left of the figure."""

    width: float
    """Of the figure."""
    left: float
    """Of time 0."""
    right: float
    """Of the clip's end."""
    total: float
    """The clip's end, seconds; above 0."""
    above: bool
    """Whether the name of a row stands above it instead of left of it."""

    def at(self, seconds: float) -> float:
        """Where a moment lies; what is beyond an end lies at it."""
        return self.left + (self.right - self.left) * min(max(seconds / self.total, 0.0), 1.0)

    @property
    def ticks(self) -> list[float]:
        """Round moments, seconds."""
        return time_ticks(self.total, 5 if self.above else 10)


def wide(total: float) -> Axis:
    """Of a figure as wide as a page."""
    return Axis(180.0, 34.0, 158.0, total, above=False)


def narrow(total: float) -> Axis:
    """Of a figure that a screen of 360 pixels shows with letters that can be read."""
    return Axis(80.0, 7.5, 73.0, total, above=True)


def lane(figure: Figure, axis: Axis, y: float, name: str, marks: Sequence[Mark], *, soft: bool = False, height: float = LANE) -> float:
    """A row of marks drawn for a row that begins at 0, with its name; gives where the next begins."""
    colour = SOFT if soft else INK
    if axis.above:
        figure.add(Text(axis.left, y + 3.2, name, 2.8, bold=not soft, colour=colour))
        y += _NAME
    else:
        figure.add(Text(axis.left - 2, y + height / 2 + 0.95, name if soft else short(name, 18), 2.6, "end", not soft, colour))
    figure.add(Path((((axis.left, y + height), (axis.right, y + height)),), RULE, 0.12))
    figure.add(*(moved(mark, y) for mark in marks))
    return y + height


def short(name: str, most: int) -> str:
    """A name cut to so many letters."""
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def moved(mark: Mark, down: float) -> Mark:
    """The mark so many mm further down."""
    if isinstance(mark, Path):
        return replace(mark, lines=tuple(spread([(x, y + down) for x, y in line]) for line in mark.lines))
    return replace(mark, y=mark.y + down)


def grid(axis: Axis, top: float, bottom: float) -> Path:
    """Upright lines through all rows."""
    return Path(tuple(((axis.at(tick), top), (axis.at(tick), bottom)) for tick in axis.ticks), RULE, 0.12)


def foot(figure: Figure, axis: Axis, y: float) -> float:
    """The axis' numbers and unit below the rows; gives where the figure ends."""
    total = axis.total
    size = 2.8 if axis.above else 2.6
    for tick in axis.ticks:
        label = f"{tick:g}" if total < 120 else clock(tick, total)
        figure.add(Text(axis.at(tick), y + 4.2, label, size, "middle", colour=SOFT))
    unit = "seconds" if total < 120 else "hours:minutes:seconds" if total >= 3600 else "minutes:seconds"
    figure.add(Text((axis.left + axis.right) / 2, y + 7.9, f"media time, {unit}", size, "middle", colour=SOFT))
    return y + 9.0


def runs(cells: Sequence[Column], axis: Axis, points: Callable[[Column], Sequence[float]]) -> tuple[tuple[Point, ...], ...]:
    """Unbroken lines through the heights (mm) that `points` gives of each column; none of it breaks the line."""
    found: list[tuple[Point, ...]] = []
    line: list[Point] = []
    for cell in cells:
        heights = points(cell)
        if not heights and line:
            found.append(spread(line))
            line = []
        x = axis.at((cell.start_s + cell.end_s) / 2)
        line += [(x, height) for height in heights]
    return tuple([*found, spread(line)] if line else found)


def block(x0: float, x1: float, least: float, height: float, y: float = 0.0) -> Box:
    """A stretch of time as an empty rectangle, never thinner than `least` mm."""
    return Box(x0, y, max(x1 - x0, least), height)
