"""The timeline: what a clip shows, all on one time axis. From the top: alerts, questions and key frames; the score; one row a grade and
a reason; the windows of the protocol; the action units.
"""

from __future__ import annotations

from collections.abc import Sequence

from wince.assess.report import axis as axes
from wince.assess.report.axis import LANE, Axis, block, foot, grid, lane, runs, short
from wince.assess.report.samples import Column, columns, gaps, held
from wince.assess.report.units import strips, units_said
from wince.assess.report.windows import alert_of, bars
from wince.assess.result import ClipResult
from wince.assess.result.words import REASONS, number, share, span
from wince.domain.reason import Reason
from wince.domain.scales import Scale
from wince.report.colours import ALERT, INK, RULE, SHADE, SOFT, TINT
from wince.report.figure import Box, Figure, Mark, Path, Text, clock, hatch, ticks
from wince.report.grades import shape, tone

_PLOT = 34.0
"""Height of the score, mm."""
_FEW = 300
"""Columns of a narrow figure."""
_US = 1_000_000


def timeline(result: ClipResult, scale: Scale) -> Figure:
    """The timeline of a clip that lasts (`duration_s` above 0), as wide as a page."""
    cells = columns(result.frames, result.duration_s)
    return _figure(result, scale, cells, axes.wide(_total(result, cells)))


def narrow(result: ClipResult, scale: Scale) -> Figure:
    """The same for a narrow screen."""
    cells = columns(result.frames, result.duration_s, _FEW)
    return _figure(result, scale, cells, axes.narrow(_total(result, cells)))


def _total(result: ClipResult, cells: Sequence[Column]) -> float:
    return max(result.duration_s, cells[-1].end_s if cells else 0.0, 1e-3)


def _figure(result: ClipResult, scale: Scale, cells: Sequence[Column], axis: Axis) -> Figure:
    holes = gaps(cells)
    figure = Figure(axis.width, 0.0, _alt(result, holes, axis.total, cells))
    top = _marks(figure, result, axis)
    y = _score(figure, cells, scale, axis, top) + 2.0
    y = _grades(figure, cells, scale, axis, y)
    for reason in dict.fromkeys(hole[2] for hole in holes):
        marks = [_hole(axis.at(a), axis.at(b)) for a, b, why in holes if why is reason]
        y = lane(figure, axis, y, REASONS[reason], marks, soft=True)
    y = bars(figure, result, scale, axis, y)
    y = strips(figure, cells, axis, y + 1.5)
    behind = [
        block(axis.at(alert.start_us / _US), axis.at(alert.end_us / _US), 0.6, y - top, top) for alert in result.alerts
    ]  # fmt: skip
    figure.marks[:0] = [*(Box(one.x, one.y, one.w, one.h, TINT) for one in behind), grid(axis, top, y + 1.0)]
    figure.height = foot(figure, axis, y)
    return figure


def _alt(result: ClipResult, holes: Sequence[tuple[float, float, Reason]], total: float, cells: Sequence[Column]) -> str:
    lost = "; ".join(f"{REASONS[why]} from {clock(a, total)} to {clock(b, total)}" for a, b, why in holes[:6])
    more = f"; and {len(holes) - 6} more" if len(holes) > 6 else ""
    alerts = "; ".join(f"{alert.grade_name} from {clock(alert.start_us / _US, total)}" for alert in result.alerts[:6]) or "none"
    return (
        f"Timeline of score and grade over {span(result.duration_s)}. Assessable {share(result.assessable_share)}. "
        f"Without a grade: {lost or 'nowhere'}{more}. Alerts: {alerts}. Peak {number(result.plain.peak)}. "
        f"Action units: {units_said(cells)}."
    )


def _hole(x0: float, x1: float) -> Path:
    return hatch(x0, 0.6, max(x1 - x0, 0.4), LANE - 1.2, step=0.9, stroke=SOFT)


