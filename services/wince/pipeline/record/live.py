"""What is committed, told to whoever watches: one reader of the database for all watchers, and a bounded queue for each.

Record's commits are one after the other (they hold the audit lock), so rows become visible in the order of their numbers `made`, and
nobody is passed over. Any record replica's commits are seen.
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

    async def _read(self, position: tuple[int, int]) -> None:
        found: list[Item] = []
        while True:
            try:
                position, found = await self._run(self._since, position)  # type: ignore[misc]
            except Exception as error:
                log.warning("what was committed can't be read now", error=error)
                found = []
                await asyncio.sleep(1)
            for item in found:
                for watcher in self._watchers:
                    if watcher.bed in ("", item.bed) and not watcher.slow:
                        self._put(watcher, item)
            if len(found) < AT_ONCE:
                await asyncio.sleep(POLL_S)

    @staticmethod
    def _put(watcher: Watcher, item: Item) -> None:
        if watcher.queue.qsize() < ROOM:
            watcher.queue.put_nowait(item)
        else:
            watcher.slow = True
            watcher.queue.put_nowait(TooSlow(f"more than {ROOM} behind", field="stream", remedy="list what was missed, and watch again"))

    def _now(self) -> tuple[int, int]:
        with self._database.transaction() as tx:
            last = "(SELECT coalesce(max(made), 0) FROM {})"
            row = tx.execute(f"SELECT {last.format('assessment')}, {last.format('alert')}".encode()).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def _since(self, position: tuple[int, int]) -> tuple[tuple[int, int], list[Item]]:
        with self._database.transaction() as tx:
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            rows = [
                tx.execute(
                    f"SELECT x.made, coalesce({watched_bed('x')}, ''), x.body FROM {table} x"
                    " WHERE x.made > %s ORDER BY x.made LIMIT %s".encode(),
                    (after, AT_ONCE),
                ).fetchall()
                for table, after in (("alert", position[1]), ("assessment", position[0]))
            ]
        alerts, windows = rows
        items = [Item(kind, bed, bytes(body)) for kind, found in ((True, alerts), (False, windows)) for _, bed, body in found]
        return (windows[-1][0] if windows else position[0], alerts[-1][0] if alerts else position[1]), items
