"""What is charted: what a nurse would write down, not every window.

- GRADE: a grade was entered or left. Changes within `min_gap_s` of the last such entry wait; if they last they are charted then.
- ALERT: the alert rule fired. With entering its grade in the same window it is one entry.
- SUMMARY: once per `every_s`, where anything was assessable: median, peak, share, and the alerts that have no entry of their own.
- UNASSESSABLE, ASSESSABLE: a stretch without a grade, once at its start (the first window of a stay at once, later ones after
  `unassessable_after_windows`) and once at its end.

Budget: at most `max_per_day` entries of a stay and source in any 24 hours, by construction. Summaries lie `every_s` apart, so
24 h hold at most ceil(24 h / every_s) of them, and one more where a stay ends; all other kinds share the rest: one is written only
if the last 24 h hold fewer. A quarter of the rest is kept for alerts, and an unassessable stretch is charted only where its end
has room too. An alert beyond the budget is still an alert; the record counts it in the next summary. So is one that comes after
its window was charted; only where its stay is over by then, and no summary will follow, it is charted whatever the budget says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wince.domain.assessment import Alert, Assessment
from wince.domain.charting_entries import Period, entry
from wince.domain.entry import Entry, Kind
from wince.domain.stay import Stay

US = 1_000_000
DAY_US = 86_400 * US


@dataclass(frozen=True, slots=True)
class ChartRules:
    """[chart] of a protocol: what of it goes into the record."""

    every_s: float
    """At most one summary in so long."""
    max_per_day: int
    """Entries in any 24 hours; must leave room for the summaries."""
    min_gap_s: float
    """Changes of grade that follow an entry sooner wait for the next summary."""
    unassessable_after_windows: int
    """An unassessable stretch is charted once it lasted so many windows."""

    @property
    def others(self) -> int:
        """Entries in any 24 hours that are no summaries."""
        return self.max_per_day - math.ceil(DAY_US / (self.every_s * US)) - 1


@dataclass(frozen=True, slots=True)
class ChartState:
    """What charting remembers of one source and protocol. PHI: holds the stay."""

    stay: Stay | None = None
    grade: int | None = None
    """As last charted; None: none yet."""
    spent: tuple[int, ...] = ()
    """End times of the entries of the last 24 h that are no summaries."""
    changed_us: int | None = None
    """When a grade or alert was last charted."""
    out_since_us: int | None = None
    """Begin of the unassessable stretch that runs; None: none does."""
    out_windows: int = 0
    out_charted: bool = False
    """Its start was charted, its end is owed."""
    period: Period = field(default_factory=Period)
    """What the next summary sums."""
    seen_us: int | None = None
    """End of the last window; an older one is not charted again."""


@dataclass(frozen=True, slots=True)
class _Pen:
    """Writes entries for one assessment."""

    assessment: Assessment
    stay: Stay
    issued_us: int


def chart(
    state: ChartState, assessment: Assessment, alerts: Sequence[Alert], *, stay: Stay | None, rules: ChartRules, issued_us: int
) -> tuple[ChartState, list[Entry]]:
    """Fold one window of one source, with the alerts that fired in it, into what is charted.

    Windows come in order of time; one that is not later than the last is ignored. `stay`: who lay there during this window; None:
    nobody, or two: nothing is charted. Where the stay changes, what the summary of the one before still owes goes to that one.
    """
    if state.seen_us is not None and assessment.end_us <= state.seen_us:
        return state, []
    entries: list[Entry] = []
    if state.stay is not None and (stay is None or stay.id != state.stay.id):
        state, entries = finish(state, issued_us=issued_us)
    if stay is None:
        return ChartState(seen_us=assessment.end_us), entries
    spent = tuple(at for at in state.spent if at > assessment.end_us - DAY_US)
    state = replace(state, stay=stay, spent=spent, seen_us=assessment.end_us, period=state.period.add(assessment, alerts))
    pen = _Pen(assessment, stay, issued_us)
    state, written = _transition(state, pen, alerts, rules)
    state, summary = _summary(state, pen, rules)
    return state, entries + written + summary


def chart_late(
    state: ChartState, window: Assessment, alert: Alert, *, stay: Stay, rules: ChartRules, issued_us: int
) -> tuple[ChartState, list[Entry]]:
    """An alert whose window was charted without it. It gets its entry, within the budget of its stay as it stands now."""
    made = entry(Kind.ALERT, window, stay, issued_us, alert=alert)
    if state.stay is None or state.stay.id != stay.id:
        return state, [made]
    if len(state.spent) + state.out_charted >= rules.others:
        return replace(state, period=state.period.late(window, alert)), []
    return replace(_spend(state, window), grade=alert.grade, changed_us=window.end_us), [made]


def finish(state: ChartState, *, issued_us: int) -> tuple[ChartState, list[Entry]]:
    """The stay is over: a last summary where alerts are not in the record yet. Afterwards a new stay may begin."""
    entries = []
    if state.stay is not None and state.period.uncharted and state.period.last is not None:
        entries.append(entry(Kind.SUMMARY, state.period.last, state.stay, issued_us, period=state.period))
    return ChartState(seen_us=state.seen_us), entries


def _transition(state: ChartState, pen: _Pen, alerts: Sequence[Alert], rules: ChartRules) -> tuple[ChartState, list[Entry]]:
    """An alert, else a change of grade, else the start of an unassessable stretch; and the end of one, whichever of them ends it."""
    now = pen.assessment
    written: list[Entry] = []
    alerted = bool(alerts) and len(state.spent) + state.out_charted < rules.others
    if state.out_charted and now.grade is not None:
        state = replace(_spend(state, now), grade=now.grade, changed_us=now.end_us)
        written = [entry(Kind.ASSESSABLE, now, pen.stay, pen.issued_us)]
    if now.grade is None:
        since = now.start_us if state.out_since_us is None else state.out_since_us
        state = replace(state, out_since_us=since, out_windows=state.out_windows + 1)
    else:
        state = replace(state, out_since_us=None, out_windows=0, out_charted=False)
    if alerted:
        first = max(alerts, key=lambda alert: (alert.grade, alert.peak, -alert.start_us))
        period = replace(state.period, uncharted=state.period.uncharted - 1)
        state = replace(_spend(state, now), grade=first.grade, changed_us=now.end_us, period=period)
        return state, [*written, entry(Kind.ALERT, now, pen.stay, pen.issued_us, alert=first)]
    if written:
        return state, written
    return _grade(state, pen, rules) if now.grade is not None else _unassessable(state, pen, rules)


def _grade(state: ChartState, pen: _Pen, rules: ChartRules) -> tuple[ChartState, list[Entry]]:
    """Entering a grade, if it is another than the charted one, not too soon, and there is room."""
    now = pen.assessment
    too_soon = state.changed_us is not None and now.end_us - state.changed_us < rules.min_gap_s * US
    if now.grade == state.grade or too_soon or not _room(state, rules, 1):
        return state, []
    after = replace(_spend(state, now), grade=now.grade, changed_us=now.end_us)
    return after, [entry(Kind.GRADE, now, pen.stay, pen.issued_us)]


def _unassessable(state: ChartState, pen: _Pen, rules: ChartRules) -> tuple[ChartState, list[Entry]]:
    """The start of an unassessable stretch, once it lasted, and there is room for its end too."""
    first = state.grade is None and state.changed_us is None
    lasted = first or state.out_windows >= rules.unassessable_after_windows
    if state.out_charted or not lasted or not _room(state, rules, 2):
        return state, []
    after = replace(_spend(state, pen.assessment), out_charted=True)
    return after, [entry(Kind.UNASSESSABLE, pen.assessment, pen.stay, pen.issued_us, start_us=state.out_since_us)]


def _room(state: ChartState, rules: ChartRules, entries: int) -> bool:
    """Whether so many entries fit without touching what is owed and what is kept for alerts."""
    return len(state.spent) + state.out_charted + entries <= rules.others - rules.others // 4


def _spend(state: ChartState, now: Assessment) -> ChartState:
    return replace(state, spent=(*state.spent, now.end_us))


def _summary(state: ChartState, pen: _Pen, rules: ChartRules) -> tuple[ChartState, list[Entry]]:
    """The summary, when its time has come."""
    period, now = state.period, pen.assessment
    if period.since_us is None or now.end_us - period.since_us < rules.every_s * US:
        return state, []
    written = [entry(Kind.SUMMARY, now, pen.stay, pen.issued_us, period=period)] if period.grades or period.uncharted else []
    return replace(state, period=Period(since_us=now.end_us)), written
