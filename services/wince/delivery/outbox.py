"""The outbox as a queue: which rows may be delivered now, and what became of them. SQL and its rules; no target is called here.

A row is (entry, revision, target). Nothing that happens at one target touches another's rows.

- An encounter's rows at a target go in order of (effective time, revision, making). Only its first open row may start; rows behind it
  go with it in one run, so that a run costs two transactions, not two per row. No revision of an entry has an earlier effective time
  here than those before it (`rows.save_outbox`), so it never overtakes them.
- A revision whose predecessor is a dead letter at that target waits until that one is replayed; the rest of the encounter goes on
  without it.
- Rows about a bed that is switched off wait until it is on again, except withdrawals of what was written; the rest of the encounter goes
  on without them.
- What a target can't be made to take back waits for a person (`by_hand`), and keeps nothing else waiting.
- A lease that ran out (its holder died) makes the row deliverable again: its outcome is unknown and delivering is idempotent.
- A body that the audit chain does not prove is a dead letter, and is never sent.
- Each lease is audited as `intent` before anything is sent, each answer as written, retry, dead, held, or returned (not tried).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from wince.backoff import Backoff
from wince.delivery import holds
from wince.delivery.interface import Answer, Outcome
from wince.delivery.proven import unproven
from wince.store import locks
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.locks import Lock
from wince.store.plain import dump
from wince.store.withheld import BED_IS_OFF

AGAIN = Backoff(1.0, 300.0, jitter=1.0)
"""Between attempts of our own; a target may ask for more."""
LONGEST_ASKED_S = 3600.0
_RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Lease:
    """One row of the outbox, ours until the lease runs out."""

    entry: UUID
    revision: int
    target: str
    encounter: str
    body: str
    attempt: int
    """1 for the first."""
    location: str
    """Where the revision before lies at this target; empty for the first, and where this target never had one."""
    version: str
    trace: str = ""
    """Traceparent of what made the entry; empty: none."""
    doubted_s: float = 0.0
    """For how long the target has answered it with what may pass, by the database's clock; 0: the last answer was none of that kind."""
    bed: str = ""
    """Empty: not known (an entry of an earlier release)."""
    withdraws: bool = False
    """It takes back what was written, or stands before a row that does."""
    took_others: bool = False
    """The target took other entries since it began to answer this one so."""
    proven: bool = True
    """The audit chain says that this body was charted."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a lease."""

    lease: Lease
    answer: Answer | None
    """None: not tried (a row before it failed); it goes back unchanged."""


STUCK = (
    "(o.revision > 1 AND EXISTS (SELECT FROM outbox d WHERE d.entry = o.entry AND d.revision < o.revision AND d.target = o.target"
    " AND d.state = 'dead'))"
)
"""SQL condition on a row `o`: it is behind a dead letter."""
TAKES_BACK = (
    "(EXISTS (SELECT FROM outbox d"
    " WHERE d.entry = o.entry AND d.target = o.target AND d.revision < o.revision AND d.state = 'written')"
    " AND EXISTS (SELECT FROM outbox w"
    " WHERE w.entry = o.entry AND w.target = o.target AND w.revision >= o.revision AND w.withdraws))"
)
"""SQL condition on a row `o`: it takes back an entry, or stands before a row that does. It goes out even if its bed is switched off."""
OFF = f"({BED_IS_OFF.format(bed='o.bed')} AND NOT {TAKES_BACK})"
"""SQL condition on a row `o`: its bed is switched off, and it takes nothing back."""
_LEASE = f"""
WITH heads AS (
    SELECT e.encounter
    FROM (SELECT DISTINCT encounter FROM outbox
          WHERE target = %(target)s AND state IN ('ready', 'leased') AND NOT encounter = ANY(%(busy)s)) e
    CROSS JOIN LATERAL (
        SELECT o.state, o.next_at, o.lease_until, o.effective FROM outbox o
        WHERE o.target = %(target)s AND o.encounter = e.encounter AND o.state IN ('ready', 'leased') AND NOT {STUCK} AND NOT {OFF}
        ORDER BY o.effective, o.revision, o.made LIMIT 1) h
    WHERE (h.state = 'ready' AND h.next_at <= now()) OR (h.state = 'leased' AND h.lease_until < now())
    ORDER BY h.effective LIMIT %(encounters)s)
SELECT r.entry, r.revision, heads.encounter, r.body, r.attempts, r.may, r.last_error, b.location, b.version, r.trace,
       coalesce(greatest(extract(epoch FROM now() - r.doubted_since), 0), 0)::float8, r.bed, r.withdraws,
       EXISTS (SELECT FROM target_took k WHERE k.target = %(target)s AND k.at > r.doubted_since)
FROM heads CROSS JOIN LATERAL (
    SELECT o.entry, o.revision, o.body, o.attempts, o.last_error, o.trace, o.doubted_since, o.bed, o.effective, o.made,
           o.withdraws OR {TAKES_BACK} AS withdraws,
           (o.state = 'ready' AND o.next_at <= now()) OR (o.state = 'leased' AND o.lease_until < now()) AS may
    FROM outbox o
    WHERE o.target = %(target)s AND o.encounter = heads.encounter AND o.state IN ('ready', 'leased') AND NOT {STUCK} AND NOT {OFF}
    ORDER BY o.effective, o.revision, o.made LIMIT %(rows)s) r
LEFT JOIN outbox b ON b.entry = r.entry AND b.revision = r.revision - 1 AND b.target = %(target)s
ORDER BY heads.encounter, r.effective, r.revision, r.made
"""


