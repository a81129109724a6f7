"""Windows, alerts and verdicts that have a patient for the first time: charted late, in order of time, once for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wince.domain.assessment import Verdict
from wince.domain.charting import ChartState, chart, chart_late
from wince.domain.charting_entries import entry
from wince.domain.entry import Kind
from wince.domain.stay import Stay
from wince.domain.timeline import lies
from wince.pipeline.record.effects import Effects, Key, SourceState
from wince.pipeline.record.nurse import fits, own_entry
from wince.pipeline.record.review.book import LATE, Book
from wince.pipeline.record.review.entries import follows, whose
from wince.pipeline.record.review.slices import Slice, Window


def catch_up(book: Book, of: Slice, effects: Effects, states: dict[Key, SourceState], now_us: int) -> dict[str, ChartState]:
    """Chart what was never charted, of protocols that are loaded. Returns what the next slice goes on with, by protocol."""
    carry: dict[str, ChartState] = {}
    late = _Late(book, of, effects, states, now_us)
    for protocol in sorted(({window.protocol for window in of.windows} | set(of.carry)) & set(of.protocols)):
        left = late.windows(protocol)
        if left is not None:
            carry[protocol] = left
    late.alerts()
    late.verdicts()
    return carry


class _Late:
    def __init__(self, book: Book, of: Slice, effects: Effects, states: dict[Key, SourceState], now_us: int) -> None:
        self._book, self._of, self._effects, self._states, self._now_us = book, of, effects, states, now_us
        self._done: set[object] = set()

    def windows(self, protocol: str) -> ChartState | None:
        """Runs of windows without a break that are one person's; the last may go on in the next slice."""
        state = self._of.carry.get(protocol)
        for stay, run in self._runs(protocol):
            if stay is None or not self._goes_on(state, stay, run[0]):
                self._close(protocol, state)
                state = None
            if stay is not None:
                state = self._chart(protocol, state or ChartState(), stay, run)
        if state is None or not self._of.last:
            return state
        self._end(protocol, state)
        return None

    def _goes_on(self, state: ChartState | None, stay: Stay, window: Window) -> bool:
        """Whether a run that begins with this window is what was charted before it, continued."""
        if state is None or state.stay is None or state.seen_us is None:
            return True
        return follows(state.stay, state.seen_us, stay, window, self._of)

    def _runs(self, protocol: str) -> Iterator[tuple[Stay | None, list[Window]]]:
        """(whose, windows) in order; None: windows that aren't to be charted, which end a run."""
        run: list[Window] = []
        whose: Stay | None = None
        for window in self._of.windows:
            if window.protocol != protocol or window.shadow or window.start_us >= self._of.end_us:
                continue
            found = None if window.charted else self._of.timeline.during(window.start_us, window.end_us)
            now = found if isinstance(found, Stay) else None
            if run and not self._same_run(whose, now, run[-1], window):
                yield whose, run
                run = []
            whose = whose if run else now
            run.append(window)
        if run:
            yield whose, run

    def _same_run(self, whose: Stay | None, now: Stay | None, last: Window, window: Window) -> bool:
        if whose is None or now is None:
            return whose is now
        return follows(whose, last.end_us, now, window, self._of)

    def _chart(self, protocol: str, state: ChartState, stay: Stay, run: Sequence[Window]) -> ChartState:
        wanted = {window.id for window in run}
        rules = self._of.protocols[protocol].chart
        for shown in self._of.contents(protocol, run[0].start_us, run[-1].end_us):
            if shown.window.id not in wanted:
                continue
            alerts = [heard.alert for heard in shown.alerts if whose(heard.alert, shown.window, self._of)]
            state, made = chart(state, shown.window, alerts, stay=stay, rules=rules, issued_us=self._now_us)
            for one in made:
                self._book.take(one, LATE)
            self._effects.charted.append(shown.window.id)
            self._effects.heard += [alert.id for alert in alerts]
            self._done |= {alert.id for alert in alerts}
        return state

    def _end(self, protocol: str, state: ChartState) -> None:
        """Nothing comes after this run: where it reaches up to now, it is what is charted on with; else its summary is due."""
        key = (self._of.source, protocol)
        live = self._states.get(key, SourceState())
        if live.chart.stay is None and live.chart.seen_us == state.seen_us:
            self._states[key] = self._effects.states[key] = replace(live, chart=state, asked=None)
        else:
            self._close(protocol, state)

    def _close(self, protocol: str, state: ChartState | None) -> None:
        """The summary of a run that is over; none where its windows came late into a stretch that was summed without them."""
        if state is None or state.stay is None or state.seen_us is None or not (state.period.grades or state.period.all_alerts):
            return
        shown = [one.window for one in self._of.contents(protocol, state.seen_us - 1, state.seen_us) if one.window.end_us == state.seen_us]
        since_us = state.seen_us if state.period.since_us is None else state.period.since_us
        if shown and not self._book.sums(protocol, since_us, state.seen_us):
            self._book.take(entry(Kind.SUMMARY, shown[-1], state.stay, self._now_us, period=state.period), LATE)

    def alerts(self) -> None:
        """Alerts of windows that were charted without them."""
        windows = {window.id: window for window in self._of.windows}
        for heard in self._of.alerts:
            alert, window = heard.alert, windows[heard.alert.assessment]
            due = window.charted and not heard.charted and not window.shadow and alert.id not in self._done
            due = due and window.protocol in self._of.protocols
            stay = whose(alert, window, self._of) if due else None
            if stay is None or self._book.told(alert.id):
                continue
            key = (alert.source, alert.protocol)
            state = self._states.get(key, SourceState())
            shown = next(
                one for one in self._of.contents(window.protocol, window.start_us, window.end_us) if one.window.id == alert.assessment
            )
            rules = self._of.protocols[alert.protocol].chart
            mine = state.chart if state.chart.stay is not None and lies(state.chart.stay) == lies(stay) else ChartState()
            after, made = chart_late(mine, shown.window, alert, stay=stay, rules=rules, issued_us=self._now_us)
            if mine is state.chart:
                self._states[key] = self._effects.states[key] = replace(state, chart=after)
            for one in made:
                self._book.take(one, LATE)
            self._effects.heard.append(alert.id)

    def verdicts(self) -> None:
        """What nurses said of windows that had no patient then."""
        windows = {window.id: window for window in self._of.windows}
        for verdict in self._of.verdicts:
            window = windows[verdict.assessment]
            found = self._of.timeline.during(window.start_us, window.end_us)
            loaded = window.protocol in self._of.protocols
            if loaded and isinstance(found, Stay) and not window.shadow and not self._book.has((verdict.id, Kind.VERDICT)):
                self._verdict(verdict, window, found)

    def _verdict(self, verdict: Verdict, window: Window, stay: Stay) -> None:
        scale = self._of.protocols[window.protocol].scale
        if not fits(verdict, scale):
            return
        shown = next(one for one in self._of.contents(window.protocol, window.start_us, window.end_us) if one.window.id == window.id)
        for model in self._book.about(window.id):
            if (
                model.kind in (Kind.GRADE, Kind.ALERT, Kind.ASSESSABLE)
                and model.status == "preliminary"
                and model.grade is not None
                and model.grade == verdict.grade
                and self._of.persons.same(model, stay)
            ):
                self._book.revise(replace(model, status="final", nurse=verdict.nurse))
        self._book.take(own_entry(verdict, shown.window, stay, scale, self._now_us), LATE)
