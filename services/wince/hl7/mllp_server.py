"""MLLP: frames of 0x0B, text, 0x1C 0x0D over TCP, many per connection, answered in order (HL7 v2 transport specification, MLLP 1).

Own server, since hl7apy's closes after each message, reads byte by byte and answers nothing to bytes that are no UTF-8. It runs on
a thread of its own; messages of one connection are handled one after the other, those of different connections beside each other.
What is no MLLP closes its connection and is counted; it never disturbs another one.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from wince.errors import ConfigError, ResourceError, WinceError
from wince.parts import WatchedThread, cause
from wince.telemetry import logs

START, END = b"\x0b", b"\x1c\r"
BETWEEN = b"\r\n"
"""Bytes that some senders put between messages; skipped."""
DRAIN_BYTES = 16 << 20
"""Of a message that is too long, read and dropped so that the sender can hear the answer."""
log = logs.get(__name__)

Handle = Callable[[bytes], bytes]
"""Takes a message's bytes, gives the answer's. May block. An exception closes the connection without an answer: the sender will
send again."""
TooLong = Callable[[bytes], bytes]
"""Takes the beginning of a message above the limit, gives the answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a sender may take."""

    message_bytes: int = 1 << 20
    """Longest message."""
    idle_s: float = 600.0
    """Longest silence between messages."""
    message_s: float = 30.0
    """From a message's first byte to its last."""
    connections: int = 64
    """Above that many, new ones are closed."""
    per_address: int = 16
    """Above that many of one address, its new ones are closed, so that no sender shuts out the others."""


STANDARD = Limits()


class MllpServer:
    """Listens from `start` to `stop`; a context manager."""

    def __init__(
        self,
        handle: Handle,
        too_long: TooLong,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        limits: Limits = STANDARD,
        workers: int = 4,
    ) -> None:
        """`port` 0: any free one, see `port` after `start`."""
        self._handle, self._too_long = handle, too_long
        self._host, self._port, self._tls = host, port, tls
        self.limits = limits
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="mllp")
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._unusable: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ended = threading.Event()
        self._thread = WatchedThread("mllp-server", self._run, self._ended)
        self.counts: Counter[str] = Counter()
        """messages, connections, refused, junk, half, too_long, idle, failed."""

    @property
    def port(self) -> int:
        """The port that is listened on, after `start`."""
        return self._port

    def start(self) -> MllpServer:
        """Listen. Raises ResourceError where the port can't be had, ConfigError where the host is none of this machine."""
        self._thread.start()
        self._ready.wait()
        if self._unusable is not None:
            self._thread.join()
            raise _unusable(self._unusable, self._host, self._port) from None
        if (error := self.failed()) is not None:
            raise cause("mllp-server", error)
        return self

    def failed(self) -> BaseException | None:
        """What ended the listening for good."""
        return self._thread.failed()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Take no further message, answer those in hand, close. Idempotent."""
        loop, stop = self._loop, self._stop
        self._ended.set()
        if self._thread.is_alive() and loop is not None and stop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
            self._thread.join(timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> MllpServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()  # `start` must not wait for what has ended

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: log.warning("connection broke", error=context.get("exception")))
        try:
            patience = {"ssl_handshake_timeout": self.limits.message_s} if self._tls is not None else {}
            server = await asyncio.start_server(
                self._connected, self._host, self._port, limit=self.limits.message_bytes, ssl=self._tls, **patience
            )
        except OSError as error:
            self._unusable = error
            return
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in set(self._open) - self._busy:
            task.cancel()
        if self._open:
            await asyncio.wait(set(self._open), timeout=8.0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.counts["connections"] += 1
        mine = str((writer.get_extra_info("peername") or ("",))[0])
        of_mine = sum(mine == str((one.get_extra_info("peername") or ("",))[0]) for one in self._open.values())
        if len(self._open) >= self.limits.connections or of_mine >= self.limits.per_address:
            self.counts["refused"] += 1
            log.warning("too many connections", limit=self.limits.connections)
            writer.close()
            return
        self._open[task] = writer
        try:
            await self._converse(task, reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass  # the peer is gone, or we stop
        finally:
            self._open.pop(task, None)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 2.0)

    async def _converse(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._loop is not None
        assert self._stop is not None
        while not self._stop.is_set():
            message = await self._next(reader, writer)
            if message is None:
                return
            self._busy.add(task)
            try:
                answer = await self._loop.run_in_executor(self._pool, self._handle, message)
                self.counts["messages"] += 1
                writer.write(START + answer + END)
                await asyncio.wait_for(writer.drain(), self.limits.message_s)
            except (ConnectionError, TimeoutError):
                return
            except Exception as error:
                self.counts["failed"] += 1
                log.error("message not answered", error=error)
                return
            finally:
                self._busy.discard(task)

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """The next message's bytes; None: the connection is to be closed."""
        try:
            first = await asyncio.wait_for(_first(reader), self.limits.idle_s)
        except TimeoutError:
            self.counts["idle"] += 1
            return None
        if first != START:
            if first:
                self._count("junk")
            return None
        try:
            text = await asyncio.wait_for(reader.readuntil(END), self.limits.message_s)
        except (asyncio.IncompleteReadError, TimeoutError):
            self._count("half")
            return None
        except asyncio.LimitOverrunError:
            self._count("too_long")
            await self._refuse(reader, writer)
            return None
        return text[: -len(END)].rpartition(START)[2]  # a new start within: the sender began again

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a message that is too long, then read on for a while: closing at once would reset the answer away."""
        writer.write(START + self._too_long(await reader.read(4096)) + END)
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await writer.drain()
                left = DRAIN_BYTES
                while left > 0 and (chunk := await reader.read(1 << 16)):
                    left -= len(chunk)

    def _count(self, kind: str) -> None:
        self.counts[kind] += 1
        log.warning("no usable message", kind=kind, port=self._port, count=self.counts[kind])


async def _first(reader: asyncio.StreamReader) -> bytes:
    while (byte := await reader.read(1)) and byte in BETWEEN:
        pass
    return byte


def _unusable(error: OSError, host: str, port: int) -> WinceError:
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        what = "is in use" if error.errno == errno.EADDRINUSE else "may not be used by this user"
        return ResourceError(f"port {port} {what}", field="mllp_port", remedy="choose another port, or 0 for any free one")
    return ConfigError(f"can't listen on {host}", field="mllp_host", remedy="name an address of this machine, such as 127.0.0.1")
