"""HTTP/1.1 for the sandbox: keep-alive, Content-Length bodies, limits; as little as a FHIR client needs, so that it is fast."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

MAX_HEAD = 32 << 10
MAX_BODY = 16 << 20


@dataclass(slots=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(slots=True)
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/fhir+json;charset=UTF-8"
    delay_s: float = 0.0
    """How long to wait before anything is sent."""
    drop: bool = False
    """Close the connection instead of answering."""
    half: str = ""
    """"close", "reset": send half of the answer, then do that to the connection."""


Handler = Callable[[Request], Response]


class Connection(asyncio.Protocol):
    """One connection: requests are answered in order, one at a time."""

    def __init__(self, handler: Handler, open_connections: set[Connection]) -> None:
        self._handler = handler
        self._open = open_connections
        self._buffer = bytearray()
        self._waiting = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._open.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._buffer += data
        if not self._waiting:
            self._work()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _work(self) -> None:
        while self._transport is not None and not self._waiting:
            request = self._next()
            if request is None:
                return
            response = self._handler(request)
            if response.delay_s > 0:
                self._waiting = True
                asyncio.get_running_loop().call_later(response.delay_s, self._late, response)
            else:
                self._send(response)

    def _late(self, response: Response) -> None:
        self._waiting = False
        self._send(response)
        self._work()

    def _next(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self._refuse(431)
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = headers.get("content-length", "0")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not length.isdigit():
            self._refuse(400)
            return None
        if "transfer-encoding" in headers:
            self._refuse(411)
            return None
        size = int(length)
        if size > MAX_BODY:
            self._refuse(413)
            return None
        if len(self._buffer) < end + 4 + size:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + size])
        del self._buffer[: end + 4 + size]
        path, _, query = parts[1].partition("?")
        return Request(parts[0], path, query, headers, body)

    def _refuse(self, status: int) -> None:
        self._send(Response(status, headers={"Connection": "close"}))
        self._buffer.clear()
        if self._transport is not None:
            self._transport.close()

    def _send(self, response: Response) -> None:
        if self._transport is None:
            return
        if response.drop:
            self._transport.abort()
            return
        reason = HTTPStatus(response.status).phrase
        head = [f"HTTP/1.1 {response.status} {reason}", f"Content-Length: {len(response.body)}"]
        if response.body:
            head.append(f"Content-Type: {response.content_type}")
        head.extend(f"{name}: {value}" for name, value in response.headers.items())
        answer = "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + response.body
        if response.half:
            self._transport.write(answer[: len(answer) // 2])
            self._end(reset=response.half == "reset")
        else:
            self._transport.write(answer)

    def _end(self, *, reset: bool) -> None:
        assert self._transport is not None
        self._waiting = True  # nothing more is answered here
        if reset:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            asyncio.get_running_loop().call_later(0.02, self.abort)
        else:
            self._transport.close()
