"""Holds: a target that refused us as a whole is sent nothing until it is found open again. SQL inside the caller's transaction.

A hold probes itself: `next_probe` stands in the database, by its clock, so replicas share it, and the one that finds it past moves it on
and probes; where that one dies, the next takes the next turn. Begin and end of a hold are rows of the audit trail under an id of its own.
"""

from __future__ import annotations

import random
from uuid import UUID

from wince.backoff import Backoff
from wince.delivery.interface import Answer
from wince.store.audit import Fact
from wince.store.database import Tx
from wince.store.plain import dump

PROBES = Backoff(30.0, 900.0, jitter=0.5)
"""Pauses before probes; jitter, so that installations don't probe in step."""


def begin(tx: Tx, target: str, answer: Answer, jitter: random.Random) -> Fact | None:
    """Hold a target because of its answer; what the trail is to say, None where it is held already."""
    row = tx.execute(
        "INSERT INTO target_hold(target, detail, remedy, next_probe) VALUES (%s, %s, %s, now() + %s * interval '1 second')"
        " ON CONFLICT (target) DO NOTHING RETURNING id",
        (target, answer.detail, answer.remedy, PROBES.wait_s(1, jitter)),
    ).fetchone()
    if row is None:
        return None
    return Fact(row[0], 1, "hold", 1, dump({"detail": answer.detail, "target": target}), target)


def held(tx: Tx, target: str) -> bool:
    """Whether nothing may be sent to a target."""
    return tx.execute("SELECT 1 FROM target_hold WHERE target = %s", (target,)).fetchone() is not None


def claim(tx: Tx, target: str, jitter: random.Random) -> UUID | None:
    """The hold of a target whose probe is due, and now ours; None: there is nothing to probe."""
    due = "SELECT probes FROM target_hold WHERE target = %s AND next_probe <= now() FOR UPDATE SKIP LOCKED"
    row = tx.execute(due.encode(), (target,)).fetchone()
    if row is None:
        return None
    claimed = tx.execute(
        "UPDATE target_hold SET probes = probes + 1, next_probe = now() + %s * interval '1 second' WHERE target = %s RETURNING id",
        (PROBES.wait_s(row[0] + 2, jitter), target),
    ).fetchone()
    return claimed[0] if claimed else None


def still(tx: Tx, hold: UUID, answer: Answer) -> None:
    """The target refuses us still: what it says now."""
    tx.execute("UPDATE target_hold SET detail = %s, remedy = %s WHERE id = %s", (answer.detail, answer.remedy, hold))


def lift(tx: Tx, target: str, by: str, hold: UUID | None = None) -> Fact | None:
    """End a hold (`hold`: only if it is this one); what the trail is to say, None where there is none. `by`: who or what ended it."""
    row = tx.execute(
        "DELETE FROM target_hold WHERE target = %s AND (%s::uuid IS NULL OR id = %s) RETURNING id, probes", (target, hold, hold)
    ).fetchone()
    if row is None:
        return None
    return Fact(row[0], 1, "release", 1, dump({"by": by, "probes": row[1], "target": target}), target)
