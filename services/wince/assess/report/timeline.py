"""The timeline: score over media time, gaps hatched, one lane per grade and per reason, alerts, questions, windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wince.assess.report.samples import Column, columns, gaps, held
from wince.assess.report.words import REASONS, number, share, span
from wince.assess.result import ClipResult
from wince.domain.reason import Reason
from wince.domain.scales import Scale
from wince.report.figure import ALERT, INK, RULE, SOFT, TONES, Box, Figure, Path, Text, clock, hatch, spread, ticks, time_ticks

WIDTH = 180.0
_LEFT, _RIGHT = 34.0, 158.0
"""Where time 0 and the clip's end lie, mm."""
_LANE = 4.6
_PLOT = 40.0
_US = 1_000_000


def tone(grade: int, grades: int) -> str:
    """Fill of a grade: the higher the darker, also in grey."""
    return TONES[0] if grades < 2 else TONES[round(grade * (len(TONES) - 1) / (grades - 1))]


def timeline(result: ClipResult, scale: Scale) -> Figure:
    """The timeline of a clip that lasts (`duration_s` above 0)."""
    cells = columns(result.frames, result.duration_s)
    total = max(result.duration_s, cells[-1].end_s if cells else 0.0, 1e-3)
    holes = gaps(cells)

    def at(seconds: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(max(seconds / total, 0.0), 1.0)

    figure = Figure(WIDTH, 0.0, _alt(result, holes, total))
    y = _marks(figure, result, at)
    _score(figure, cells, scale, at, y)
    y += _PLOT + 2.5
    for grade in reversed(range(len(scale.grades))):
        bars = [
            Box(at(a), y + 0.6, max(at(b) - at(a), 0.25), _LANE - 1.2, tone(grade, len(scale.grades)), INK, 0.12)
            for a, b in held(cells, grade)
        ]
        y = _lane(figure, y, scale.grades[grade].name, bars)
    for reason in dict.fromkeys(hole[2] for hole in holes):
        y = _lane(figure, y, REASONS[reason], [_hole(at(a), at(b), y) for a, b, why in holes if why is reason], soft=True)
    y = _windows(figure, result, scale, at, y)
    _axis(figure, total, at, y)
    figure.height = y + 8.5
    return figure


def _alt(result: ClipResult, holes: Sequence[tuple[float, float, Reason]], total: float) -> str:
    lost = "; ".join(f"{REASONS[why]} from {clock(a, total)} to {clock(b, total)}" for a, b, why in holes[:6])
    more = f"; and {len(holes) - 6} more" if len(holes) > 6 else ""
    alerts = "; ".join(f"{alert.grade_name} from {clock(alert.start_us / _US, total)}" for alert in result.alerts[:6]) or "none"
    return (
        f"Timeline of score and grade over {span(result.duration_s)}. Assessable {share(result.assessable_share)}. "
        f"Without a grade: {lost or 'nowhere'}{more}. Alerts: {alerts}. Peak {number(result.plain.peak)}."
    )


def _lane(figure: Figure, y: float, name: str, marks: Sequence[Box | Path], *, soft: bool = False) -> float:
    """One row with its name at the left; returns where the next begins."""
    figure.add(Path((((_LEFT, y + _LANE), (_RIGHT, y + _LANE)),), RULE, 0.12))
    figure.add(Text(_LEFT - 2, y + _LANE - 1.3, name if soft else _short(name, 18), 2.6, "end", not soft, SOFT if soft else INK), *marks)
    return y + _LANE


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _hole(x0: float, x1: float, y: float) -> Path:
    return hatch(x0, y + 0.6, max(x1 - x0, 0.4), _LANE - 1.2, step=0.9, stroke=SOFT)


def _marks(figure: Figure, result: ClipResult, at: Callable[[float], float]) -> float:
    """Lanes above the plot: alerts, questions, key frames; only those that there are."""
    y = 0.5
    if result.alerts:
        bars: list[Box | Path] = []
        for alert in result.alerts:
            x0, x1 = at(alert.start_us / _US), at(alert.end_us / _US)
            bars.append(Box(x0, y + 1.6, max(x1 - x0, 0.6), 1.4, ALERT))
            bars.append(Path((((x0 - 1.3, y + 0.5), (x0 + 1.3, y + 0.5), (x0, y + 3.6)),), ALERT, 0.1, ALERT))
        y = _lane(figure, y, "alert", bars)
    if result.questions:
        asked = [
            Box(at(q.start_us / _US), y + 1.2, max(at(q.end_us / _US) - at(q.start_us / _US), 0.6), 2.2, None, INK, 0.3)
            for q in result.questions
        ]
        y = _lane(figure, y, "nurse asked", asked)
    if result.key_frames:
        pens = [Path((((at(frame.time_s), y + 0.8), (at(frame.time_s), y + _LANE - 0.8)),), INK, 0.5) for frame in result.key_frames]
        y = _lane(figure, y, "key frames", pens, soft=True)
    return y + 2.5


def _score(
    figure: Figure,
    cells: Sequence[Column],
    scale: Scale,
    at: Callable[[float], float],
    top: float,
) -> None:
    bottom = top + _PLOT

    def height(score: float) -> float:
        return bottom - _PLOT * min(max((score - scale.low) / ((scale.high - scale.low) or 1.0), 0.0), 1.0)

    for tick in ticks(scale.low, scale.high, 4):
        figure.add(Path((((_LEFT, height(tick)), (_RIGHT, height(tick))),), RULE, 0.12))
        figure.add(Text(_LEFT - 2, height(tick) + 0.9, f"{tick:g}", 2.6, "end", colour=SOFT))
    figure.add(Text(2, top + 2, "score", 2.6, bold=True), Text(2, top + 5.4, f"{scale.low:g} to {scale.high:g}", 2.4, colour=SOFT))
    last = bottom + 3.0
    for band in scale.grades:
        y = height(band.min)
        last = min(y + 0.8, last - 3.0)
        dashes = tuple(((_LEFT + i * 2.0, y), (_LEFT + i * 2.0 + 1.0, y)) for i in range(int((_RIGHT - _LEFT) / 2)))
        if band.min > scale.low:
            figure.add(Path(dashes, SOFT, 0.15))
        figure.add(Text(_RIGHT + 1.5, last, f"{_short(band.name, 8)} \N{GREATER-THAN OR EQUAL TO} {band.min:g}", 2.4, colour=SOFT))
    for a, b, _ in gaps([cell for cell in cells if not cell.assessable]):
        x0, x1 = at(a), max(at(b), at(a) + 0.3)
        figure.add(Box(x0, top, x1 - x0, _PLOT, "#f3f5f7"), hatch(x0, top, x1 - x0, _PLOT))
    figure.add(Path(tuple(_runs(cells, at, height)), SOFT, 0.18))
    believed = [cell if cell.reason is None else replace(cell, low=None) for cell in cells]
    figure.add(Path(tuple(_runs(believed, at, height)), INK, 0.4))
    figure.add(Path((((_LEFT, top), (_LEFT, bottom), (_RIGHT, bottom)),), SOFT, 0.2))


def _runs(cells: Sequence[Column], at: Callable[[float], float], height: Callable[[float], float]) -> list[tuple[tuple[float, float], ...]]:
    """The score as unbroken lines; no line crosses what was not scored."""
    found: list[tuple[tuple[float, float], ...]] = []
    line: list[tuple[float, float]] = []
    for cell in cells:
        if not cell.scored or cell.low is None or cell.high is None:
            found, line = (found, []) if not line else ([*found, spread(line)], [])
            continue
        x = at((cell.start_s + cell.end_s) / 2)
        line.append((x, height(cell.low)))
        if cell.high != cell.low:
            line.append((x, height(cell.high)))
    return [*found, spread(line)] if line else found


def _windows(figure: Figure, result: ClipResult, scale: Scale, at: Callable[[float], float], y: float) -> float:
    """What each window of the protocol came to."""
    boxes: list[Box | Path] = []
    texts: list[Text] = []
    for window in result.assessments:
        x0, x1 = at(window.start_us / _US), at(window.end_us / _US)
        if window.grade is None:
            boxes.extend((_hole(x0, x1, y), Box(x0, y + 0.6, max(x1 - x0, 0.3), _LANE - 1.2, None, SOFT, 0.12)))
            continue
        fill = tone(window.grade, len(scale.grades))
        boxes.append(Box(x0, y + 0.6, max(x1 - x0, 0.3), _LANE - 1.2, fill, INK, 0.12))
        if x1 - x0 > 1.9 * len(window.grade_name):
            colour = "#ffffff" if fill == TONES[-1] else INK
            texts.append(Text((x0 + x1) / 2, y + _LANE - 1.5, window.grade_name, 2.3, "middle", colour=colour))
    if not boxes:
        return y
    y = _lane(figure, y + 1.5, "windows", [_down(box, 1.5) for box in boxes])
    figure.add(*(Text(text.x, text.y + 1.5, text.text, text.size, text.anchor, text.bold, text.colour) for text in texts))
    return y


def _down(mark: Box | Path, by: float) -> Box | Path:
    if isinstance(mark, Box):
        return Box(mark.x, mark.y + by, mark.w, mark.h, mark.fill, mark.stroke, mark.width)
    return Path(tuple(tuple((x, y + by) for x, y in line) for line in mark.lines), mark.stroke, mark.width, mark.fill)


def _axis(figure: Figure, total: float, at: Callable[[float], float], y: float) -> None:
    for tick in time_ticks(total):
        figure.add(Path((((at(tick), y), (at(tick), y + 1.2)),), SOFT, 0.2))
        label = f"{tick:g}" if total < 120 else clock(tick, total)
        figure.add(Text(at(tick), y + 4.2, label, 2.6, "middle", colour=SOFT))
    unit = "seconds" if total < 120 else "hours:minutes:seconds" if total >= 3600 else "minutes:seconds"
    figure.add(Text((_LEFT + _RIGHT) / 2, y + 7.8, f"media time, {unit}", 2.4, "middle", colour=SOFT))
