"""One connection of a sender: its bytes are cut into messages, these handled one after the other, the answers written in order.

Everything here but `_work` runs on the server's loop. At most WAITING messages wait; then the sender's bytes are left in its socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, cast

from wince.hl7.frames import Fault, Frames, framed
from wince.hl7.limits import Limits
from wince.telemetry import logs

WAITING = 64
"""Messages of one connection that are read ahead."""
TOGETHER = 32
"""Messages of one connection that are handled together, at most."""
SETTLE_S = 0.2
"""After 0x1C without CR: how long to wait for what may follow."""
LINGER_S = 2.0
"""Closing at once would reset an answer away that the sender has not read yet."""
DRAIN_BYTES = 16 << 20
"""Of a message that is too long, read and dropped so that the sender can hear the answer."""
log = logs.get(__name__)

Handle = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Takes messages in order, gives their answers in order: one to a message, or none, or two, as its sender wants. May block. An exception
closes the connection without any of the answers: the sender will send again."""
TooLong = Callable[[bytes], bytes]
"""Takes the beginning of a message above the limit, gives the answer."""


def one_by_one(handle: Callable[[bytes], bytes]) -> Handle:
    """A handler of single messages, which gives an empty answer where the sender wants none."""
    return lambda messages: [handle(message) for message in messages]


class Server(Protocol):
    """What a connection needs of its server."""

    handle: Handle
    too_long: TooLong
    limits: Limits
    pool: ThreadPoolExecutor

    def opened(self, connection: Connection, address: str) -> bool:
        """False: close it."""
        ...

    def closed(self, connection: Connection) -> None:
        """It is over."""
        ...

    def no_message(self, kind: str) -> None:
        """It ends without a usable message."""
        ...

    def count(self, kind: str) -> None:
        """Something was refused."""
        ...

    def answered(self, messages: int) -> None:
        """So many were."""
        ...


class Connection(asyncio.Protocol):
    """See the module."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._frames = Frames(server.limits.message_bytes)
        self._waiting: deque[bytes] = deque()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._busy = self._leaving = self._ended = self._over = self._paused = False
        self._draining = -1
        self._begun_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._tls = transport.get_extra_info("sslcontext") is not None
        address = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._server.opened(self, address):
            self._over = True
            self._transport.close()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._over = True
        self._cancel()
        if self._frames.inside and not self._leaving and self._draining < 0:
            self._server.no_message("half")
        self._waiting.clear()
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._over or self._leaving or self._ended:
            return
        if self._draining >= 0:
            self._draining += len(data)
            if self._draining > DRAIN_BYTES:
                self._close()
            return
        was_inside = self._frames.inside
        messages, fault = self._frames.feed(data)
        if messages or not was_inside:
            self._begun_s = self._loop.time()
        self._waiting.extend(messages)
        if fault is not None:
            self._faulty(fault)
        self._wait()
        self._go_on()

    def eof_received(self) -> bool:
        """The sender sends no more; it may still read."""
        self._ended = True
        if (last := self._frames.settle()) is not None:
            self._waiting.append(last)
        self._go_on()
        return not self._over and not self._tls  # TLS has no half-closed connections

    def leave(self) -> None:
        """Take nothing more; close when what is in hand is answered."""
        self._leaving = True
        self._waiting.clear()
        if not self._busy:
            self._close()

    def _go_on(self) -> None:
        if self._over or self._busy:
            return
        if self._waiting:
            messages = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            self._busy = True
            self._cancel()
            self._server.pool.submit(self._work, messages)
        elif self._leaving or (self._ended and self._draining < 0):
            self._close()
        self._pace()

    def _work(self, messages: Sequence[bytes]) -> None:
        """On a thread of the pool."""
        try:
            answers: Sequence[bytes] | None = self._server.handle(messages)
        except Exception as error:
            log.error("message not answered", error=error)
            answers = None
        with suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(self._answer, len(messages), answers)

    def _answer(self, messages: int, answers: Sequence[bytes] | None) -> None:
        self._busy = False
        if self._over:
            return
        if answers is None:
            self._server.count("failed")
            self._close()
            return
        self._server.answered(messages)
        self._transport.write(b"".join(framed(answer) for answer in answers if answer))
        if self._leaving:
            self._close()
            return
        self._begun_s = self._loop.time()
        self._wait()
        self._go_on()

    def _faulty(self, fault: Fault) -> None:
        self._server.no_message(fault.value)
        if fault is Fault.TOO_LONG:
            self._draining = 0
            answer = self._server.too_long
            self._server.pool.submit(self._too_long, answer, self._frames.beginning)
        else:
            self._ended = True

    def _too_long(self, answer: TooLong, beginning: bytes) -> None:
        """On a thread of the pool."""
        said = b""
        try:
            said = framed(answer(beginning))
        except Exception as error:
            log.error("message not answered", error=error)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._say_and_linger, said)

    def _say_and_linger(self, said: bytes) -> None:
        if self._over:
            return
        if self._busy or self._waiting:  # earlier messages of this connection come first
            self._loop.call_later(0.01, self._say_and_linger, said)
            return
        self._transport.write(said)
        self._cancel()
        self._timer = self._loop.call_later(LINGER_S, self._close)

    def _pace(self) -> None:
        full = len(self._waiting) >= WAITING
        if full and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not full and not self._over:
            self._transport.resume_reading()
        self._paused = full

    def _wait(self) -> None:
        """Set the time by which something must come."""
        self._cancel()
        if self._over or self._draining >= 0:
            return
        limits, frames = self._server.limits, self._frames
        if frames.ends_perhaps:
            self._timer = self._loop.call_later(SETTLE_S, self._settle)
        elif frames.inside:
            self._timer = self._loop.call_at(self._begun_s + limits.message_s, self._late, "half")
        elif not self._busy:
            self._timer = self._loop.call_later(limits.idle_s, self._late, "idle")

    def _settle(self) -> None:
        if (message := self._frames.settle()) is not None:
            self._waiting.append(message)
        self._go_on()
        if not self._busy:
            self._wait()

    def _late(self, kind: str) -> None:
        if self._busy:
            return
        if kind == "half":
            self._server.no_message(kind)
            self._leaving = True
        else:
            self._server.count(kind)
        self._close()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._cancel()
        if self._over:
            return
        self._transport.close()
        # Whoever never reads the answer keeps the socket's buffer full: don't wait for that for ever.
        self._timer = self._loop.call_later(LINGER_S, self._transport.abort)
