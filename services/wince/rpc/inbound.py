"""The requests of a stream as a handler reads them: bounded, ended when the stream is old, silent, or the server drains.

Reading from gRPC goes on in a task of its own, a few messages ahead, so that ending a stream never cuts a read in the middle: what was
read is still handed out, then the iterator ends. Who sends faster than the handler takes is stopped by HTTP/2's flow control.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from typing import Generic, TypeVar

import grpc

from wince.errors import Unavailable
from wince.rpc.errors import Forbidden, TimedOut, Unauthenticated

T = TypeVar("T")
AHEAD, AHEAD_BYTES = 4, 1 << 20
"""Messages, and bytes, beyond which nothing more is read ahead of the handler."""


class End(Enum):
    """Why a stream's requests ended."""

    CLIENT = "client"
    """The client has said everything."""
    AGE = "age"
    DRAIN = "drain"
    IDLE = "idle"
    CHANGED = "changed"
    """The caller has other rights now, but may come again."""
    REVOKED = "revoked"
    """The caller's credential is gone, or its time is over."""
    FORBIDDEN = "forbidden"
    """The caller is known, and may not have this any more."""


CUT = (End.REVOKED, End.FORBIDDEN, End.CHANGED)
"""Ends after which nothing more is handed out, not even what was read."""


class Inbound(Generic[T]):
    """An async iterator over a stream's requests."""

    def __init__(self, read: Callable[[], Awaitable[object]], decode: Callable[[bytes], T], idle_s: float) -> None:
        """`read`: the next message's bytes, or grpc.aio.EOF."""
        self._read, self._decode, self._idle_s = read, decode, idle_s
        self._loop = asyncio.get_running_loop()
        self._queue: deque[bytes] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self.ended: End | None = None
        """None while requests may come."""
        self._pump_task = self._loop.create_task(self._pump())

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._queue:
            if self._error is not None:
                raise self._error
            if self.ended is End.IDLE:
                raise TimedOut("the stream was silent too long", remedy="send frames or beats, or end the stream")
            if self.ended is not None:
                raise StopAsyncIteration
            self._waiting = self._loop.create_future()
            timer = self._loop.call_later(self._idle_s, self.end, End.IDLE)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        data = self._queue.popleft()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return self._decode(data)

    def end(self, why: End) -> None:
        """No more requests after those that were read; after a CUT none at all."""
        if self.ended is None or why in CUT:
            self.ended = why
        if why in CUT:
            self._queue.clear()
        self._wake()

    def close(self) -> None:
        """The call is over: what reads ahead goes."""
        self._pump_task.cancel()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _pump(self) -> None:
        try:
            while self.ended is None:
                data = await self._read()
                if data is grpc.aio.EOF:
                    self.end(End.CLIENT)
                    return
                assert isinstance(data, bytes)
                if self.ended is None:
                    self._queue.append(data)
                    self._wake()
                if len(self._queue) >= AHEAD or sum(map(len, self._queue)) >= AHEAD_BYTES:
                    self._room = self._loop.create_future()
                    await self._room
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._error = error
            self._wake()


def gone(why: End | None) -> None:
    """Raises where a stream ended for a reason of ours: its client goes on with a new one."""
    remedy = "go on with a new stream; send again what was not answered"
    if why is End.AGE:
        raise Unavailable("the stream has reached its age", remedy=remedy, retry_after_s=0.001)
    if why is End.DRAIN:
        raise Unavailable("draining", remedy=remedy, retry_after_s=0.1)
    if why is End.CHANGED:
        raise Unavailable("what you may do has changed", remedy=remedy, retry_after_s=0.1)
    if why is End.REVOKED:
        raise Unauthenticated("the token's time is over", field="authorization", remedy="ask the operator for a new one")
    if why is End.FORBIDDEN:
        raise Forbidden("your role does not allow this call any more", field="authorization", remedy="ask the operator")
