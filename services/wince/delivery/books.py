"""What the outbox holds, by target and state, and what a person can do about it. SQL inside the caller's transaction; CLI, RPC, metrics
and `wince status` all read it here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.delivery.holds import lift
from wince.delivery.outbox import OFF, STUCK
from wince.errors import InputError
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

REMEDY = "put right what the answer names; Wince then goes on by itself, at once after `wince outbox release TARGET`"
"""Where the target itself said none."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A target to which nothing is sent, because it refused us as a whole. Holds no PHI."""

    target: str
    since_us: int
    """Microseconds UTC, by the database's clock; so are the other times here."""
    detail: str
    """The answer that did it, or the last probe's."""
    remedy: str
    probes: int
    """How often it was asked since whether it takes us again."""
    next_probe_us: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """A target's backlog: how many (entry, revision) are not written yet."""

    target: str
    waiting: int
    """Tried by itself when its turn comes: neither held, nor behind a dead letter, nor about a bed that is off."""
    leased: int
    """Being sent now."""
    held: int
    """Behind the target's hold."""
    off: int
    """About beds that are switched off: sent when those are on again."""
    stuck: int
    """Revisions behind a dead letter of the same entry."""
    dead: int
    """Dead letters: refused for good; a person looks, then replays them."""
    oldest_s: float
    """How long the oldest of all but the dead letters waits; 0 where there is none."""
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter. `detail` holds no PHI."""

    entry: UUID
    revision: int
    target: str
    attempts: int
    detail: str


@dataclass(frozen=True, slots=True)
class Chore:
    """What a person has to do at a target. `detail` holds no PHI."""

    entry: UUID
    revision: int
    target: str
    location: str
    """Type/id there."""
    detail: str


_US = "(extract(epoch FROM {}) * 1000000)::bigint"
_HOLDS = (
    f"SELECT target, {_US.format('since')}, detail, CASE remedy WHEN '' THEN %s ELSE remedy END, probes, {_US.format('next_probe')}"
    " FROM target_hold ORDER BY target"
)
_BACKLOG = f"""
WITH waits AS (
    SELECT o.target, count(*) FILTER (WHERE o.state = 'ready' AND h.target IS NULL AND NOT {STUCK} AND NOT {OFF}) AS waiting,
           count(*) FILTER (WHERE o.state = 'leased') AS leased,
           count(*) FILTER (WHERE o.state = 'ready' AND h.target IS NOT NULL AND NOT {STUCK} AND NOT {OFF}) AS held,
           count(*) FILTER (WHERE o.state = 'ready' AND {OFF} AND NOT {STUCK}) AS off,
           count(*) FILTER (WHERE o.state = 'ready' AND {STUCK}) AS stuck,
           greatest(extract(epoch FROM clock_timestamp() - min(o.queued_at)), 0)::float8 AS oldest_s
    FROM outbox o LEFT JOIN target_hold h ON h.target = o.target WHERE o.state IN ('ready', 'leased') GROUP BY o.target),
refused AS (SELECT target, count(*) AS dead FROM outbox WHERE state = 'dead' GROUP BY target)
SELECT coalesce(w.target, r.target), coalesce(w.waiting, 0), coalesce(w.leased, 0), coalesce(w.held, 0), coalesce(w.off, 0),
       coalesce(w.stuck, 0), coalesce(r.dead, 0), coalesce(w.oldest_s, 0) FROM waits w FULL JOIN refused r ON r.target = w.target
