"""Read-back: a sample of what was written is read from the target again, to see that its chart shows it.

A target that answered 201 may still show something else: a later job of its own, a person, a merge, a restored backup. The sample is
random, half of it of the last day; replicas share one turn. A difference is audited when it is first seen, counted, and stands in
`wince status` until the entry is the same again or is revised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.delivery import holds
from wince.delivery.interface import Readable, Result, Shown, Target
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.plain import dump
from wince.telemetry import metrics
from wince.telemetry.logs import get

_log = get("wince.delivery")

PERIOD_S = 300.0
"""Between turns."""
_LAST = (
    "state = 'written' AND location <> '' AND body <> '' AND target = %(target)s"
    " AND NOT EXISTS (SELECT FROM outbox n WHERE n.entry = o.entry AND n.target = o.target AND n.revision > o.revision)"
)
_SAMPLE = f"""
WITH picked AS (
    (SELECT o.entry, o.revision FROM outbox o WHERE {_LAST} AND o.queued_at > now() - interval '1 day' ORDER BY random() LIMIT %(fresh)s)
    UNION
    (SELECT o.entry, o.revision FROM outbox o WHERE {_LAST} ORDER BY random() LIMIT %(count)s))
SELECT o.entry, o.revision, o.body, o.location, o.version FROM outbox o JOIN picked USING (entry, revision)
WHERE o.target = %(target)s LIMIT %(count)s
"""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a target shows of one entry."""

    entry: UUID
    revision: int
    target: str
    location: str
    shown: Shown


def turn(tx: Tx, target: str, period_s: float = PERIOD_S) -> bool:
    """Whether a turn is due, and is now ours: replicas share it."""
    tx.execute("INSERT INTO readback_turn(target) VALUES (%s) ON CONFLICT DO NOTHING", (target,))
    return (
        tx.execute(
            "UPDATE readback_turn SET next_at = now() + %s * interval '1 second' WHERE target = %s AND next_at <= now() RETURNING 1",
            (period_s, target),
        ).fetchone()
        is not None
    )


def run(database: Database, target: Target, count: int, clock: Clock = wall_us) -> list[ReadBack]:
    """Read `count` entries back, one after the other, and keep what came of it. Nothing where the target is held, or can't be read."""
    if not isinstance(target, Readable) or count < 1:
        return []
    with database.transaction() as tx:
        if holds.held(tx, target.name):
            return []
        rows = tx.execute(_SAMPLE.encode(), {"target": target.name, "fresh": (count + 1) // 2, "count": count}).fetchall()
    found = [
        ReadBack(entry, revision, target.name, place, target.shows(body, place, version)) for entry, revision, body, place, version in rows
    ]
    keep(database, found, clock())
    return found


def keep(database: Database, found: Sequence[ReadBack], now_us: int) -> None:
    """Keep what targets show, audit what changed, count."""
    trail: list[Fact] = []
    with database.transaction() as tx:
        for item in sorted(found, key=lambda one: (one.target, one.entry)):
            if item.shown.result is not Result.UNKNOWN and (fact := _kept(tx, item)) is not None:
                trail.append(fact)
        if trail:
            append(tx, trail, now_us)
    for item in found:
        metrics.read_back(item.target, item.shown.result.value)
        if item.shown.result in (Result.DIFFERS, Result.GONE):
            _log.error(
                "the target shows something other than what was written", target=item.target, entry=item.entry, revision=item.revision
            )


def _kept(tx: Tx, item: ReadBack) -> Fact | None:
    """Keep one; what the trail is to say where it differs, or no longer does."""
    what = " ".join(item.shown.differs)
    row = tx.execute(
        "SELECT revision, result, differs, times FROM readback WHERE entry = %s AND target = %s", (item.entry, item.target)
    ).fetchone()
    before = (row[0], row[1], row[2]) if row else (item.revision, Result.SAME.value, "")
    times = int(row[3]) + 1 if row else 1
    tx.execute(
        "INSERT INTO readback(entry, target, revision, result, differs, version, times) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (entry, target) DO UPDATE SET revision = excluded.revision, result = excluded.result, differs = excluded.differs,"
        " version = excluded.version, times = excluded.times, at = now()",
        (item.entry, item.target, item.revision, item.shown.result.value, what, item.shown.version, times),
    )
    if before == (item.revision, item.shown.result.value, what):
        return None
    said = {
        "target": item.target,
        "location": item.location,
        "result": item.shown.result.value,
        "differs": what,
        "version": item.shown.version,
    }
    return Fact(item.entry, item.revision, "readback", times, dump(said), item.target)


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry of which a target shows something else."""

    entry: UUID
    revision: int
    target: str
    result: str
    differs: str


def differences(tx: Tx, limit: int = 100) -> list[Difference]:
    """Those that stand: the revision that was read back is still the last."""
    found = tx.execute(
        "SELECT r.entry, r.revision, r.target, r.result, r.differs FROM readback r WHERE r.result IN ('differs', 'gone')"
        " AND NOT EXISTS (SELECT FROM outbox n WHERE n.entry = r.entry AND n.target = r.target AND n.revision > r.revision)"
        " ORDER BY r.at DESC LIMIT %s",
        (limit,),
    ).fetchall()
    return [Difference(*row) for row in found]
