"""What is charted: what a nurse would write down, not every window.

- ALERT: the alert rule fired, or what it called for rose to a higher grade in a later window: an alert of its own, so the highest grade
  of an episode is in the record. Each alert is charted when its window closes, however many there are; no budget holds one back.
  Alerts of one window whose runs overlap or touch are gathered into one entry that covers them. With entering its grade in the same
  window it is one entry.
- GRADE: a grade was entered or left. Changes within `min_gap_s` of the last such entry wait; if they last they are charted then.
- SUMMARY: once per `every_s`, where anything was assessable or alerted: median, peak, share, and how many alerts fired. Over alerts its
  value is the peak with the highest grade: it never says "quiet" over a stretch with an alert.
- UNASSESSABLE, ASSESSABLE: a stretch without a grade, once at its start (the first window of a stay at once, later ones after
  `unassessable_after_windows`) and once at its end.

Budget: besides alerts at most `max_per_day` entries of a stay and source in any 24 hours, by construction. Summaries lie `every_s`
apart, so 24 h hold at most ceil(24 h / every_s) of them; the other kinds share the rest: one is written only if the last 24 h hold
fewer, and an unassessable stretch is charted only where its end has room too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wince.domain.assessment import Alert, Assessment
from wince.domain.charting_entries import Period, entry, gathered
from wince.domain.entry import Entry, Kind
from wince.domain.stay import Stay
from wince.domain.timeline import lies

US = 1_000_000
DAY_US = 86_400 * US


@dataclass(frozen=True, slots=True)
class ChartRules:
    """[chart]: what goes into the record."""

    every_s: float
    """Least time between two summaries, seconds."""
    max_per_day: int
    """Entries in any 24 hours that are no alerts: at most 40, and at least 4 more than the day's summaries (24 h / every_s)."""
    min_gap_s: float
    """Changes of grade that follow an entry sooner wait for the next summary."""
    unassessable_after_windows: int
    """An unassessable stretch is charted once it lasted this number of windows."""

    @property
    def others(self) -> int:
        """Entries in any 24 hours that are neither summaries nor alerts."""
        return self.max_per_day - math.ceil(DAY_US / (self.every_s * US)) - 1


@dataclass(frozen=True, slots=True)
class ChartState:
    """What charting remembers of one source and protocol. PHI: holds the stay."""

    stay: Stay | None = None
    grade: int | None = None
    """As last charted; None: none yet."""
    spent: tuple[int, ...] = ()
    """End times of the entries of the last 24 h that are neither summaries nor alerts."""
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
    if state.stay is not None and (stay is None or lies(stay) != lies(state.stay)):
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
    """An alert whose window was charted without it. It gets its entry at once. The summary of the stretch that runs counts it, where
    its window lies in that stretch; one that was written before is revised by a review."""
    made = entry(Kind.ALERT, window, stay, issued_us, alert=alert)
    since_us = state.period.since_us
    if state.stay is not None and lies(state.stay) == lies(stay) and since_us is not None and window.end_us > since_us:
        state = replace(state, grade=alert.grade, changed_us=window.end_us, period=state.period.late(alert))
    return state, [made]


def finish(state: ChartState, *, issued_us: int) -> tuple[ChartState, list[Entry]]:
    """The stay is over. Afterwards a new stay may begin. Alerts that an earlier release left to a summary get it now."""
    entries = []
    if state.stay is not None and state.period.uncharted and state.period.last is not None:
        entries.append(entry(Kind.SUMMARY, state.period.last, state.stay, issued_us, period=state.period))
    return ChartState(seen_us=state.seen_us), entries


def _transition(state: ChartState, pen: _Pen, alerts: Sequence[Alert], rules: ChartRules) -> tuple[ChartState, list[Entry]]:
    """Alerts, else a change of grade, else the start of an unassessable stretch; and the end of one, whichever of them ends it."""
    now = pen.assessment
    written: list[Entry] = []
    if state.out_charted and now.grade is not None:
        state = replace(_spend(state, now), grade=now.grade, changed_us=now.end_us)
        written = [entry(Kind.ASSESSABLE, now, pen.stay, pen.issued_us)]
    if now.grade is None:
        since = now.start_us if state.out_since_us is None else state.out_since_us
        state = replace(state, out_since_us=since, out_windows=state.out_windows + 1)
    else:
        state = replace(state, out_since_us=None, out_windows=0, out_charted=False)
    if alerts:
        state = replace(state, grade=max(alert.grade for alert in alerts), changed_us=now.end_us)
        told = [entry(Kind.ALERT, now, pen.stay, pen.issued_us, alert=one[0], others=one[1:]) for one in gathered(alerts)]
        return state, [*written, *told]
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
    """Whether so many entries fit without touching the end that is owed."""
    return len(state.spent) + state.out_charted + entries <= rules.others


def _spend(state: ChartState, now: Assessment) -> ChartState:
    return replace(state, spent=(*state.spent, now.end_us))


def _summary(state: ChartState, pen: _Pen, rules: ChartRules) -> tuple[ChartState, list[Entry]]:
    """The summary, when its time has come."""
    period, now = state.period, pen.assessment
    if period.since_us is None or now.end_us - period.since_us < rules.every_s * US:
        return state, []
    written = [entry(Kind.SUMMARY, now, pen.stay, pen.issued_us, period=period)] if period.grades or period.all_alerts else []
    return replace(state, period=Period(since_us=now.end_us)), written
