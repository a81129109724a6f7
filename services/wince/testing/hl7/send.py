"""Sends a message over MLLP on a plain socket and waits for its acknowledgement."""

from __future__ import annotations

import socket
import ssl

from wince.errors import Unavailable


def send(host: str, port: int, message: str, *, timeout_s: float = 30.0, encoding: str = "utf-8", tls: ssl.SSLContext | None = None) -> str:
    """The acknowledgement's text. Raises Unavailable where the peer can't be reached or closes without an answer: whether it took
    the message is unknown then, send the same again."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as plain:
            wire = tls.wrap_socket(plain, server_hostname=host) if tls is not None else plain
            with wire:
                wire.sendall(b"\x0b" + message.encode(encoding) + b"\x1c\r")
                return answer(wire).decode(encoding)
    except OSError as error:
        raise Unavailable(
            f"no acknowledgement ({type(error).__name__})", field=f"{host}:{port}", remedy="send the same message again"
        ) from None


def answer(wire: socket.socket) -> bytes:
    """Read one frame. Raises ConnectionError where the peer closes before its end."""
    buffer = b""
    while not buffer.endswith(b"\x1c\r"):
        chunk = wire.recv(1)  # what comes after it is the next one's
        if not chunk:
            raise ConnectionError("closed before the answer")
        buffer += chunk
    return buffer[buffer.index(b"\x0b") + 1 : -2]


def code(acknowledgement: str) -> str:
    """MSA-1 of an acknowledgement: AA, AE or AR."""
    line = next(line for line in acknowledgement.split("\r") if line.startswith("MSA"))
    return line.split(line[3])[1]
