"""Cameras that misbehave, on 127.0.0.1: one that sends noise, one that takes a connection and says nothing, one that streams MPEG-TS."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable
from typing import Self

Serve = Callable[[socket.socket, threading.Event], None]
"""Talks to one client until it is gone or the event is set."""


class FakeCamera:
    """A TCP server; every client is served by `serve` on a thread of its own."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.clients = 0
        """Connections taken so far."""
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="fake-camera", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listening.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.clients += 1
            threading.Thread(target=self._client, args=(client,), daemon=True).start()

    def _client(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(30)
            self._serve(client, self._stopped)


def noise(seed: int = 5) -> Serve:
    """Random bytes without end, as fast as they are taken."""

    def serve(client: socket.socket, stopped: threading.Event) -> None:
        source = random.Random(seed)
        while not stopped.wait(0.001):
            client.sendall(source.randbytes(8192))

    return serve


def noise_as_rtsp(seed: int = 5) -> Serve:
    """Answers every RTSP request properly, and sends noise where pictures should come."""
    description = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtoCgL/lwEQAAAMABAAAAwDKPFi6gA==,aM4PyA==\r\na=control:stream=0\r\n"
    )

    def serve(client: socket.socket, stopped: threading.Event) -> None:
        source = random.Random(seed)
        text = b""
        while b"PLAY" not in text:
            text = b""
            while not text.endswith(b"\r\n\r\n"):
                text += client.recv(4096) or b"\r\n\r\n"
            number = next((line.split(b":")[1].strip() for line in text.splitlines() if line.lower().startswith(b"cseq")), b"1")
            answer = b"RTSP/1.0 200 OK\r\nCSeq: " + number + b"\r\n"
            if text.startswith(b"DESCRIBE"):
                body = description.encode()
                answer += b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            elif text.startswith(b"SETUP"):
                answer += b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n\r\n"
            else:
                answer += b"Session: 7\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n"
            client.sendall(answer)
        sequence = 0
        while not stopped.wait(0.02):
            sequence += 1
            kind = bytes([source.choice((0x41, 0x65, 0x67, 0x68, 0x7C))])
            packet = b"\x80\xe0" + sequence.to_bytes(2, "big") + (sequence * 1800).to_bytes(4, "big") + b"\0\0\0\7" + kind
            packet += source.randbytes(source.randrange(1, 900))
            client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    return serve


def silence(client: socket.socket, stopped: threading.Event) -> None:
    """Takes the connection, says nothing."""
    stopped.wait(60)


def paced(data: bytes, *, seconds: float, http: bool = False) -> Serve:
    """Sends `data` (MPEG-TS) once, spread over `seconds`, then ends the connection; `http`: as the answer to a request."""

    def serve(client: socket.socket, stopped: threading.Event) -> None:
        if http:
            client.recv(4096)
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        pieces = 188 * 20
        count = -(-len(data) // pieces)
        for number in range(count):
            client.sendall(data[number * pieces : (number + 1) * pieces])
            if stopped.wait(seconds / count):
                return

    return serve
