"""Charts as figures: lines or dots on two axes, and lying bars. What is drawn can be told apart in grey, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wince.report.colours import INK, PENS, RULE, SOFT
from wince.report.figure import Box, Figure, Path, Point, Text, spread, ticks

WIDTH = 88.0
"""Of every chart, mm: two stand in a row."""
_LEFT, _RIGHT, _TOP, _SIDE = 12.0, 3.0, 7.0, 56.0
_LEGEND = 3.8
"""Height of a line of the legend, mm."""
DASHES: tuple[tuple[float, ...], ...] = ((), (2.4, 1.2), (0.8, 0.8), (4.0, 1.0, 0.8, 1.0), (1.6, 0.6), (5.0, 1.6))
"""Of the lines, in their order."""
Axis = tuple[str, float, float]
"""What is measured, and both ends."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series."""

    name: str
    """In the legend; empty: in none."""
    points: tuple[Point, ...]
    """(x, y) in units of the axes. What lies beyond an axis' end is drawn at it; what is no number is left out."""
    dots: bool = False
    """Points only, without a line through them."""


def chart(title: str, across: Axis, up: Axis, lines: Sequence[Line]) -> Figure:
    """Lines or dots on two axes; the legend stands below."""
    named = [line for line in lines if line.name]
    bottom = _TOP + _SIDE
    said = f"{title}. Across: {across[0]}, {across[1]:g} to {across[2]:g}; up: {up[0]}, {up[1]:g} to {up[2]:g}."
    said += f" Lines: {', '.join(line.name for line in named)}." if named else ""
    figure = Figure(WIDTH, bottom + 9.5 + _LEGEND * len(named) + 1.5, said)
    figure.add(Text(0, 3.4, title, 2.8, bold=True))
    _axes(figure, across, up)
    for number, line in enumerate(lines):
        colour, dash = PENS[number % len(PENS)], DASHES[number % len(DASHES)]
        placed = [_placed(point, across, up) for point in line.points if all(abs(value) < float("inf") for value in point)]
        if line.dots:
            figure.add(Path(tuple(spread([point]) for point in placed), colour, 0.6))
        elif placed:
            figure.add(Path((spread(placed),), colour, 0.4, dash=dash))
        if line.name:
            y = bottom + 9.5 + _LEGEND * (named.index(line) + 0.5)
            figure.add(Path((((_LEFT, y), (_LEFT + 9, y)),), colour, 0.4, dash=dash), Text(_LEFT + 11, y + 0.9, line.name, 2.6))
    return figure


def bars(title: str, unit: str, groups: Iterable[tuple[str, float]]) -> Figure:
    """Lying bars from 0, one a group, each with its number."""
    rows = list(groups)
    top = max((value for _, value in rows), default=0.0) or 1.0
    figure = Figure(WIDTH, 10 + 5.2 * len(rows), f"{title}, {unit}: " + ", ".join(f"{name} {value:.2f}" for name, value in rows) + ".")
    figure.add(Text(0, 3.4, title, 2.8, bold=True), Text(0, 7, unit, 2.4, colour=SOFT))
    for number, (name, value) in enumerate(rows):
        y, length = 9.5 + 5.2 * number, 48 * value / top
        figure.add(Text(27, y + 3, name, 2.6, "end"), Box(29, y, length, 4, PENS[0]), Text(30.5 + length, y + 3, f"{value:.2f}", 2.6))
    return figure


def _placed(point: Point, across: Axis, up: Axis) -> Point:
    def share(value: float, axis: Axis) -> float:
        _, low, high = axis
        return (min(max(value, low), high) - low) / (high - low)

    return _LEFT + (WIDTH - _LEFT - _RIGHT) * share(point[0], across), _TOP + _SIDE * (1 - share(point[1], up))


def _axes(figure: Figure, across: Axis, up: Axis) -> None:
    """A grid of round numbers, their labels, and what each axis measures."""
    right, bottom = WIDTH - _RIGHT, _TOP + _SIDE
    for tick in ticks(across[1], across[2], 8):
        x, _ = _placed((tick, up[1]), across, up)
        figure.add(Path((((x, _TOP), (x, bottom)),), RULE, 0.15), Text(x, bottom + 3.6, f"{tick:g}", 2.4, "middle", colour=SOFT))
    for tick in ticks(up[1], up[2], 8):
        _, y = _placed((across[1], tick), across, up)
        figure.add(Path((((_LEFT, y), (right, y)),), RULE, 0.15), Text(_LEFT - 1.5, y + 0.9, f"{tick:g}", 2.4, "end", colour=SOFT))
    figure.add(Path((((_LEFT, _TOP), (_LEFT, bottom), (right, bottom)),), SOFT, 0.2))
    figure.add(Text(_LEFT, bottom + 7.4, f"across: {across[0]}; up: {up[0]}", 2.4, colour=INK))