def lease(
    tx: Tx,
    target: str,
    now_us: int,
    *,
    encounters: int,
    per_encounter: int,
    seconds: float,
    busy: Sequence[str] = (),
    paces: Mapping[str, int] = MappingProxyType({}),
    trail: list[Fact] | None = None,
    despite_hold: bool = False,
) -> list[list[Lease]]:
    """Runs of rows that are ours now, one run per encounter, each in order. Empty where nothing is due or the target is held.

    `busy`: encounters that this process delivers already. `paces`: rows that a run of an encounter may have, where those are fewer.
    `trail`: takes what the audit trail is to say; the caller appends it, last in
    its transaction, since all writers wait for the trail's lock. None: it is appended here.
    `despite_hold`: as a probe, though the target is held.
    """
    _alone(tx, target)
    if not despite_hold and holds.held(tx, target):
        return []
    found = tx.execute(_LEASE.encode(), {"target": target, "encounters": encounters, "rows": per_encounter, "busy": list(busy)}).fetchall()
    runs: dict[str, list[Lease]] = {}
    open_runs: set[str] = set()
    leased: dict[tuple[UUID, int], Lease] = {}
    for entry, revision, encounter, body, attempts, may, failed, location, version, trace, doubted_s, bed, withdraws, others in found:
        if encounter not in runs:
            runs[encounter] = []
            open_runs.add(encounter)
        # A revision whose predecessor is in the same run gets its location when that one is written.
        if not may or encounter not in open_runs or (entry, revision - 1) in leased:
            open_runs.discard(encounter)
            continue
        known = (location or "", version or "", trace, doubted_s, bed, withdraws, others)
        row = Lease(entry, revision, target, encounter, body, attempts + 1, *known)
        runs[encounter].append(row)
        leased[entry, revision] = row
        if failed or len(runs[encounter]) >= paces.get(encounter, per_encounter):
            # What failed before goes alone, so that an outage doesn't lease and return the whole queue again and again.
            open_runs.discard(encounter)
    rows = list(leased.values())
    if forged := unproven(tx, target, {key: row.body for key, row in leased.items()}):
        runs = {name: [replace(row, proven=(row.entry, row.revision) not in forged) for row in run] for name, run in runs.items()}
    if rows:
        tx.execute(
            "UPDATE outbox o SET state = 'leased', attempts = o.attempts + 1, lease_until = now() + %s * interval '1 second'"
            " FROM unnest(%s::uuid[], %s::int[]) AS l(entry, revision)"
            " WHERE o.entry = l.entry AND o.revision = l.revision AND o.target = %s",
            (seconds, [row.entry for row in rows], [row.revision for row in rows], target),
        )
        _say(tx, [Fact(row.entry, row.revision, "intent", row.attempt, dump({"target": target}), target) for row in rows], now_us, trail)
    return [run for run in runs.values() if run]


def reclaim(tx: Tx, targets: Sequence[str]) -> int:
    """Make every leased row of these targets ready again; how many there were. Call it only where nobody else delivers.

    What a killed predecessor had in hand has an unknown outcome: the same request goes out again.
    """
    return tx.execute(
        "UPDATE outbox SET state = 'ready', lease_until = NULL WHERE state = 'leased' AND target = ANY(%s)", (list(targets),)
    ).rowcount