def _marks(figure: Figure, result: ClipResult, axis: Axis) -> float:
    """Rows above the score: alerts, questions, key frames; only those that there are. Gives where the score begins."""
    y = 0.0
    if result.alerts:
        marks: list[Mark] = []
        for alert in result.alerts:
            x0, x1 = axis.at(alert.start_us / _US), axis.at(alert.end_us / _US)
            marks += [Box(x0, 1.6, max(x1 - x0, 0.6), 1.4, ALERT), alert_of(x0, 2.0)]
        y = lane(figure, axis, y, "alert", marks)
    if result.questions:
        asked = [(axis.at(one.start_us / _US), axis.at(one.end_us / _US)) for one in result.questions]
        y = lane(figure, axis, y, "nurse asked", [Box(x0, 1.2, max(x1 - x0, 0.6), 2.2, None, INK, 0.3) for x0, x1 in asked])
    if result.key_frames:
        at = [axis.at(frame.time_s) for frame in result.key_frames]
        y = lane(figure, axis, y, "key frames", [Path((((x, 0.8), (x, LANE - 0.8)),), INK, 0.5) for x in at], soft=True)
    return y + 2.5


def _score(figure: Figure, cells: Sequence[Column], scale: Scale, axis: Axis, top: float) -> float:
    if axis.above:
        figure.add(Text(axis.left, top + 1.2, f"score, {scale.low:g} to {scale.high:g}", 2.8, bold=True))
        top += 3.2
    else:
        x = axis.left - 8
        figure.add(
            Text(x, top + 2, "score", 2.6, "end", bold=True),
            Text(x, top + 5.4, f"{scale.low:g} to {scale.high:g}", 2.4, "end", colour=SOFT),
        )
    bottom = top + _PLOT

    def height(score: float) -> float:
        return bottom - _PLOT * min(max((score - scale.low) / ((scale.high - scale.low) or 1.0), 0.0), 1.0)

    for tick in ticks(scale.low, scale.high, 4):
        figure.add(Path((((axis.left, height(tick)), (axis.right, height(tick))),), RULE, 0.12))
        figure.add(Text(axis.left - 2, height(tick) + 0.9, f"{tick:g}", 2.6, "end", colour=SOFT))
    _bands(figure, scale, axis, [height(band.min) for band in scale.grades], bottom)
    for a, b, _ in gaps([cell for cell in cells if not cell.assessable]):
        x0, x1 = axis.at(a), max(axis.at(b), axis.at(a) + 0.3)
        figure.add(Box(x0, top, x1 - x0, _PLOT, SHADE), hatch(x0, top, x1 - x0, _PLOT))

    def scores(cell: Column) -> list[float]:
        if not cell.scored or cell.low is None or cell.high is None:
            return []
        return [height(cell.low)] if cell.high == cell.low else [height(cell.low), height(cell.high)]

    figure.add(Path(runs(cells, axis, scores), SOFT, 0.18))
    figure.add(Path(runs(cells, axis, lambda cell: scores(cell) if cell.reason is None else []), INK, 0.4))
    figure.add(Path((((axis.left, top), (axis.left, bottom), (axis.right, bottom)),), SOFT, 0.2))
    return bottom


def _bands(figure: Figure, scale: Scale, axis: Axis, heights: Sequence[float], bottom: float) -> None:
    """Where each grade begins: a dashed line, the grade's mark, and its name where there is room."""
    last = bottom + 3.0
    for grade, (band, y) in enumerate(zip(scale.grades, heights, strict=True)):
        if band.min > scale.low:
            figure.add(Path((((axis.left, y), (axis.right, y)),), SOFT, 0.15, dash=(1.0, 1.0)))
        last = min(y + 0.8, last - 3.2)
        figure.add(shape(grade, len(scale.grades), axis.right + 2.6, last - 0.8, 2.4))
        if not axis.above:
            text = f"{short(band.name, 7)} \N{GREATER-THAN OR EQUAL TO} {band.min:g}"
            figure.add(Text(axis.right + 4.8, last, text, 2.3, colour=SOFT))


def _grades(figure: Figure, cells: Sequence[Column], scale: Scale, axis: Axis, y: float) -> float:
    """A row a grade: when its score was in that grade."""
    many = len(scale.grades)
    for grade in reversed(range(many)):
        stretches = [(axis.at(a), axis.at(b)) for a, b in held(cells, grade)]
        marks: list[Mark] = [Box(x0, 0.6, max(x1 - x0, 0.25), LANE - 1.2, tone(grade, many), INK, 0.12) for x0, x1 in stretches]
        y = lane(figure, axis, y, scale.grades[grade].name, marks)
        figure.add(shape(grade, many, axis.right + 2.6, y - LANE / 2, 2.4))
    return y
