"""What a summary sums, and how an entry is made from an assessment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wince.domain.assessment import Alert, Assessment
from wince.domain.entry import Entry, Kind
from wince.domain.ids import entry_id
from wince.domain.reason import Reason
from wince.domain.stay import Stay

Tally = dict[float, int]
"""Values, rounded to .01, with how often they came: medians of hours from small state."""


def _count(tally: Tally, value: float | None) -> Tally:
    if value is None:
        return tally
    key = round(value, 2)
    return {**tally, key: tally.get(key, 0) + 1}


def _median(tally: Mapping[float, int]) -> float | None:
    """Median of what was counted (the lower one of two); None of nothing."""
    half, seen = (sum(tally.values()) + 1) // 2, 0
    for value in sorted(tally):
        seen += tally[value]
        if seen >= half:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Period:
    """The windows since the last summary."""

    since_us: int | None = None
    """Begin; None: no window yet."""
    windows: int = 0
    share: float = 0.0
    """Sum of the assessable shares."""
    medians: Tally = field(default_factory=dict)
    confidences: Tally = field(default_factory=dict)
    grades: dict[int, int] = field(default_factory=dict)
    """Windows per grade."""
    names: dict[int, str] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    """Unassessable windows per reason."""
    peak: float | None = None
    alerts: int = 0
    """Alerts that fired."""
    alert_grade: int | None = None
    """The highest grade of an alert; None: there was none."""
    uncharted: int = 0
    """Alerts that an earlier release left without an entry of their own; no more are added."""
    last: Assessment | None = None
    """The last window before them; of an earlier release too."""

    @property
    def all_alerts(self) -> int:
        """How many alerts fired in this stretch, as far as is known."""
        return self.alerts + self.uncharted

    def add(self, window: Assessment, alerts: Sequence[Alert]) -> Period:
        """With one more window."""
        grades, names, reasons = self.grades, self.names, self.reasons
        if window.grade is not None:
            grades = {**grades, window.grade: grades.get(window.grade, 0) + 1}
            names = {**names, window.grade: window.grade_name}
        elif window.reason is not None:
            reasons = {**reasons, window.reason.value: reasons.get(window.reason.value, 0) + 1}
        summed = replace(
            self,
            since_us=window.start_us if self.since_us is None else self.since_us,
            windows=self.windows + 1,
            share=self.share + window.assessable_share,
            medians=_count(self.medians, window.median),
            confidences=_count(self.confidences, window.confidence),
            grades=grades,
            names=names,
            reasons=reasons,
            peak=_highest(self.peak, window.peak),
        )
        for alert in alerts:
            summed = summed.late(alert)
        return summed

    def late(self, alert: Alert) -> Period:
        """With an alert of a window that was added."""
        return replace(
            self,
            alerts=self.alerts + 1,
            alert_grade=alert.grade if self.alert_grade is None else max(self.alert_grade, alert.grade),
            names={**self.names, alert.grade: alert.grade_name},
            peak=_highest(self.peak, alert.peak),
        )


def _highest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)


def gathered(alerts: Sequence[Alert]) -> list[tuple[Alert, ...]]:
    """Alerts in groups of which the runs overlap or touch, each once, in order of time; of a group the highest stands first."""
    groups: list[list[Alert]] = []
    until_us = 0
    for alert in sorted(alerts, key=lambda one: (one.start_us, one.end_us)):
        if groups and alert.start_us <= until_us:
            groups[-1].append(alert)
            until_us = max(until_us, alert.end_us)
        else:
            groups.append([alert])
            until_us = alert.end_us
    return [tuple(sorted(group, key=lambda one: (-one.grade, -one.peak, one.start_us, str(one.id)))) for group in groups]


def entry(
    kind: Kind,
    window: Assessment,
    stay: Stay,
    issued_us: int,
    *,
    alert: Alert | None = None,
    others: Sequence[Alert] = (),
    start_us: int | None = None,
    period: Period | None = None,
) -> Entry:
    """The entry of a window.

    `alert`: of an alert in it, `others`: gathered into it; `period`: sums a period that ends with it; `start_us`: begins earlier.
    """
    origin = window.id if alert is None else alert.id
    made = Entry(
        id=entry_id(origin, stay.patient, stay.encounter, kind),
        revision=1,
        kind=kind,
        origin=origin,
        assessment=window.id,
        source=window.source,
        bed=stay.bed,
        stay=stay.id,
        patient=stay.patient,
        encounter=stay.encounter,
        protocol=window.protocol,
        start_us=window.start_us if start_us is None else start_us,
        end_us=window.end_us,
        issued_us=issued_us,
        grade=window.grade,
        grade_name=window.grade_name,
        score=window.median,
        median=window.median,
        peak=window.peak,
        assessable_share=window.assessable_share,
        confidence=window.confidence,
        reason=window.reason,
        units=window.units,
        personal=window.personal,
        model_set=window.model_set,
        rule=window.rule,
        status="preliminary",
    )
    if alert is not None:
        peak = max(one.peak for one in (alert, *others))
        return replace(
            made,
            start_us=min(one.start_us for one in (alert, *others)),
            end_us=max(one.end_us for one in (alert, *others)),
            reason=None,
            grade=alert.grade,
            grade_name=alert.grade_name,
            score=peak,
            peak=peak,
            alerts=1 + len(others),
            gathered=tuple(one.id for one in others),
        )
    if period is not None:
        return _summed(made, period)
    return made


def alerted(summary: Entry, alerts: Sequence[Alert]) -> Entry:
    """A summary as it would have been, had all alerts of its windows been there. `alerts`: all of them, one at least."""
    highest = max(alerts, key=lambda one: one.grade)
    peak = _highest(summary.peak, *(one.peak for one in alerts))
    return replace(summary, grade=highest.grade, grade_name=highest.grade_name, score=peak, peak=peak, reason=None, alerts=len(alerts))


def _summed(made: Entry, period: Period) -> Entry:
    """A window's entry turned into the summary of a period: the commonest grade (of equals the higher), medians, mean share. Over
    alerts, the highest grade of an alert and the peak."""
    grade = period.alert_grade
    if grade is None:
        grade = max(period.grades, key=lambda one: (period.grades[one], one), default=None)
    commonest = max(sorted(period.reasons), key=lambda one: period.reasons[one], default="")
    median = _median(period.medians)
    return replace(
        made,
        start_us=made.start_us if period.since_us is None else period.since_us,
        grade=grade,
        grade_name="" if grade is None else period.names[grade],
        score=period.peak if period.alerts else median,
        median=median,
        peak=period.peak if grade is not None else None,
        assessable_share=min(1.0, period.share / max(1, period.windows)),
        confidence=_median(period.confidences),
        reason=None if grade is not None else Reason(commonest) if commonest else made.reason,
        units=(),
        alerts=period.all_alerts,
    )
