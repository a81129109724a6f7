"""What charting remembers of whoever lies there now, after it became known that others lay there, or lie there."""

from __future__ import annotations

from dataclasses import replace

from wince.domain.charting import ChartState
from wince.domain.stay import Stay
from wince.pipeline.record.effects import Effects, Key, SourceState
from wince.pipeline.record.review.entries import runs, summed
from wince.pipeline.record.review.slices import Slice


def follow(of: Slice, effects: Effects, states: dict[Key, SourceState]) -> None:
    """The state of every protocol whose running stretch lies in the slice is that of who lies there now."""
    for key, state in list(states.items()):
        if key[0] == of.source and state.chart.stay is not None and state.chart.seen_us is not None:
            since_us = state.chart.period.since_us
            since_us = state.chart.seen_us - 1 if since_us is None else min(since_us, state.chart.seen_us - 1)
            if since_us < of.end_us and of.start_us < state.chart.seen_us:
                after = _follow(of, key, state.chart, since_us, state.chart.seen_us)
                if after is not state.chart:
                    states[key] = effects.states[key] = replace(state, chart=after)


def _follow(of: Slice, key: Key, state: ChartState, since_us: int, seen_us: int) -> ChartState:
    assert state.stay is not None
    whole = of.timeline.during(since_us, seen_us)
    if isinstance(whole, Stay):
        if of.persons.same(whole, state.stay):
            return state if whole == state.stay else replace(state, stay=whole)
        said = None if state.changed_us is None else of.timeline.during(state.changed_us - 1, seen_us)
        return replace(state, stay=whole, grade=state.grade if isinstance(said, Stay) else None)
    shown = [one for one in of.contents(key[1], since_us, seen_us) if one.charted and one.window.end_us <= seen_us]
    for stay, run in runs(shown, of):
        if run[-1].window.end_us == seen_us:
            grade = state.grade if of.persons.same(stay, state.stay) else None
            return ChartState(stay=stay, grade=grade, spent=state.spent, period=summed(run, of), seen_us=seen_us)
    return ChartState(seen_us=seen_us)
