"""What is committed, told to watchers: one reader of the database for all watchers, and a bounded queue for each.

Every assessment and alert has its link in the audit trail, and links become visible in the order of their numbers (who appends holds
the lock until the COMMIT): a reader that goes on from a number misses nothing, whichever replica committed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from wince.rpc.errors import TooSlow
from wince.store.database import Database
from wince.store.scope import watched_bed
from wince.telemetry import logs

log = logs.get(__name__)

POLL_S = 0.2
AT_ONCE = 500
ROOM = 1000
"""Items that a watcher may be behind."""


@dataclass(frozen=True, slots=True)
class Item:
    """One committed thing."""

    is_alert: bool
    bed: str
    """What its camera watches; empty: nothing."""
    body: bytes


@dataclass(eq=False)
class Watcher:
    """Somebody who watches."""

    bed: str
    """Empty: all."""
    queue: asyncio.Queue[Item | BaseException] = field(default_factory=lambda: asyncio.Queue(ROOM + 1))
    slow: bool = False


class Live:
    """Watchers of one event loop. Reads only while somebody watches."""

    def __init__(self, database: Database, run: Callable[..., Awaitable[object]]) -> None:
        """`run`: runs blocking work on another thread."""
        self._database, self._run = database, run
        self._watchers: set[Watcher] = set()
        self._reader: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()

    async def begin(self, bed: str) -> Watcher:
        """Begin to watch a bed, or (empty) all: everything that is committed after this returns. `end` it."""
        watcher = Watcher(bed)
        self._watchers.add(watcher)
        try:
            async with self._beginning:
                if self._reader is None:
                    position = await self._run(self._now)
                    self._reader = asyncio.create_task(self._read(position))  # type: ignore[arg-type]
        except BaseException:
            self.end(watcher)
            raise
        return watcher

    @staticmethod
    async def items(watcher: Watcher) -> AsyncIterator[Item]:
        """What was committed, as it is. Raises TooSlow where the caller falls behind."""
        while True:
            item = await watcher.queue.get()
            if isinstance(item, BaseException):
                raise item
            yield item

    def end(self, watcher: Watcher) -> None:
        """Watch no longer."""
        self._watchers.discard(watcher)
        if not self._watchers and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _read(self, position: int) -> None:
        while True:
            found: list[Item] = []
            before = position
            try:
                position, found = await self._run(self._since, position)  # type: ignore[misc]
            except Exception as error:
                log.warning("what was committed can't be read now", error=error)
                await asyncio.sleep(1)
            for item in found:
                for watcher in self._watchers:
                    if watcher.bed in ("", item.bed) and not watcher.slow:
                        self._put(watcher, item)
            if position - before < AT_ONCE:
                await asyncio.sleep(POLL_S)

    @staticmethod
    def _put(watcher: Watcher, item: Item) -> None:
        if watcher.queue.qsize() < ROOM:
            watcher.queue.put_nowait(item)
        else:
            watcher.slow = True
            watcher.queue.put_nowait(TooSlow(f"more than {ROOM} behind", field="stream", remedy="list what was missed, and watch again"))

    def _now(self) -> int:
        with self._database.transaction() as tx:
            row = tx.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
        return row[0] if row else 0

    def _since(self, position: int) -> tuple[int, list[Item]]:
        """(number of the last link that was looked at, what was committed with the links after `position`, in their order)."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                f"SELECT a.seq, a.event = 'alert', coalesce({watched_bed('x')}, ''), x.body"
                " FROM (SELECT seq, entry, event FROM audit WHERE seq > %s ORDER BY seq LIMIT %s) a"
                " LEFT JOIN LATERAL (SELECT source, start_us, body FROM assessment WHERE id = a.entry AND a.event = 'assessment'"
                " UNION ALL SELECT source, start_us, body FROM alert WHERE id = a.entry AND a.event = 'alert') x ON true"
                " ORDER BY a.seq".encode(),
                (position, AT_ONCE),
            ).fetchall()
        items = [Item(is_alert, bed, bytes(body)) for _, is_alert, bed, body in rows if body is not None]
        return (rows[-1][0] if rows else position), items