def settle(tx: Tx, target: str, tried: Sequence[Tried], now_us: int, jitter: random.Random, trail: list[Fact] | None = None) -> bool:
    """Keeps what became of leases of one target; True where it is held from now on.

    A lease that somebody else holds by now changes nothing. `trail`: as `lease`.
    """
    if not tried:
        return False
    _alone(tx, target)
    current = tx.execute(
        "SELECT o.entry, o.revision FROM outbox o JOIN unnest(%s::uuid[], %s::int[], %s::int[]) AS l(entry, revision, attempt)"
        " ON o.entry = l.entry AND o.revision = l.revision AND o.attempts = l.attempt"
        " WHERE o.target = %s AND o.state = 'leased' FOR UPDATE OF o",
        ([t.lease.entry for t in tried], [t.lease.revision for t in tried], [t.lease.attempt for t in tried], target),
    ).fetchall()
    ours = set(current)
    mine = [item for item in tried if (item.lease.entry, item.lease.revision) in ours]
    with tx.cursor() as cursor:
        cursor.executemany(
            "UPDATE outbox SET state = %s, lease_until = NULL, next_at = now() + %s * interval '1 second', location = %s, version = %s,"
            " last_error = %s, doubted_since = CASE WHEN %s THEN coalesce(doubted_since, now()) END"
            " WHERE entry = %s AND revision = %s AND target = %s",
            [_after(item, jitter) for item in mine],
        )
    if any(item.answer and item.answer.outcome is Outcome.WRITTEN for item in mine):
        tx.execute("INSERT INTO target_took(target, at) VALUES (%s, now()) ON CONFLICT (target) DO UPDATE SET at = excluded.at", (target,))
    held = next((item.answer for item in mine if item.answer and item.answer.outcome is Outcome.HELD), None)
    facts = [_fact(item) for item in mine]
    hold = holds.begin(tx, target, held, jitter) if held else None
    _say(tx, [*facts, hold] if hold else facts, now_us, trail)
    return hold is not None


def _say(tx: Tx, facts: Sequence[Fact], now_us: int, trail: list[Fact] | None) -> None:
    if trail is None:
        append(tx, facts, now_us)
    else:
        trail.extend(facts)


def _alone(tx: Tx, target: str) -> None:
    """Two leasers at once would each see the other's rows as free. Always before the audit lock, or two would wait for each other."""
    locks.take_named(tx, Lock.DELIVERY, target)


def _after(item: Tried, jitter: random.Random) -> tuple[object, ...]:
    lease_, answer = item.lease, item.answer
    identity = (lease_.entry, lease_.revision, lease_.target)
    if answer is None:
        return ("ready", 0.0, "", "", "", lease_.doubted_s > 0, *identity)
    if answer.outcome is Outcome.WRITTEN:
        return ("written", 0.0, answer.location, answer.version, answer.left, False, *identity)
    if answer.outcome is Outcome.BY_HAND:
        return ("by_hand", 0.0, answer.location, answer.version, answer.detail, False, *identity)
    if answer.outcome is Outcome.DEAD:
        return ("dead", 0.0, "", "", answer.detail, False, *identity)
    if answer.outcome is Outcome.HELD:
        return ("ready", 0.0, "", "", answer.detail, False, *identity)
    return ("ready", backoff_s(lease_.attempt, answer.retry_after_s, jitter), "", "", answer.detail, answer.may_pass, *identity)


def backoff_s(attempt: int, retry_after_s: float | None, jitter: random.Random) -> float:
    """Seconds to wait: full jitter over 1, 2, 4, ... 300 s; never sooner than the target asked (at most an hour)."""
    wait = AGAIN.wait_s(attempt, jitter)
    return wait if retry_after_s is None else max(wait, min(retry_after_s, LONGEST_ASKED_S))


def _fact(item: Tried) -> Fact:
    lease_, answer = item.lease, item.answer
    said = {"target": lease_.target}
    if answer:
        said |= {"detail": answer.detail, "location": answer.location, "version": answer.version}
    event = answer.outcome.value if answer else _RETURNED
    return Fact(lease_.entry, lease_.revision, event, lease_.attempt, dump(said), lease_.target)
