"""What a window is called where people read it: a window that an alert lies in never reads as its longest grade alone."""

from __future__ import annotations

from collections.abc import Iterable

from wince.domain.assessment import Alert, Assessment


def alerts_in(window: Assessment, alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Alerts of the window's protocol whose stable run lies in it, wholly or in part."""
    return tuple(one for one in alerts if one.protocol == window.protocol and one.start_us < window.end_us and window.start_us < one.end_us)


def window_label(window: Assessment, alerts: Iterable[Alert]) -> str:
    """The window's grade (its longest), led by the highest alert in it. `alerts`: all of the source.

    Such as "quiet", "unassessable", "alert high", "alert high (longest quiet)", "alert high (else unassessable)".
    """
    inside = alerts_in(window, alerts)
    if not inside:
        return window.grade_name or "unassessable"
    highest = max(inside, key=lambda one: one.grade)
    if window.grade is None:
        return f"alert {highest.grade_name} (else unassessable)"
    if window.grade >= highest.grade:
        return f"alert {window.grade_name}"
    return f"alert {highest.grade_name} (longest {window.grade_name})"
