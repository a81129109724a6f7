"""Who may write beside whom: the advisory locks of record's transactions, held until the COMMIT, always taken in this order.

0. A review has its row of `review`, which nobody waits for.
1. `batch` (WRITING, shared): batches are written beside each other; one of very many cameras has it alone.
2. `batch` (SOURCES): the sources of the batch: what is charted of a source depends on what was charted before. A review has the one
   that it looks at: a batch that was planned with the census of before is committed by then, and one that begins later sees the new one.
   It doesn't wait for a batch: whoever commits one looks whether there is something to review.
3. `encounters` (ENCOUNTERS): one writer per encounter at a time, one open question.
4. The audit trail's (TRAIL), which `store.audit.append` takes: last, since every writer of the installation waits for it.

A delivery takes DELIVERY (delivery/outbox.py), then TRAIL; the hospital STAYS (store/stays.py), then TRAIL. So nobody can wait in a ring.
"""

from __future__ import annotations

from collections.abc import Iterable

from wince.domain.stay import Identifier
from wince.store.database import Tx
from wince.store.locks import Lock, share, take, take_each, try_each

MOST = 500
"""Sources in a batch that are locked one by one (the server's table of locks is bounded); a batch with more is written alone."""


def batch(tx: Tx, sources: Iterable[str]) -> bool:
    """Nobody else writes for these sources now. True: nobody else writes at all, so `encounters` has nothing to add."""
    names = list(sources)
    if len(names) > MOST:
        take(tx, Lock.WRITING)
        return True
    share(tx, Lock.WRITING)
    take_each(tx, Lock.SOURCES, names)
    return False


def encounters(tx: Tx, of: Iterable[Identifier]) -> None:
    """Nobody else writes for these encounters now."""
    take_each(tx, Lock.ENCOUNTERS, (f"{one.system} {one.value}" for one in of))


def share_writing(tx: Tx) -> None:
    """Nobody writes for all cameras at once now."""
    share(tx, Lock.WRITING)


def review(tx: Tx, source: str) -> bool:
    """Nobody else writes for this camera now; False: somebody does, and will look again after that."""
    share(tx, Lock.WRITING)
    return try_each(tx, Lock.SOURCES, [source])
