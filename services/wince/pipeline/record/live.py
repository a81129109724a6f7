"""What is committed, told to watchers: one reader of the trail for all of them, and the last items in memory.

A watcher asks for what lies behind its place. While it keeps up, that is in memory; when it has fallen behind, or goes on with a token, it
is read from the database, a page at a time. So a watcher that reads slowly costs no memory, and is told everything, later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wince.clock import Clock, wall_us
from wince.domain.frame import US
from wince.errors import ResourceError
from wince.pipeline.record import told
from wince.pipeline.record.told import Item, Place
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)

POLL_S = 0.2
ROOM = 2000
"""Items in memory."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What lies behind a watcher's place."""

    items: list[Item]
    place: Place
    """Where the watcher is when it was told these."""
    until_us: int
    """Everything that was committed before this moment lies before `place`, or is among the items; microseconds UTC."""


class Live:
    """Watchers of one event loop. The trail is followed only while somebody watches."""

    def __init__(self, database: Database, run: Callable[..., Awaitable[Any]], clock: Clock = wall_us, *, most: int = 256) -> None:
        """`run`: runs blocking work on another thread. `most`: watchers at a time."""
        self._database, self._run, self._clock, self._most = database, run, clock, most
        self._watchers = 0
        self._reader: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._last: deque[Item] = deque()
        self._floor = 0
        """Behind this number of the chain, every item up to the head is in memory."""
        self._head, self._until_us = told.BEGIN, 0
        self._moved = asyncio.Event()

    @asynccontextmanager
    async def watcher(self) -> AsyncIterator[Place]:
        """One more watcher, while this lasts; where the chain ends as it begins. Raises ResourceError where too many watch."""
        if self._watchers >= self._most:
            remedy = "end one first, or raise rpc.max_watches"
            raise ResourceError(f"{self._most} streams watch already", field="rpc.max_watches", remedy=remedy)
        self._watchers += 1
        try:
            async with self._beginning:
                if self._reader is None:
                    self._until_us = self._clock()
                    self._head = await self._run(self._newest)
                    self._last.clear()
                    self._floor = self._head.seq
                    self._reader = asyncio.create_task(self._follow())
            yield self._head
        finally:
            self._watchers -= 1
            if not self._watchers and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    async def behind(self, place: Place) -> Behind:
        """What lies behind a place, at most a page of it. Raises StoreError, Unavailable."""
        if place.seq >= self._floor:
            items = [item for item in self._last if item.place.seq > place.seq]
            return Behind(items, max(place, self._head, key=lambda one: one.seq), self._until_us)
        reached, at, items = await self._run(self._since, place)
        return Behind(items, reached, _moment(at))

    async def moved(self, place: Place, wait_s: float) -> None:
        """Waits until something lies behind a place, at most so long."""
        if self._head.seq <= place.seq:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), wait_s)

    async def _follow(self) -> None:
        while True:
            before, now_us = self._head, self._clock()
            try:
                self._head, _, found = await self._run(self._since, before)
            except Exception as error:
                log.warning("what was committed can't be read now", error=error)
                await asyncio.sleep(1)
                continue
            self._last.extend(found)
            while len(self._last) > ROOM:
                self._floor = self._last.popleft().place.seq
            full = self._head.seq - before.seq >= told.AT_ONCE
            if not full:
                self._until_us = now_us
            if self._head.seq > before.seq:
                self._moved.set()
                self._moved = asyncio.Event()
            if not full:
                await asyncio.sleep(POLL_S)

    def _newest(self) -> Place:
        with self._database.transaction() as tx:
            return told.newest(tx)

    def _since(self, place: Place) -> tuple[Place, str, list[Item]]:
        with self._database.transaction() as tx:
            return told.since(tx, place)


def _moment(at_utc: str) -> int:
    """Of a link's text, microseconds UTC; 0 for none."""
    return round(datetime.fromisoformat(at_utc).timestamp() * US) if at_utc else 0
