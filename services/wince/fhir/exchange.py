"""One HTTP exchange with a time limit over the whole of it: a peer that sends a byte every few seconds must not keep a thread.

httpx and httpcore limit each read; here every read gets what is left of the exchange. Bodies are read up to a limit, compressed ones
(gzip, deflate) too, though none is asked for. Exchanges in hand can be broken off from another thread, so that a stop is quick.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from wince.certificates import explained
from wince.errors import MessageError, Unavailable
from wince.fhir.answer import Answer

_local = threading.local()
"""`ends`: when the exchange of this thread must be over, by time.monotonic()."""


class Exchange:
    """Sends requests of one client to one party. Thread-safe. No redirects, no cookies, no proxy of the environment."""

    def __init__(
        self,
        who: str,
        *,
        total_s: float,
        connections: int,
        limit: int,
        verify: ssl.SSLContext | None,
        transport: httpx.BaseTransport | None = None,
        settings: str = "ehr",
    ) -> None:
        """who: "the FHIR server", for errors. settings: what the names of its settings begin with, for remedies. total_s: of one
        exchange, from connecting to the last byte. limit: bytes of an answer's
        body, decoded. verify: None only with a transport, which replaces the network, for tests."""
        self._who, self._total_s, self._limit, self._settings = who, total_s, limit, settings
        self._backend = _Backend()
        self._transport = transport or _Transport(verify, connections, self._backend)
        self._timeout = {"timeout": httpx.Timeout(total_s, connect=min(total_s, 5.0)).as_dict()}

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._transport.close()

    def interrupt(self) -> None:
        """Break off every exchange in hand, and all that begin from now on: each raises Unavailable. Idempotent."""
        self._backend.interrupt()

    def send(self, method: str, url: str | httpx.URL, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """One request and its answer. Raises Unavailable where no whole answer came, MessageError where it is larger than the limit."""
        _local.ends = time.monotonic() + self._total_s
        shown = str(url).partition("?")[0]
        try:
            request = httpx.Request(method, url, content=content, headers=headers, extensions=self._timeout)
            response = self._transport.handle_request(request)
            try:
                return Answer(response.status_code, self._read(response, shown), response.headers)
            finally:
                response.close()
        except (httpx.TransportError, httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            if why := explained(error, f"WINCE_{self._settings.upper()}_CA_FILE"):
                raise Unavailable(f"{self._who}'s certificate is not believed ({why[0]})", field=shown, remedy=why[1]) from None
            if isinstance(error.__context__, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
                remedy = f"does it speak TLS there, and does it ask for a client certificate ({self._settings}_cert_file)?"
                raise Unavailable(f"{self._who} broke off TLS", field=shown, remedy=remedy) from None
            what = f"no answer from {self._who} ({type(error).__name__})"
            raise Unavailable(what, field=shown, remedy="see that it runs and can be reached") from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise MessageError(f"{self._who} can't be asked there ({type(error).__name__})", field=shown) from None

    def _read(self, response: httpx.Response, shown: str) -> bytes:
        assert isinstance(response.stream, httpx.SyncByteStream)
        chunks, size = [], 0
        for chunk in response.stream:
            size += len(chunk)
            if size > self._limit:
                raise self._too_large(shown)
            if time.monotonic() > _local.ends:
                raise httpx.ReadTimeout("the whole answer took too long")
            chunks.append(chunk)
        body = b"".join(chunks)
        encodings = [word.strip().lower() for word in response.headers.get("content-encoding", "").split(",")]
        for encoding in reversed(encodings):
            if encoding in ("gzip", "x-gzip", "deflate"):
                body = self._inflated(body, shown)
        return body

    def _inflated(self, body: bytes, shown: str) -> bytes:
        """Decompressed; as it is where it isn't compressed, in spite of its header, or can't be read."""
        for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # gzip or zlib by their heads; deflate without one
            inflater = zlib.decompressobj(window)
            try:
                plain = inflater.decompress(body, self._limit + 1)
            except zlib.error:
                continue
            if len(plain) > self._limit:
                raise self._too_large(shown)
            if inflater.eof:
                return plain
        return body

    def _too_large(self, shown: str) -> MessageError:
        return MessageError(f"{self._who}'s answer is larger than {self._limit} bytes", field=shown)


class _Transport(httpx.BaseTransport):
    """httpx's interface on httpcore's pool with a backend of ours."""

    def __init__(self, verify: ssl.SSLContext | None, connections: int, backend: httpcore.NetworkBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; errors are httpcore's."""
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = self._pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Any:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    """Connects, and knows every open connection."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._open: set[httpcore.NetworkStream] = set()
        self._lock = threading.Lock()
        self._over = False

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:  # fmt: skip
        """As httpcore has it, within what is left of the exchange."""
        if self._over:
            raise httpcore.ConnectError("stopped")
        found = self._plain.connect_tcp(host, port, _left(timeout), local_address, socket_options)
        return _Stream(self, found)

    def opened(self, stream: httpcore.NetworkStream) -> None:
        with self._lock:
            self._open.add(stream)

    def closed(self, stream: httpcore.NetworkStream) -> None:
        with self._lock:
            self._open.discard(stream)

    def interrupt(self) -> None:
        self._over = True
        with self._lock:
            streams = list(self._open)
        for stream in streams:
            held = stream.get_extra_info("socket")
            with suppress(OSError):  # of the plain socket: TLS would take its object from under the thread that reads
                socket.socket.shutdown(held, socket.SHUT_RDWR)


class _Stream(httpcore.NetworkStream):
    def __init__(self, backend: _Backend, inner: httpcore.NetworkStream) -> None:
        self._backend, self._inner = backend, inner
        backend.opened(inner)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._backend.closed(self._inner)
        self._inner.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None,
                  timeout: float | None = None) -> httpcore.NetworkStream:  # fmt: skip
        self._backend.closed(self._inner)
        return _Stream(self._backend, self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None) -> float:
    left: float = _local.ends - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the exchange took too long")
    return left if timeout is None else min(timeout, left)
