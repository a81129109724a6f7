"""Action units over time: six small panels on equal axes. What was not measured is hatched and says so; it is never 0."""

from __future__ import annotations

from collections.abc import Sequence

from wince.assess.report.samples import Column, columns, gaps
from wince.assess.report.words import NOT_MEASURED, UNIT_NAMES, number
from wince.assess.result import ClipResult
from wince.domain.scales import LIMITS
from wince.report.figure import INK, RULE, SOFT, Box, Figure, Path, Point, Text, clock, hatch, spread

WIDTH, HEIGHT = 180.0, 73.0
_PANEL_W, _PANEL_H = 88.0, 24.4
_AXIS, _TITLE, _PLOT = 9.0, 5.0, 12.5


def units(result: ClipResult) -> Figure:
    """The panels of a clip that lasts."""
    cells = columns(result.frames, result.duration_s)
    total = max(result.duration_s, cells[-1].end_s if cells else 0.0, 1e-3)
    figure = Figure(
        WIDTH,
        HEIGHT,
        "Action units over time. " + "; ".join(f"{au} {name}: {said}" for (au, name), said in zip(UNIT_NAMES, _said(cells), strict=True)),
    )
    for index in range(len(UNIT_NAMES)):
        _panel(figure, index, cells, total)
    return figure


def _values(cells: Sequence[Column], index: int) -> list[float]:
    found = (cell.units[index] for cell in cells if cell.assessable and index < len(cell.units))
    return [value for value in found if value is not None]


def _said(cells: Sequence[Column]) -> list[str]:
    return [f"highest {number(max(values))}" if values else NOT_MEASURED for values in (_values(cells, i) for i in range(len(UNIT_NAMES)))]


def _panel(figure: Figure, index: int, cells: Sequence[Column], total: float) -> None:
    column, row = index % 2, index // 2
    left, top = column * (WIDTH - _PANEL_W), row * _PANEL_H
    x0, x1, y0 = left + _AXIS, left + _PANEL_W - 1.0, top + _TITLE
    y1 = y0 + _PLOT
    (au, name), limit, values = UNIT_NAMES[index], LIMITS[index], _values(cells, index)
    figure.add(Text(x0, top + 3.2, au, 2.8, bold=True), Text(x0 + 9.5, top + 3.2, name, 2.6, colour=SOFT))
    figure.add(Text(x1, top + 3.2, f"highest {number(max(values))} of {limit:g}" if values else NOT_MEASURED, 2.4, "end", colour=SOFT))
    if not values:
        figure.add(hatch(x0, y0, x1 - x0, _PLOT), Box(x0, y0, x1 - x0, _PLOT, None, RULE, 0.15))
        figure.add(Box((x0 + x1) / 2 - 15, y0 + _PLOT / 2 - 3, 30, 6, "#ffffff", RULE, 0.15))
        figure.add(Text((x0 + x1) / 2, y0 + _PLOT / 2 + 1, NOT_MEASURED, 2.8, "middle", True))
        return
    for tick in (0.0, limit):
        y = y1 - _PLOT * tick / limit
        figure.add(Path((((x0, y), (x1, y)),), RULE, 0.15), Text(x0 - 1.5, y + 0.9, f"{tick:g}", 2.4, "end", colour=SOFT))
    for a, b, _ in gaps([cell for cell in cells if not cell.assessable]):
        left_x, right_x = x0 + (x1 - x0) * a / total, x0 + (x1 - x0) * b / total
        figure.add(hatch(left_x, y0, max(right_x - left_x, 0.3), _PLOT))
    figure.add(Path(tuple(_runs(cells, index, limit, (x0, x1, y1), total)), INK, 0.35))
    figure.add(Path((((x0, y0), (x0, y1), (x1, y1)),), SOFT, 0.2))
    figure.add(Text(x0, y1 + 3.3, "0", 2.4, colour=SOFT), Text(x1, y1 + 3.3, clock(total, total), 2.4, "end", colour=SOFT))


def _runs(cells: Sequence[Column], index: int, limit: float, place: tuple[float, float, float], total: float) -> list[tuple[Point, ...]]:
    x0, x1, y1 = place
    found: list[tuple[Point, ...]] = []
    line: list[Point] = []
    for cell in cells:
        value = cell.units[index] if cell.assessable and index < len(cell.units) else None
        if value is None:
            if line:
                found.append(spread(line))
            line = []
            continue
        middle = (cell.start_s + cell.end_s) / 2
        line.append((x0 + (x1 - x0) * middle / total, y1 - _PLOT * min(max(value / limit, 0.0), 1.0)))
    return [*found, spread(line)] if line else found
