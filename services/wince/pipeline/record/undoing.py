"""Takes back what a message from the future, or a clock that jumped, closed ahead of now (store/undoing.py).

In one transaction, in which nobody else writes: windows and alerts that end after the moment go, with who saw those, what was charted of
them is withdrawn, their questions are cancelled, grade's snapshots ahead go, and charting goes on at the moment with the stretch that its
next summary sums. The trail names every window, alert and question: these may come again with another content, and only these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.codec.registry import decode
from wince.delivery.interface import Target, distinct
from wince.domain.assessment import Alert
from wince.domain.charting import DAY_US, ChartState
from wince.domain.charting_entries import Period
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.pipeline.record import rows
from wince.pipeline.record.effects import Effects, Key, SourceState
from wince.pipeline.record.writing import write
from wince.store import acknowledged, undoing
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.locks import Lock, take
from wince.store.plain import dump, load
from wince.store.undoing import EVENT, Undoing
from wince.telemetry import logs

log = logs.get("wince.record.undoing")

CONSUMER = "record"
CAUSE = EVENT
"""Of a withdrawn entry; no census gives it back."""
AHEAD_US = 3600 * 1_000_000
"""No clock may lie further ahead (the most that clock_ahead_s may be): what does, of a source that was undone, came from before that."""
STILL_US = 24 * AHEAD_US
"""For how long after it such a message may still be on its way."""
_AT_ONCE = 5000
"""Ids in one link of the trail."""
_ALERT = "wince.api.grade.v1.Alert"


class Undoer:
    """Thread-safe. `wake`: there is something new to deliver."""

    def __init__(self, database: Database, targets: Sequence[Target], wake: Callable[[], None], *, clock: Clock = wall_us) -> None:
        self._database, self._targets, self._wake, self._clock = database, distinct(targets), wake, clock

    def run(self) -> int:
        """Do what is asked; how many windows were withdrawn. Raises Unavailable, ResourceError, StoreError: the rest is still asked."""
        with self._database.transaction() as tx:
            due = undoing.due(tx)
        return sum(self._undo(one) for one in due)

    def _undo(self, wanted: Undoing) -> int:
        with self._database.transaction() as tx:
            take(tx, Lock.WRITING)
            if (now := undoing.get(tx, wanted.id)) is None or now.done_us is not None:  # another replica did it
                return 0
            now_us = self._clock()
            if why := undoing.not_ahead(tx, wanted, now_us):  # the row says so, and anybody may have written it
                undoing.done(tx, wanted.id, now_us, 0, 0)
                log.error("windows that were not closed ahead were to be withdrawn; nothing was", source=wanted.source, reason=why)
                return 0
            windows = _ids(tx, "SELECT id FROM assessment WHERE source = %s AND end_us > %s", wanted)
            alerts = _of(tx, "SELECT id FROM alert WHERE assessment = ANY(%s)", windows)
            asked = _questions(tx, wanted)
            effects = _withdrawn(tx, wanted, asked, now_us)
            effects.states = _states(tx, wanted)
            messages = [*windows, *alerts, *(one.id for one in asked)]
            acknowledged.forget(tx, alerts)
            tx.execute("DELETE FROM alert WHERE id = ANY(%s)", (alerts,))
            tx.execute("DELETE FROM assessment WHERE id = ANY(%s)", (windows,))
            tx.execute("DELETE FROM snapshot WHERE key = %s AND closed_until_us > %s", (wanted.source, wanted.from_us))
            undoing.withdraw(tx, CONSUMER, messages)
            facts = [*write(tx, effects, {}, self._targets), *_said(wanted, messages)]
            undoing.done(tx, wanted.id, now_us, len(windows), len(effects.entries))
            append(tx, facts, now_us)
        log.warning(
            "windows that were closed ahead were withdrawn", source=wanted.source, windows=len(windows), entries=len(effects.entries)
        )
        self._wake()
        return len(windows)


def still_ahead(source: str, end_us: int, of: Mapping[str, Undoing], now_us: int) -> bool:
    """Whether this was closed ahead by what was undone since, and came only now."""
    last = of.get(source)
    return (
        last is not None and last.done_us is not None and now_us - last.done_us < STILL_US and end_us > max(now_us, last.from_us) + AHEAD_US
    )


def follow(tx: Tx, effects: Effects) -> None:
    """Entries and questions that are made a second time, as their window is, go on with the revisions of those that were withdrawn."""
    made = [one.id for one in effects.entries if one.revision == 1] + [one.id for one in effects.tasks if one.revision == 1]
    if not made:
        return
    entries = tx.execute("SELECT id, max(revision) FROM entry WHERE id = ANY(%s) GROUP BY id", (made,)).fetchall()
    questions = tx.execute("SELECT id, (body::jsonb->>'revision')::int FROM question WHERE id = ANY(%s)", (made,)).fetchall()
    before: dict[UUID, int] = dict([*entries, *questions])
    effects.entries = [replace(one, revision=one.revision + before.get(one.id, 0)) for one in effects.entries]
    effects.tasks = [replace(one, revision=one.revision + before.get(one.id, 0)) for one in effects.tasks]


def _said(wanted: Undoing, messages: Sequence[UUID]) -> Iterable[Fact]:
    """The trail's links: who, why, and what; of much several."""
    told = {"source": wanted.source, "from_us": wanted.from_us, "by": wanted.by, "reason": wanted.reason}
    for number, first in enumerate(range(0, max(1, len(messages)), _AT_ONCE), 1):
        yield Fact(wanted.id, 1, EVENT, number, dump({**told, "messages": [str(one) for one in messages[first : first + _AT_ONCE]]}))


