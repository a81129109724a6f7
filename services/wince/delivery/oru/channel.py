"""The connections to a receiver: kept open, one message on its way on each, its acknowledgement waited for.

On a connection whose message got no answer nothing more is sent: an answer that comes late would be taken for another's. Answers are
known by MSA-2; what answers another message (a second or a late one), or is no acknowledgement, is passed over.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from wince.delivery.oru.answers import Ack, read_ack
from wince.errors import MessageError, PeerError, Unavailable
from wince.hl7.client import Closed, MllpClient

PROBE_S = 1.0
"""How long a probe waits for a receiver that turns it away after the handshake, as TLS 1.3 does without a client's certificate."""


class NotConnected(Unavailable):
    """No connection, so nothing was sent."""


class Channel:
    """At most `at_once` connections. Thread-safe; blocks where all are in use."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, server_name: str = "", timeout_s: float = 20.0, at_once: int = 1
    ) -> None:
        """`timeout_s`: for a connection, and for the acknowledgement of a message."""
        self._host, self._port, self._tls, self._server_name, self._timeout_s = host, port, tls, server_name, timeout_s
        self.where = f"{host}:{port}"
        self._free = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._idle: list[MllpClient] = []
        self._busy: set[MllpClient] = set()
        self._ended = False

    def exchange(self, message: bytes, control_id: str, final: Callable[[Ack], bool]) -> Ack:
        """Send a message; its acknowledgement, the first that is `final`. Raises Unavailable where there is none (whether the receiver
        took it is unknown then), and `NotConnected` where it certainly never had the message."""
        with self._free:
            while True:
                client, used = self._connection()
                try:
                    answer = self._answered(client, message, control_id, final)
                except Closed:
                    self._drop(client)
                    if used:  # a receiver closes connections that were idle: once more on a new one, since the message is known by its id
                        self._close_idle()
                        continue
                    if self._tls is not None and not self._ended:
                        self.look()  # what its TLS said as it closed may be lost with the connection: ask once more, without a message
                    raise
                except BaseException:
                    self._drop(client)
                    raise
                with self._lock:
                    self._busy.discard(client)
                    self._idle.append(client)
                return answer

    def look(self) -> None:
        """Connect and close again, nothing is sent. Raises as `exchange`."""
        client = self._connect()
        try:
            if not client.alive(PROBE_S if self._tls is not None else 0.0):
                raise NotConnected("closes the connection at once", field=self.where, remedy="is it an MLLP listener that takes us?")
        except Unavailable as error:
            raise NotConnected(error.message, field=self.where, remedy=error.remedy) from error
        finally:
            client.close()

    def interrupt(self) -> None:
        """Break off what is in hand; nothing more is sent."""
        self._ended = True
        with self._lock:
            clients = [*self._busy, *self._idle]
        for client in clients:
            client.interrupt()

    def close(self) -> None:
        """End the connections. Idempotent."""
        self._close_idle()

    def _connection(self) -> tuple[MllpClient, bool]:
        """One that is open, and whether it was used before."""
        while True:
            with self._lock:
                client = self._idle.pop() if self._idle and not self._ended else None
            if client is None:
                return self._in_use(self._connect()), False
            with suppress(PeerError):
                if client.alive():
                    return self._in_use(client), True
            client.close()

    def _in_use(self, client: MllpClient) -> MllpClient:
        """Known to `interrupt`, which may have come just before."""
        with self._lock:
            self._busy.add(client)
        if self._ended:
            client.interrupt()
        return client

    def _connect(self) -> MllpClient:
        if self._ended:
            raise Unavailable("stopped", field=self.where)
        try:
            return MllpClient(self._host, self._port, timeout_s=self._timeout_s, tls=self._tls, server_name=self._server_name)
        except Unavailable as error:
            raise NotConnected(error.message, field=self.where, remedy=error.remedy) from error

    def _answered(self, client: MllpClient, message: bytes, control_id: str, final: Callable[[Ack], bool]) -> Ack:
        until = time.monotonic() + self._timeout_s
        try:
            client.write(message)
            while (left := until - time.monotonic()) > 0:
                ack = read_ack(client.read(left))
                if ack is not None and ack.control_id == control_id and final(ack):
                    return ack
        except MessageError as error:
            raise Unavailable(error.message, field=self.where) from error
        raise Unavailable("no acknowledgement in time", field=self.where)

    def _drop(self, client: MllpClient) -> None:
        with self._lock:
            self._busy.discard(client)
        client.close()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()
