"""The windows of a clip as a row of bars: a higher grade is a higher bar, and an alert outranks the grade that held longest."""

from __future__ import annotations

from collections.abc import Sequence

from wince.assess.report.axis import LANE, Axis, lane
from wince.assess.result import ClipResult
from wince.domain.assessment import Alert, Assessment
from wince.domain.scales import Scale
from wince.domain.window_label import alerts_in
from wince.report.colours import ALERT, INK, SOFT
from wince.report.figure import Box, Figure, Mark, Path, hatch
from wince.report.grades import shape, text_on, tone

_US = 1_000_000
_HEIGHT = LANE + 1.6
"""Of the row of windows, mm: a higher grade is a higher bar."""


def shown_grade(window: Assessment, alerts: Sequence[Alert]) -> int | None:
    """The grade under which a window is drawn: its own, or that of an alert in it, whichever is higher; None: it has neither."""
    grades = [window.grade, *(alert.grade for alert in alerts_in(window, alerts))]
    return max((grade for grade in grades if grade is not None), default=None)


def alert_of(x: float, y: float) -> Path:
    """The sign of an alert: a triangle that points down at its beginning, its middle at (x, y)."""
    return Path((((x - 1.3, y - 1.5), (x + 1.3, y - 1.5), (x, y + 1.6)),), ALERT, 0.1, ALERT)


def bars(figure: Figure, result: ClipResult, scale: Scale, axis: Axis, y: float) -> float:
    """The row of windows; gives where it ends. Nothing is drawn where there is none."""
    many, marks = len(scale.grades), list[Mark]()
    for window in result.assessments:
        x0, x1 = axis.at(window.start_us / _US), axis.at(window.end_us / _US)
        grade, alert = shown_grade(window, result.alerts), bool(alerts_in(window, result.alerts))
        width = max(x1 - x0, 0.3)
        if grade is None:
            marks += [hatch(x0, 0.6, width, _HEIGHT - 1.2, step=0.9, stroke=SOFT), Box(x0, 0.6, width, _HEIGHT - 1.2, None, SOFT, 0.12)]
            continue
        high = (_HEIGHT - 0.8) * (0.45 + 0.55 * grade / max(many - 1, 1))
        marks.append(Box(x0, _HEIGHT - high, width, high, tone(grade, many), ALERT if alert else INK, 0.35 if alert else 0.12))
        if width > 4:
            marks.append(shape(grade, many, (x0 + x1) / 2, _HEIGHT - high / 2, 1.9, text_on(grade, many)))
    return lane(figure, axis, y + 1.5, "windows", marks, height=_HEIGHT) if marks else y
