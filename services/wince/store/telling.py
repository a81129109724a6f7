"""What of stays and watches grade was not told yet: read, sent by the caller, marked. So that nobody who dies between a commit and the
bus leaves grade with an old truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince.domain.binding import occupancies
from wince.domain.stay import Occupancy
from wince.store import locks
from wince.store.database import Database, Tx
from wince.store.locks import Lock
from wince.store.stays import believed, watches

FOR_EVER_US = 1 << 61
ALL_THAT_IS_BELIEVED = 1 << 62
"""As of a moment after every recording."""


def tell(database: Database, send: Callable[[Sequence[Occupancy]], None]) -> int:
    """Sends, for every camera of which something changed, who lies there from the earliest change on; how many steps that were.

    `send` returns when they will survive; raises, and then they stay untold. A transaction is open meanwhile, with no row locked.
    """
    with database.transaction() as tx:
        news = tx.execute("SELECT 1 WHERE EXISTS (SELECT FROM stay WHERE NOT told) OR EXISTS (SELECT FROM watch WHERE NOT told)").fetchone()
        if news is None:
            return 0
        locks.take(tx, Lock.TELLING)
        stays = tx.execute("SELECT row_id, bed, start_us, superseded_us FROM stay WHERE NOT told").fetchall()
        moved = tx.execute("SELECT source, start_us, recorded_us, bed, end_us FROM watch WHERE NOT told").fetchall()
        since: dict[str, int] = {}
        concerned = ([bed for _, bed, *_ in stays], [source for source, *_ in moved])
        found = tx.execute("SELECT DISTINCT source, bed FROM watch WHERE bed = ANY(%s) OR source = ANY(%s)", concerned).fetchall()
        for source, bed in found:
            starts = [start for _, where, start, _ in stays if where == bed]
            starts += [start for camera, start, *_ in moved if camera == source]
            if starts:
                since[source] = min(*starts, since.get(source, starts[0]))
        steps = [one for source, from_us in sorted(since.items()) for one in lying(tx, source, from_us)]
        if steps:
            database.settle(tx)
            send(steps)
        tx.execute(
            "UPDATE stay SET told = true FROM unnest(%s::bigint[], %s::bigint[]) AS t(row_id, superseded_us)"
            " WHERE stay.row_id = t.row_id AND stay.superseded_us IS NOT DISTINCT FROM t.superseded_us",
            ([row[0] for row in stays], [row[3] for row in stays]),
        )
        tx.execute(
            "UPDATE watch SET told = true FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[])"
            " AS t(source, start_us, recorded_us, bed, end_us) WHERE watch.source = t.source AND watch.start_us = t.start_us"
            " AND watch.recorded_us = t.recorded_us AND watch.bed = t.bed AND watch.end_us IS NOT DISTINCT FROM t.end_us",
            tuple([row[column] for row in moved] for column in range(5)),
        )
        return len(steps)


def lying(tx: Tx, source: str, from_us: int) -> list[Occupancy]:
    """Who lies before a camera from a moment on, as believed now: what grade must know when it begins a source."""
    from_us = max(0, from_us)
    watched = watches(tx, [source])
    stays = believed(tx, sorted({watch.bed for watch in watched}), from_us, FOR_EVER_US)
    return occupancies(watched, stays, source, ALL_THAT_IS_BELIEVED, from_us)