"""
_WAITING = f"""
SELECT count(*) FROM outbox o WHERE o.state IN ('ready', 'leased') AND (%s::text[] IS NULL OR o.target = ANY(%s))
AND NOT EXISTS (SELECT FROM target_hold h WHERE h.target = o.target) AND NOT {STUCK} AND NOT {OFF}
"""


def holds(tx: Tx) -> list[Hold]:
    """Targets that are held, by name."""
    return [Hold(*row) for row in tx.execute(_HOLDS.encode(), (REMEDY,)).fetchall()]


def backlog(tx: Tx, targets: Iterable[str] = ()) -> list[Backlog]:
    """These targets, and every other of which something is not written, or that is held; by name."""
    by_target = {hold.target: hold for hold in holds(tx)}
    made = {target: Backlog(target, 0, 0, 0, 0, 0, 0, 0.0, by_target.get(target)) for target in {*by_target, *targets}}
    for target, waits, leased, held, off, stuck, refused, oldest_s in tx.execute(_BACKLOG.encode()).fetchall():
        made[target] = Backlog(target, waits, leased, held, off, stuck, refused, oldest_s, by_target.get(target))
    return [made[target] for target in sorted(made)]


def waiting(tx: Tx, targets: Sequence[str] | None = None) -> int:
    """Rows that will still be tried without anybody acting; of these targets, None: of all."""
    names = None if targets is None else list(targets)
    row = tx.execute(_WAITING.encode(), (names, names)).fetchone()
    return int(row[0]) if row else 0


def dead(tx: Tx, target: str = "", *, limit: int = 1000) -> list[DeadLetter]:
    """Dead letters of a target (empty: of all), oldest first."""
    found = tx.execute(
        "SELECT entry, revision, target, attempts, last_error FROM outbox WHERE state = 'dead' AND (%s = '' OR target = %s)"
        " ORDER BY made LIMIT %s",
        (target, target, limit),
    ).fetchall()
    return [DeadLetter(*row) for row in found]


def chores(tx: Tx, target: str = "", *, limit: int = 1000) -> list[Chore]:
    """What persons have to do by hand at a target (empty: at all), because it takes nothing back; oldest first."""
    return _chores(tx, "state = 'by_hand'", target, limit)


def unfinished(tx: Tx, target: str = "", *, limit: int = 1000) -> list[Chore]:
    """What was written, but a target refused something that stands beside it (Provenance, AuditEvent); oldest first."""
    return _chores(tx, "state = 'written' AND last_error <> ''", target, limit)


def _chores(tx: Tx, which: str, target: str, limit: int) -> list[Chore]:
    found = tx.execute(
        f"SELECT entry, revision, target, location, last_error FROM outbox WHERE {which} AND (%s = '' OR target = %s)"
        " ORDER BY made LIMIT %s".encode(),
        (target, target, limit),
    ).fetchall()
    return [Chore(*row) for row in found]


def done(tx: Tx, entry: UUID, revision: int, target: str, by: str, now_us: int) -> Chore:
    """A person did by hand what a target could not be made to do. `by`: who says so, for the audit trail. Raises InputError where there is
    no such thing to do."""
    mine = [one for one in chores(tx, target, limit=1_000_000) if (one.entry, one.revision) == (entry, revision)]
    field = f"{entry}/{revision}" + (f" at {target}" if target else "")
    if len(mine) != 1:
        raise InputError("nothing is to be done by hand there", field=field, remedy="`wince outbox list` shows what is; name the target")
    changed = tx.execute(
        "UPDATE outbox SET state = 'written', last_error = '' WHERE entry = %s AND revision = %s AND target = %s AND state = 'by_hand'",
        (entry, revision, mine[0].target),
    ).rowcount
    if changed:
        said = {"target": mine[0].target, "by": by, "location": mine[0].location, "detail": mine[0].detail}
        append(tx, [Fact(entry, revision, "done_by_hand", 1, dump(said), mine[0].target)], now_us)
    return mine[0]


def letter(tx: Tx, entry: UUID, revision: int, target: str = "") -> DeadLetter:
    """The dead letter of an entry's revision, or what was written without all that stands beside it; `target` may be empty where one target
    alone refused it.

    Raises InputError where there is none, or several.
    """
    found = tx.execute(
        "SELECT entry, revision, target, attempts, last_error FROM outbox"
        " WHERE (state = 'dead' OR (state = 'written' AND last_error <> '')) AND body <> ''"
        " AND entry = %s AND revision = %s AND (%s = '' OR target = %s) ORDER BY target",
        (entry, revision, target, target),
    ).fetchall()
    field = f"{entry}/{revision}" + (f" at {target}" if target else "")
    if not found:
        raise InputError("there is no such dead letter that can be sent", field=field, remedy="list the dead letters")
    if len(found) > 1:
        names = ", ".join(row[2] for row in found)
        raise InputError(f"several targets refused it: {names}", field=field, remedy="name one of them")
    return DeadLetter(*found[0])


def replay(tx: Tx, entry: UUID, revision: int, target: str, now_us: int) -> None:
    """A person has put right what was wrong: one target's dead letter is tried again. Raises InputError where there is no such letter."""
    found = letter(tx, entry, revision, target)
    changed = tx.execute(
        "UPDATE outbox SET state = 'ready', next_at = now() WHERE entry = %s AND revision = %s AND target = %s"
        " AND (state = 'dead' OR (state = 'written' AND last_error <> ''))",
        (entry, revision, found.target),
    ).rowcount
    if not changed:
        raise InputError("somebody else replays it", field=f"{entry}/{revision} at {found.target}")
    append(tx, [Fact(entry, revision, "replay", found.attempts, dump({"target": found.target}), found.target)], now_us)


def release(tx: Tx, target: str, by: str, now_us: int) -> bool:
    """A target that is held is tried again at once; False where it is not held. `by`: who says so, for the audit trail."""
    fact = lift(tx, target, by)
    if fact is None:
        return False
    append(tx, [fact], now_us)
    return True
