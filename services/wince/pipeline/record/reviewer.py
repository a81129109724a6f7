"""Looks again at what the record says of a time in which others may have lain there: slice by slice, each a transaction of its own.

What is asked for (`store/reviews.py`) stands in the database until it was done, so it survives everything. A batch that was planned with
the census of before holds the lock of its cameras until its commit; a review of such a camera comes after it, and sees what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from wince.backoff import Backoff
from wince.clock import Clock
from wince.delivery.interface import Target
from wince.domain.charting import ChartState
from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import ROOT, make
from wince.domain.persons import Named
from wince.domain.stay import Identifier, Stay
from wince.domain.timeline import EVER_US
from wince.pipeline.record import bindings, locks, review_rows, rows
from wince.pipeline.record.effects import Effects
from wince.pipeline.record.poison import is_poison, words
from wince.pipeline.record.review.look import look
from wince.pipeline.record.review.questions import Asker
from wince.pipeline.record.review.slices import Group, Kept, Shown, Slice, Window
from wince.pipeline.record.review_rows import Asked
from wince.pipeline.record.writing import write
from wince.protocols.rules import ClinicalProtocol
from wince.store import reviews
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.plain import dump
from wince.telemetry import logs, metrics

log = logs.get("wince.record.review")

WINDOWS = 4000
"""In a slice, at most: about half a second's work."""
AGAIN = Backoff(5.0, 900.0, jitter=0.3)
"""How long a review waits that can't be written."""
AGAIN_LATE = 9
"""What waits for a protocol to be loaded waits as long as after so many failures."""


@dataclass
class Reviewed:
    """What reviews wrote."""

    entries: list[Entry] = field(default_factory=list)
    tasks: list[TaskEntry] = field(default_factory=list)