def _withdrawn(tx: Tx, wanted: Undoing, asked: Sequence[TaskEntry], now_us: int) -> Effects:
    """What was charted takes it back; a nurse's own entries stay."""
    found = tx.execute(
        "SELECT body FROM (SELECT DISTINCT ON (id) id, status, kind, end_us, body FROM entry WHERE source = %s AND end_us > %s"
        " ORDER BY id, revision DESC) latest WHERE status <> 'entered-in-error' AND kind <> %s",
        (wanted.source, wanted.from_us, Kind.VERDICT.value),
    ).fetchall()
    standing = [load(Entry, body) for (body,) in found]
    effects = Effects()
    effects.entries = [replace(one, revision=one.revision + 1, status="entered-in-error", issued_us=now_us) for one in standing]
    effects.causes = {(one.id, one.revision): CAUSE for one in effects.entries}
    effects.tasks = [replace(one, revision=one.revision + 1, status="cancelled", issued_us=now_us) for one in asked]
    effects.superseded = [one.id for one in asked]
    return effects


def _questions(tx: Tx, wanted: Undoing) -> list[TaskEntry]:
    found = tx.execute(
        "SELECT body FROM question WHERE source = %s AND end_us > %s AND state = 'open'", (wanted.source, wanted.from_us)
    ).fetchall()
    return [load(TaskEntry, body) for (body,) in found]


def _states(tx: Tx, wanted: Undoing) -> dict[Key, SourceState]:
    """Charting's, as of the moment: whoever lay there, what was spent of the day, and the windows that the next summary sums."""
    return {key: _state(tx, wanted, key[1], before) for key, before in rows.states(tx, [wanted.source]).items()}


def _state(tx: Tx, wanted: Undoing, protocol: str, before: SourceState) -> SourceState:
    chart, from_us = before.chart, wanted.from_us
    if chart.seen_us is None or chart.seen_us <= from_us:
        return before
    if chart.stay is None:
        return SourceState()
    since_us = _summed_since(tx, wanted, protocol, chart.period.since_us)
    spent = tx.execute(
        "SELECT DISTINCT end_us FROM entry WHERE source = %s AND stay = %s AND end_us > %s AND end_us <= %s AND kind <> ALL(%s) ORDER BY 1",
        (wanted.source, chart.stay.id, from_us - DAY_US, from_us, [Kind.ALERT.value, Kind.SUMMARY.value, Kind.VERDICT.value]),
    ).fetchall()
    period = _period(tx, wanted, protocol, since_us, chart.stay.id) if since_us < from_us else Period()
    return SourceState(ChartState(chart.stay, spent=tuple(at for (at,) in spent), period=period, seen_us=_seen(tx, wanted, protocol)))


def _seen(tx: Tx, wanted: Undoing, protocol: str) -> int | None:
    """End of the last window that stays; None: none does."""
    row = tx.execute(
        "SELECT max(end_us) FROM assessment WHERE source = %s AND protocol = %s AND end_us <= %s", (wanted.source, protocol, wanted.from_us)
    ).fetchone()
    return row[0] if row else None


def _summed_since(tx: Tx, wanted: Undoing, protocol: str, since_us: int | None) -> int:
    """From when on windows are summed by nothing, once the summaries that reach beyond the moment are withdrawn."""
    row = tx.execute(
        "SELECT min(start_us) FROM entry WHERE source = %s AND kind = %s AND start_us < %s AND end_us > %s"
        " AND body::jsonb->>'protocol' = %s",
        (wanted.source, Kind.SUMMARY.value, wanted.from_us, wanted.from_us, protocol),
    ).fetchone()
    begins = [one for one in (since_us, row[0] if row else None) if one is not None]
    return min(begins, default=wanted.from_us)


def _period(tx: Tx, wanted: Undoing, protocol: str, since_us: int, stay: UUID) -> Period:
    """The windows of one stay from then up to the moment."""
    found = tx.execute(
        "SELECT id, body FROM assessment WHERE source = %s AND protocol = %s AND stay = %s AND NOT shadow"
        " AND start_us >= %s AND end_us <= %s ORDER BY start_us",
        (wanted.source, protocol, stay, since_us, wanted.from_us),
    ).fetchall()
    fired: dict[UUID, list[Alert]] = {}
    for (body,) in tx.execute("SELECT body FROM alert WHERE assessment = ANY(%s)", ([one for one, _ in found],)).fetchall():
        if isinstance(alert := decode(_ALERT, bytes(body)), Alert):
            fired.setdefault(alert.assessment, []).append(alert)
    period = Period()
    for identity, body in found:
        period = period.add(rows.assessment_of(body), fired.get(identity, ()))
    return period


def _ids(tx: Tx, sql: str, wanted: Undoing) -> list[UUID]:
    return [one for (one,) in tx.execute(sql.encode(), (wanted.source, wanted.from_us)).fetchall()]


def _of(tx: Tx, sql: str, windows: Sequence[UUID]) -> list[UUID]:
    return [one for (one,) in tx.execute(sql.encode(), (list(windows),)).fetchall()]
