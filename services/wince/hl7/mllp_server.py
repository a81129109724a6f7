"""MLLP: messages in frames over TCP, many per connection, answered in order (HL7 v2 transport specification, MLLP release 1; `frames`).

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
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType

from wince.errors import ConfigError, ResourceError, WinceError
from wince.hl7.limits import STANDARD, Limits
from wince.hl7.mllp_connection import Connection, Handle, TooLong
from wince.parts import WatchedThread, cause
from wince.telemetry import logs

STOP_S = 8.0
"""How long what is in hand may take when listening ends."""
log = logs.get(__name__)

Told = Callable[[str], None]
"""Called with the kind of each refusal: refused, junk, half, too_long, idle, failed."""


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
        refused: Told = lambda kind: None,
    ) -> None:
        """`port` 0: any free one, see `port` after `start`."""
        self.handle, self.too_long = handle, too_long
        self._host, self._port, self._tls = host, port, tls
        self.limits = limits
        self._refused = refused
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="mllp")
        self._open: dict[Connection, str] = {}
        self._ready = threading.Event()
        self._unusable: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._emptied: asyncio.Event | None = None
        self._ended = threading.Event()
        self._thread = WatchedThread("mllp-server", self._run, self._ended)
        self.counts: Counter[str] = Counter()
        """messages, connections, refused, junk, half, too_long, idle, failed."""

    @property
    def port(self) -> int:
        """The port that is listened on, after `start`."""
        return self._port

    @property
    def open(self) -> Mapping[Connection, str]:
        """Connections with the address of each."""
        return self._open

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
        self.pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> MllpServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def opened(self, connection: Connection, address: str) -> bool:
        """A connection came; False: it is one too many, and to be closed."""
        self.counts["connections"] += 1
        of_mine = sum(address == other for other in self._open.values())
        if len(self._open) >= self.limits.connections or of_mine >= self.limits.per_address:
            self.count("refused")
            log.warning("too many connections", limit=self.limits.connections, connections=len(self._open), sender=address)
            return False
        self._open[connection] = address
        return True

    def closed(self, connection: Connection) -> None:
        """A connection is over."""
        self._open.pop(connection, None)
        if not self._open and self._emptied is not None:
            self._emptied.set()

    def no_message(self, kind: str) -> None:
        """A connection ended without a usable message."""
        self.count(kind)
        log.warning("no usable message", kind=kind, port=self._port, count=self.counts[kind])

    def answered(self, messages: int) -> None:
        """So many were."""
        self.counts["messages"] += messages

    def count(self, kind: str) -> None:
        """Something was refused."""
        self.counts[kind] += 1
        self._refused(kind)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()  # `start` must not wait for what has ended

    async def _serve(self) -> None:
        self._loop, self._stop, self._emptied = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: log.warning("connection broke", error=context.get("exception")))
        try:
            patience = self.limits.message_s if self._tls is not None else None
            server = await self._loop.create_server(
                lambda: Connection(self), self._host, self._port, ssl=self._tls, backlog=256, ssl_handshake_timeout=patience
            )
        except OSError as error:
            self._unusable = error
            return
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in list(self._open):
            connection.leave()
        if self._open:
            self._emptied.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), STOP_S)


def _unusable(error: OSError, host: str, port: int) -> WinceError:
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        what = "is in use" if error.errno == errno.EADDRINUSE else "may not be used by this user"
        return ResourceError(f"port {port} {what}", field="mllp_port", remedy="choose another port, or 0 for any free one")
    return ConfigError(f"can't listen on {host}", field="mllp_host", remedy="name an address of this machine, such as 127.0.0.1")
