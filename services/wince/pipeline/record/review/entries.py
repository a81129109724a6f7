"""Whom an entry belongs to now. Whole to one person, or nobody's; a summary, or a stretch without a grade, also in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wince.domain.assessment import Alert, Assessment
from wince.domain.charting_entries import Period, alerted, entry
from wince.domain.entry import Entry, Kind
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.domain.timeline import lies
from wince.pipeline.record.effects import Effects, Note
from wince.pipeline.record.review.book import CORRECTED, Book
from wince.pipeline.record.review.slices import Group, Shown, Slice, Window

Wanted = tuple[Stay, Entry]
"""What is to stand, and for whom."""


def settle(book: Book, of: Slice, effects: Effects, now_us: int) -> None:
    """Every group of the slice stands as the census says now."""
    for group in book.groups():
        base = book.base(group)
        if base is not None:
            _settle(book, group, base, of, effects, now_us)


def settle_sums(book: Book, of: Slice, effects: Effects, now_us: int) -> None:
    """Summaries once more, after late charting: their parts sum the windows that were charted only now."""
    for group in book.groups() if effects.charted else ():
        base = book.base(group)
        if base is not None and base.kind is Kind.SUMMARY:
            _settle(book, group, base, of, effects, now_us)


def tell_sums(book: Book, of: Slice) -> None:
    """A summary counts the alerts of its windows that came after it was written, too: it never says "quiet" over one."""
    fired = {heard.alert.assessment for heard in of.alerts}
    windows = [window for window in of.windows if window.id in fired]
    for group in book.groups():
        for one in book.standing(group) if group[1] is Kind.SUMMARY else ():
            if any(window.protocol == one.protocol and one.start_us <= window.start_us < one.end_us for window in windows):
                shown = of.contents(one.protocol, one.start_us, one.end_us)
                alerts = [heard.alert for said in shown for heard in said.alerts if whose(heard.alert, said.window, of) is not None]
                if len(alerts) > one.alerts:
                    book.revise(alerted(one, alerts), CORRECTED)


def _settle(book: Book, group: Group, base: Entry, of: Slice, effects: Effects, now_us: int) -> None:
    found = of.timeline.during(*_span(base, of))
    wanted: list[Wanted] = [(found, base)] if isinstance(found, Stay) else list(_parts(base, of, effects, now_us))
    gone = book.retracted(*group)
    wanted = [(stay, body) for stay, body in wanted if not any(_overlap(body, one) for one in gone)]
    stands = [*book.standing(group), *(one for one in book.parts(*group) if (one.origin, one.kind) != group)]
    taken = [one for one in stands if any(_for(one, body, stay, of) for stay, body in wanted)]
    wrong = [one for one in stands if one not in taken]
    # One that says the same to the same person twice can't be: the later one goes.
    for stay, body in wanted:
        wrong += [one for one in taken if _for(one, body, stay, of)][1:]
    for one in wrong:
        book.withdraw(one)
        if isinstance(found, Reason) and not wanted:
            effects.notes.append(Note(one.id, "nobody_to_write_to", {"reason": found.value}, one.revision + 1))
    for stay, body in wanted:
        book.write(body, stay)


def _overlap(one: Entry, other: Entry) -> bool:
    return one.start_us < other.end_us and other.start_us < one.end_us


def _for(one: Entry, body: Entry, stay: Stay, of: Slice) -> bool:
    return (one.origin, one.kind) == (body.origin, body.kind) and of.persons.same(one, stay)


def _span(base: Entry, of: Slice) -> tuple[int, int]:
    """An alert may have begun in a window before the one in which it fired: both are one person's, or it is nobody's."""
    window = of.spans.get(base.assessment)
    if base.kind is not Kind.ALERT or window is None:
        return base.start_us, base.end_us
    return min(base.start_us, window[0]), max(base.end_us, window[1])


def _parts(base: Entry, of: Slice, effects: Effects, now_us: int) -> Iterator[Wanted]:
    """What is left of an entry over a time that isn't one person's."""
    if base.kind is Kind.SUMMARY:
        now = set(effects.charted)
        shown = [one for one in of.contents(base.protocol, base.start_us, base.end_us) if one.charted or one.window.id in now]
        for lying, run in runs(shown, of):
            period = summed(run, of)
            if period.grades or period.all_alerts:
                made = entry(Kind.SUMMARY, run[-1].window, lying, now_us, period=period)
                yield lying, replace(made, part_of=base.origin, status=base.status)
    elif base.kind is Kind.ALERT and base.gathered and (window := of.spans.get(base.assessment)) is not None:
        for one in of.contents(base.protocol, *window):
            for heard in one.alerts:
                if heard.alert.id in (base.origin, *base.gathered) and (stay := whose(heard.alert, one.window, of)) is not None:
                    made = entry(Kind.ALERT, one.window, stay, now_us, alert=heard.alert)
                    yield stay, replace(made, part_of=base.origin, status=base.status, nurse=base.nurse)
    elif base.kind is Kind.UNASSESSABLE and (window := of.spans.get(base.assessment)) is not None:
        found = of.timeline.during(*window)
        if isinstance(found, Stay):
            since_us = max(base.start_us, min(found.start_us, window[0]))
            whole = of.timeline.during(since_us, window[1])
            since_us = since_us if isinstance(whole, Stay) else window[0]
            yield found, replace(base, start_us=since_us, part_of=base.origin)


def runs(shown: Sequence[Shown], of: Slice) -> Iterator[tuple[Stay, list[Shown]]]:
    """Windows that follow each other and are one person's in one bed."""
    run: list[Shown] = []
    lying: Stay | None = None
    for one in shown:
        found = of.timeline.during(one.window.start_us, one.window.end_us)
        now = found if isinstance(found, Stay) else None
        if run and lying is not None and (now is None or not follows(lying, run[-1].window.end_us, now, one.window, of)):
            yield lying, run
            run = []
        if now is not None:
            lying, run = (now if not run else lying), [*run, one]
    if run and lying is not None:
        yield lying, run


def follows(lying: Stay, seen_us: int, now: Stay, window: Assessment | Window, of: Slice) -> bool:
    """Whether who was seen up to `seen_us` is who lies there in this window, and lay there between, where windows are missing."""
    return lies(now) == lies(lying) and isinstance(of.timeline.during(min(seen_us, window.start_us), window.end_us), Stay)


def summed(run: Sequence[Shown], of: Slice) -> Period:
    """What a summary of these windows says."""
    period = Period()
    for one in run:
        period = period.add(one.window, [heard.alert for heard in one.alerts if whose(heard.alert, one.window, of) is not None])
    return period


def whose(alert: Alert, window: Assessment | Window, of: Slice) -> Stay | None:
    """Whom an alert of this window is about: who lay there during the window and the run that fired."""
    found = of.timeline.during(min(alert.start_us, window.start_us), max(alert.end_us, window.end_us))
    return found if isinstance(found, Stay) else None
