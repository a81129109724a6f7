"""Every advisory lock of the installation, by name. Each is held until the end of the transaction that takes it.

A transaction that takes several takes them in the order of this list, the trail's last: every writer of the installation waits for it.
So nobody can wait in a ring. `pipeline/record/locks.py` says what record's locks stand for.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, unique

from wince.store.database import Tx


@unique
class Lock(IntEnum):
    """The numbers are part of the database's contract between releases: none is changed, none is used again."""

    MIGRATION = 7210
    """Two processes that start at once migrate once."""
    CAMERAS = 7221
    """Replicas that see a change of the camera list at once write it once."""
    RECONCILING = 7222
    """One replica at a time compares a list from outside with what is believed."""
    TELLING = 7215
    """One teller of stays at a time: else an older truth could be sent after a newer one."""
    RELAY = 7217
    """One relay of care's messages at a time."""
    CARE = 7216
    """One for each question, pause, bed and encounter that people decide about."""
    PARKED = 7240
    """One replayer of parked messages at a time, in their order."""
    ALIASES = 7230
    """Who takes a message of the hospital shares it; one that merges numbers has it alone."""
    STAYS = 7212
    """One for each encounter and bed of which the hospital says something."""
    TRUST = 7223
    """What is believed of who lies where becomes doubtful, or believed again, once."""
    WRITING = 7218
    """Record's batches share it; a correction has it alone."""
    SOURCES = 7219
    """One for each camera that a batch of record is about."""
    ENCOUNTERS = 7220
    """One for each encounter that a batch of record writes for."""
    DELIVERY = 7213
    """One for each target: who leases and settles its rows of the outbox."""
    TRAIL = 7211
    """The audit chain has one order."""


def take(tx: Tx, lock: Lock) -> None:
    """Wait for a lock, then have it alone."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (int(lock),))


def share(tx: Tx, lock: Lock) -> None:
    """Wait until nobody has a lock alone, then have it together with others who share it."""
    tx.execute("SELECT pg_advisory_xact_lock_shared(%s)", (int(lock),))


def try_take(tx: Tx, lock: Lock) -> bool:
    """Have a lock alone, if nobody has it now."""
    return tx.execute("SELECT pg_try_advisory_xact_lock(%s)", (int(lock),)).fetchone() == (True,)


def take_named(tx: Tx, lock: Lock, *names: str) -> None:
    """Wait for the lock of each name, in the order of the names. Two names may share one (32-bit hash): they then wait for each other."""
    for name in sorted(set(names)):
        tx.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (int(lock), name))


def try_each(tx: Tx, lock: Lock, names: Iterable[str]) -> bool:
    """Have the lock of each name (64-bit hash), if nobody has one of them now."""
    wanted = list(names)
    row = tx.execute(
        "SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended(name, %s))) FROM unnest(%s::text[]) AS name", (int(lock), wanted)
    ).fetchone()
    return not wanted or row == (True,)


def try_some(tx: Tx, lock: Lock, names: Iterable[str]) -> set[str]:
    """Have the locks (64-bit hash) of those names that nobody has now; which these are."""
    wanted = sorted(set(names))
    if not wanted:
        return set()
    rows = tx.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE pg_try_advisory_xact_lock(hashtextextended(name, %s))", (wanted, int(lock))
    )
    return {name for (name,) in rows.fetchall()}


def take_each(tx: Tx, lock: Lock, names: Iterable[str]) -> None:
    """Wait for the lock of each name (64-bit hash), in one statement, in the same order for every caller."""
    if wanted := list(names):
        tx.execute(
            "SELECT pg_advisory_xact_lock(k) FROM"
            " (SELECT DISTINCT hashtextextended(name, %s) AS k FROM unnest(%s::text[]) AS name ORDER BY k) AS keys",
            (int(lock), wanted),
        )
