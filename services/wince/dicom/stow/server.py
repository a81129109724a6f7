"""STOW-RS listening, on a thread of its own: uvicorn within limits."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
import time
from pathlib import Path

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from wince.certificates import RenewedContext
from wince.dicom.stow.app import Stow
from wince.errors import ConfigError, ResourceError
from wince.parts import WatchedThread

STOP_S = 15.0
HEADERS_S = 15.0
"""For the headers of a request, and for the rest of a body whose answer was given."""


class StowServer:
    """A part of a process (start, stop, failed)."""

    name = "stow"

    def __init__(
        self,
        stow: Stow,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        connections: int = 64,
        certificate: Path | None = None,
        key: Path | None = None,
        authority: Path | None = None,
    ) -> None:
        """`port` 0: any free one, see `port` after `start`. `authority`: clients need a certificate of it."""
        self._host, self._port, self._files = host, port, (certificate, key, authority)
        self._config = uvicorn.Config(
            stow.app,
            http=_Prompt,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=connections,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=round(STOP_S),
            h11_max_incomplete_event_size=32 * 1024,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            ssl_ca_certs=str(authority) if authority else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if authority else ssl.CERT_NONE,
        )
        self._server = uvicorn.Server(self._config)  # leaves signals alone, since it runs on no main thread
        self._socket: socket.socket | None = None
        self._stopped = threading.Event()
        self._thread = WatchedThread("stow-server", self._run, self._stopped)

    @property
    def port(self) -> int:
        """The port that is listened on, after `start`."""
        return self._port

    def start(self) -> StowServer:
        """Listen. Raises ResourceError where the port can't be had, ConfigError for a wrong host or certificate."""
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            self._socket = socket.create_server((self._host, self._port), family=family, backlog=64)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                what = "is in use" if error.errno == errno.EADDRINUSE else "may not be used by this user"
                raise ResourceError(f"port {self._port} {what}", field="stow_port", remedy="choose another port, or 0") from None
            raise ConfigError(f"can't listen on {self._host}", field="stow_host", remedy="name an address of this machine") from None
        self._port = self._socket.getsockname()[1]
        try:
            self._config.load()
            if self._config.is_ssl:
                self._config.ssl = self._renewed()
        except (OSError, ssl.SSLError):
            self._socket.close()
            raise ConfigError("holds no usable certificate and key", field="dicom_cert_file", remedy="give PEM files") from None
        self._thread.start()
        until = time.monotonic() + STOP_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        return self

    def _renewed(self) -> RenewedContext:
        """As uvicorn has it, but that a renewed certificate counts."""
        made = RenewedContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key, authority = self._files
        assert certificate is not None
        made.hold(certificate, key, authority)
        made.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
        return made

    def failed(self) -> BaseException | None:
        """What ended the listening for good."""
        return self._thread.failed()

    def stop(self) -> None:
        """Take no further request; those in hand are answered. Idempotent."""
        self._stopped.set()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_S + 5)
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> StowServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        assert self._socket is not None
        self._server.run(sockets=[self._socket])


class _Prompt(H11Protocol):
    """Ends connections on which a request's headers don't come in time. uvicorn waits for them for ever, and some dozens of them would be
    all that it takes."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.conn.their_state is not h11.IDLE and not (self.cycle is not None and self.cycle.response_complete):
            self._heard()
        elif self._due is None:
            self._due = self.loop.call_later(HEADERS_S, self.transport.abort)

    def _heard(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
