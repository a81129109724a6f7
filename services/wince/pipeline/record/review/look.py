"""A slice, looked at again."""

from __future__ import annotations

from dataclasses import dataclass

from wince.domain.charting import ChartState
from wince.domain.stay import Stay
from wince.pipeline.record.effects import Effects, Rebound
from wince.pipeline.record.review import current, entries, late, questions
from wince.pipeline.record.review.book import Book
from wince.pipeline.record.review.slices import Slice


@dataclass(frozen=True, slots=True)
class Looked:
    """What is to be written, and what the next slice goes on with."""

    effects: Effects
    carry: dict[str, ChartState]
    unloaded: tuple[str, ...] = ()
    """Protocols that are not loaded, with windows that are to be charted once they are."""


def look(of: Slice, now_us: int) -> Looked:
    """What must change so that this slice of the record is what the census says. `now_us`: when, microseconds UTC."""
    effects = Effects()
    book = Book(of.entries, of.persons, of.outranking, effects, now_us)
    states = dict(of.states)
    entries.settle(book, of, effects, now_us)
    current.follow(of, effects, states)
    carry = late.catch_up(book, of, effects, states, now_us)
    entries.settle_sums(book, of, effects, now_us)
    entries.tell_sums(book, of)
    questions.move(of, effects, now_us)
    _bind(of, effects)
    return Looked(effects, carry, _unloaded(of))


def _unloaded(of: Slice) -> tuple[str, ...]:
    waiting = {
        window.protocol
        for window in of.windows
        if window.protocol not in of.protocols
        and not (window.charted or window.shadow)
        and isinstance(of.timeline.during(window.start_us, window.end_us), Stay)
    }
    return tuple(sorted(waiting))


def _bind(of: Slice, effects: Effects) -> None:
    """What the rows of windows and alerts say of whom they are about."""
    spans = {}
    for window in of.windows:
        spans[window.id] = (window.start_us, window.end_us)
        found = of.timeline.during(window.start_us, window.end_us)
        stay, unbound = (found.id, None) if isinstance(found, Stay) else (None, found.value)
        if (stay, unbound) != (window.stay, window.unbound):
            effects.rebound.append(Rebound(window.id, stay, unbound))
    for heard in of.alerts:
        begin, end = spans[heard.alert.assessment]
        found = of.timeline.during(min(begin, heard.alert.start_us), max(end, heard.alert.end_us))
        stay = found.id if isinstance(found, Stay) else None
        if stay != heard.stay:
            effects.realerted.append(Rebound(heard.alert.id, stay, None))
