"""The sending side of MLLP: one connection, messages one after the other or several on their way at once, acknowledgements in order."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType

from wince.errors import MessageError, Unavailable
from wince.hl7.frames import Frames, framed

LONGEST = 1 << 20
"""Bytes of an acknowledgement."""

Exchange = tuple[bytes, list[bytes]]
"""A message and its acknowledgements."""
Due = Callable[[bytes, Sequence[bytes]], bool]
"""Whether a message gets another acknowledgement than those that came."""


class Closed(Unavailable):
    """The peer ended the connection. Whether it took what was not acknowledged is unknown."""


class MllpClient:
    """A connection to a listener; a context manager. Not thread-safe, but for `interrupt`.

    Raises Unavailable where the peer can't be reached, doesn't answer within `timeout_s`, or closes (Closed): whether it took what was not
    acknowledged is unknown then, send the same again. MessageError where it answers with no MLLP.
    """

    def __init__(self, host: str, port: int, *, timeout_s: float = 30.0, tls: ssl.SSLContext | None = None, server_name: str = "") -> None:
        """`server_name`: whose certificate is expected; empty: `host`'s."""
        self._where, self._timeout_s = f"{host}:{port}", timeout_s
        self._frames = Frames(LONGEST)
        self._answers: deque[bytes] = deque()
        try:
            self._wire: socket.socket = socket.create_connection((host, port), timeout=timeout_s)
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._wire = tls.wrap_socket(self._wire, server_hostname=server_name or host)
        except ssl.SSLError as error:
            why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
            remedy = "check its certificate, --ca, --server-name, and whether it wants a certificate of yours"
            raise Unavailable(f"no TLS with the listener: {why}", field=self._where, remedy=remedy) from None
        except OSError as error:
            raise Unavailable(error.strerror or type(error).__name__, field=self._where, remedy="is the listener there?") from None

    def __enter__(self) -> MllpClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. Idempotent."""
        self._wire.close()

    def interrupt(self) -> None:
        """Break off what is in hand, from another thread: it raises Closed."""
        with suppress(OSError):
            socket.socket.shutdown(self._wire, socket.SHUT_RDWR)  # an SSLSocket's own would pull its state from under the other thread

    def alive(self, within_s: float = 0.0) -> bool:
        """Whether the peer has not closed the connection; it is given `within_s` to do so. What it sent unasked waits for `read`. Raises
        Closed where TLS broke."""
        if not self._heard_of(within_s):
            return True
        self._wire.settimeout(0.0)
        try:
            data = self._wire.recv(1 << 16)
        except (BlockingIOError, TimeoutError, ssl.SSLWantReadError):
            return True
        except OSError as error:
            raise self._lost(error) from None
        finally:
            self._wire.settimeout(self._timeout_s)
        answers, fault = self._frames.feed(data)
        self._answers.extend(answers)
        return bool(data) and fault is None

    def _heard_of(self, within_s: float) -> bool:
        """Whether something came, or the end. Not asked of the socket itself, since that costs four calls of the system."""
        if isinstance(self._wire, ssl.SSLSocket) and self._wire.pending():
            return True
        asked = select.poll()
        asked.register(self._wire, select.POLLIN)
        return bool(asked.poll(within_s * 1000))

    def send(self, message: bytes) -> bytes:
        """Send one message, wait for its acknowledgement."""
        self.write(message)
        return self.read()

    def write(self, message: bytes) -> None:
        """Send one message; its acknowledgement is read later."""
        try:
            self._wire.settimeout(self._timeout_s)
            self._wire.sendall(framed(message))
        except OSError as error:
            raise self._lost(error) from None

    def read(self, within_s: float | None = None) -> bytes:
        """The next acknowledgement, waited for `within_s` in all; None: the timeout."""
        until = time.monotonic() + (self._timeout_s if within_s is None else within_s)
        while not self._answers:
            try:
                self._wire.settimeout(max(until - time.monotonic(), 0.001))
                data = self._wire.recv(1 << 16)
            except OSError as error:
                raise self._lost(error) from None
            if not data:
                raise self._lost(ConnectionError("closed"))
            answers, fault = self._frames.feed(data)
            self._answers.extend(answers)
            if fault is not None and not self._answers:
                raise MessageError("the listener answers with no MLLP", field=self._where, remedy="is it an HL7 listener?")
            if time.monotonic() > until and not self._answers:
                raise self._lost(TimeoutError())
        return self._answers.popleft()

    def pipeline(self, messages: Iterable[bytes], ahead: int, due: Due = lambda _, answers: not answers) -> Iterator[Exchange]:
        """Each message with its acknowledgements, in order, up to `ahead` messages on their way at once. `due`: whether one more
        acknowledgement of a message is to come after these."""
        waiting: deque[bytes] = deque()
        for message in messages:
            self.write(message)
            waiting.append(message)
            if len(waiting) >= ahead:
                yield self._heard(waiting.popleft(), due)
        while waiting:
            yield self._heard(waiting.popleft(), due)

    def _heard(self, message: bytes, due: Due) -> Exchange:
        answers: list[bytes] = []
        while due(message, answers):
            answers.append(self.read())
        return message, answers

    def _lost(self, error: OSError) -> Unavailable:
        late = isinstance(error, TimeoutError)
        why = "no acknowledgement in time" if late else f"no acknowledgement ({type(error).__name__})"
        remedy = "whether it was taken is unknown: send the same message again"
        return (Unavailable if late else Closed)(why, field=self._where, remedy=remedy)
