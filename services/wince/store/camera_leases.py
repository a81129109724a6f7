"""A camera is read by one capture replica at a time: a lease in PostgreSQL, renewed while its owner lives, taken over when it ran out.

What an owner may rely on is its own steady clock, from before it asked: once the lease's time has gone by there, it is no owner any
more, whatever it could or could not learn. So two replicas never own a camera at once, also where one of them was frozen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wince.store.database import Database

TTL_S = 15.0
"""How long a lease holds without renewal: the longest time that a dead replica's camera is unwatched, and the longest time that the
database may be away without a camera being let go."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A camera that is owned."""

    source: str
    fence: int
    """Rises with every change of hands."""
    until_s: float
    """On the owner's steady clock: it owns the camera before this, and not from then on."""


class CameraLeases:
    """The leases of one owner. Thread-safe. Every method but `owns` and `held` blocks for the database and raises what it raises."""

    def __init__(self, database: Database, owner: str, *, ttl_s: float = TTL_S, steady: Callable[[], float] = time.monotonic) -> None:
        """owner: unique to this process (a random id). ttl_s: above 0. steady: seconds of a clock that never steps."""
        self._database, self._owner, self._ttl_s, self._steady = database, owner, ttl_s, steady
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def acquire(self, source: str) -> Lease | None:
        """The camera's lease, if it is free, ran out, or is this owner's; None where another owns it."""
        asked_s = self._steady()
        with self._database.transaction() as tx:
            row = tx.execute(
                "INSERT INTO camera_lease AS held (source, owner, fence, until)"
                " VALUES (%(source)s, %(owner)s, 1, clock_timestamp() + %(ttl)s * interval '1 second')"
                " ON CONFLICT (source) DO UPDATE SET owner = excluded.owner, fence = held.fence + 1, until = excluded.until"
                " WHERE held.until <= clock_timestamp() OR held.owner = excluded.owner RETURNING fence",
                {"source": source, "owner": self._owner, "ttl": self._ttl_s},
            ).fetchone()
        with self._lock:
            if row is None:
                self._held.pop(source, None)
                return None
            lease = self._held[source] = Lease(source, row[0], asked_s + self._ttl_s)
            return lease

    def renew(self) -> list[str]:
        """Renew everything that is held, in one statement; the sources that are lost, because their time had run out and another took
        them. One whose time ran out and that nobody took is held again."""
        with self._lock:
            held = dict(self._held)
        if not held:
            return []
        asked_s = self._steady()
        with self._database.transaction() as tx:
            rows = tx.execute(
                "UPDATE camera_lease SET until = clock_timestamp() + %s * interval '1 second' FROM unnest(%s::text[], %s::bigint[])"
                " AS mine(source, fence) WHERE camera_lease.source = mine.source AND camera_lease.fence = mine.fence"
                " AND owner = %s RETURNING camera_lease.source",
                (self._ttl_s, list(held), [lease.fence for lease in held.values()], self._owner),
            ).fetchall()
        kept = {source for (source,) in rows}
        lost = sorted(set(held) - kept)
        with self._lock:
            for source, lease in held.items():
                if self._held.get(source) is not lease:
                    continue  # acquired again or released meanwhile
                if source in kept:
                    self._held[source] = Lease(source, lease.fence, asked_s + self._ttl_s)
                else:
                    del self._held[source]
        return lost

    def release(self, sources: Iterable[str]) -> None:
        """Give cameras back, so that another need not wait. The caller must have stopped reading them."""
        with self._lock:
            leases = [lease for source in sources if (lease := self._held.pop(source, None)) is not None]
        if not leases:
            return
        with self._database.transaction() as tx:
            tx.execute(
                "UPDATE camera_lease SET until = '-infinity' FROM unnest(%s::text[], %s::bigint[]) AS mine(source, fence)"
                " WHERE camera_lease.source = mine.source AND camera_lease.fence = mine.fence AND owner = %s",
                ([lease.source for lease in leases], [lease.fence for lease in leases], self._owner),
            )

    def owns(self, source: str) -> bool:
        """Whether this process owns the camera at this moment; without the database."""
        lease = self._held.get(source)
        return lease is not None and self._steady() < lease.until_s

    def held(self) -> list[Lease]:
        """What is held, by source; a lease may have run out."""
        with self._lock:
            return [self._held[source] for source in sorted(self._held)]