class Reviewer:
    """Thread-safe; replicas look at different cameras beside each other, while batches of others are written."""

    def __init__(
        self,
        database: Database,
        protocols: Mapping[str, ClinicalProtocol],
        targets: Sequence[Target],
        clock: Clock,
        *,
        consent_required: bool = False,
        score_valid_us: int = 0,
        most: int = WINDOWS,
    ) -> None:
        self._database, self._protocols, self._targets, self._clock, self._most = database, protocols, targets, clock, most
        self._consent_required, self._valid_us = consent_required, score_valid_us

    def review(self, slices: int | None = None) -> Reviewed:
        """Do what is asked for, at most so many slices of it. What can't be written is put off for its camera alone, and told.

        Raises Unavailable, ResourceError, StoreError: what was not done is still asked for.
        """
        found = Reviewed()
        with self._database.transaction() as tx:
            if not reviews.waiting(tx):
                return found
            review_rows.spread(tx)
            locks.share_writing(tx)
            review_rows.skip_empty(tx)
        busy: list[int] = []
        while slices is None or slices > 0:
            slices = None if slices is None else slices - 1
            asked: Asked | None = None
            try:
                with self._database.transaction() as tx:
                    asked = review_rows.next_asked(tx, busy)
                    if asked is None:
                        break
                    if not locks.review(tx, asked.sources[0]):
                        busy.append(asked.id)
                        continue
                    effects = self._slice(tx, asked)
            except Exception as error:
                if asked is None or not is_poison(error):
                    raise
                self._put_off(asked, error)
                continue
            found.entries += effects.entries
            found.tasks += effects.tasks
        return found

    def _put_off(self, asked: Asked, error: Exception) -> None:
        wait_s = AGAIN.wait_s(asked.failures + 1)
        log.error("a review of the record failed; postponed", source=asked.sources[0], error=error)
        metrics.review_failed()
        with self._database.transaction() as tx:
            review_rows.put_off(tx, asked.id, wait_s, words(error))

    def _slice(self, tx: Tx, asked: Asked) -> Effects:
        now_us, (source,) = self._clock(), asked.sources
        windows, until_us = review_rows.windows(tx, source, asked.from_us, asked.to_us, self._most, begun=asked.slice > 0)
        last = until_us >= asked.to_us
        of = self._of(tx, asked, windows, until_us, last)
        looked = look(of, now_us)
        effects = looked.effects
        facts = write(tx, effects, {}, self._targets)
        if changed := _said(effects):
            facts.append(Fact(make(ROOT, "review", asked.id), asked.slice + 1, "reviewed", 1, _detail(asked, until_us, changed)))
        if facts:
            append(tx, facts, now_us)
        if looked.unloaded:
            wait_s = AGAIN.wait_s(AGAIN_LATE)
            log.error("windows of a protocol that is not loaded can't be charted late", source=source, protocol=", ".join(looked.unloaded))
            review_rows.later(tx, asked, until_us, wait_s, f"these protocols are not loaded: {', '.join(looked.unloaded)}")
        if last:
            review_rows.done(tx, asked)
        else:
            review_rows.onward(tx, asked, until_us, looked.carry)
        for event, count in changed.items():
            metrics.reviewed(event, count)
        return effects

    def _of(self, tx: Tx, asked: Asked, windows: Sequence[Window], until_us: int, last: bool) -> Slice:
        (source,), from_us = asked.sources, asked.from_us
        ids = [window.id for window in windows]
        entries = review_rows.entries(tx, source, from_us, until_us, ids)
        spans = review_rows.spans(tx, {one.entry.assessment for found in entries.values() for one in found})
        states = rows.states(tx, [source])
        tasks = review_rows.tasks(tx, source, from_us, until_us)
        charted = [*(state.chart for state in states.values()), *asked.carry.values()]
        summed = [_range(asked, windows, entries, spans, tasks), *(span for chart in charted for span in _running(chart))]
        reached = [review_rows.fired(tx, source, *span) for span in summed]  # each by itself: years may lie between
        low, high = min(begin for begin, _ in reached), max(end for _, end in reached)
        alerts = review_rows.alerts(tx, ids)
        low, high = min([low, *(one.alert.start_us for one in alerts)]), max([high, *(one.alert.end_us for one in alerts)])
        timeline = bindings.lying(tx, [source], low, high, consent_required=self._consent_required)[source]
        whose: set[Identifier] = {one.entry.encounter for found in entries.values() for one in found}
        whose |= {stay.encounter for window in windows if isinstance(stay := timeline.during(window.start_us, window.end_us), Stay)}
        whose |= {task.encounter for task in tasks if task.encounter is not None}
        whose |= {stay.encounter for task in tasks if isinstance(stay := timeline.during(task.start_us, task.end_us), Stay)}
        locks.encounters(tx, whose)
        named: list[Named] = [one.entry for found in entries.values() for one in found]
        named += [*timeline.stays(), *(Asker.of(task) for task in tasks if task.encounter is not None)]
        named += [state.chart.stay for state in states.values() if state.chart.stay is not None]
        tasks = review_rows.tasks(tx, source, from_us, until_us)
        waiting = rows.open_tasks(tx, whose) if tasks else []
        named += [Asker.of(task) for task in waiting]

        @lru_cache(maxsize=4)
        def contents(protocol: str, start_us: int, end_us: int) -> Sequence[Shown]:
            return review_rows.contents(tx, source, protocol, start_us, end_us)

        return Slice(
            source=source,
            start_us=from_us,
            end_us=until_us,
            last=last,
            timeline=timeline,
            persons=bindings.persons(tx, named),
            outranking=bindings.outranking(tx, timeline.stays(), low - self._valid_us, high, self._valid_us),
            protocols=self._protocols,
            contents=contents,
            windows=windows,
            alerts=alerts,
            verdicts=review_rows.verdicts(tx, ids),
            entries=entries,
            spans=spans,
            tasks=tasks,
            waiting=waiting,
            states=states,
            carry=asked.carry,
        )


def _range(
    asked: Asked,
    windows: Sequence[Window],
    entries: Mapping[Group, Sequence[Kept]],
    spans: Mapping[UUID, tuple[int, int]],
    tasks: Sequence[TaskEntry],
) -> tuple[int, int]:
    """Begin and end of everything that is looked at."""
    times = [(one.entry.start_us, one.entry.end_us) for found in entries.values() for one in found]
    times += [(window.start_us, window.end_us) for window in windows]
    times += [(task.start_us, task.end_us) for task in tasks]
    times += spans.values()
    if not times:
        return asked.from_us, asked.from_us
    return min(start for start, _ in times), max(end for _, end in times)


def _running(chart: ChartState) -> list[tuple[int, int]]:
    """What the next summary sums up to now; empty: nothing was charted yet."""
    if chart.seen_us is None:
        return []
    return [(chart.seen_us if chart.period.since_us is None else chart.period.since_us, chart.seen_us)]


def _said(effects: Effects) -> dict[str, int]:
    """How much of what changed; empty: nothing."""
    found = {
        "withdrawn": len(effects.causes),
        "bound": sum(one.stay is not None for one in effects.rebound),
        "unbound": sum(one.stay is None for one in effects.rebound),
        "caught_up": len(effects.charted),
    }
    for event in effects.events.values():
        found[event] = found.get(event, 0) + 1
    return {event: count for event, count in found.items() if count}


def _detail(asked: Asked, until_us: int, changed: Mapping[str, int]) -> str:
    until = None if until_us == EVER_US else until_us
    return dump({"source": asked.sources[0], "from_us": asked.from_us, "to_us": until, "why": asked.why, "changed": dict(changed)})
