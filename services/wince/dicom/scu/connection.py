"""A connection to a peer with one limit of time over all that is done on it, which another thread can break off."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from wince.certificates import explained
from wince.dicom.scp import pdu
from wince.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Terms:
    """What errors call a peer, and the settings by which a person mends what is wrong."""

    name: str = "the archive"
    calling: str = "archive_calling_ae"
    """Setting of our AE title."""
    called: str = "archive_called_ae"
    """Setting of its AE title."""
    authority: str = "WINCE_ARCHIVE_CA_FILE"
    """Setting of the authority of its certificate."""
    certificate: str = "archive_cert_file"
    """Setting of our certificate."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer, and who we are to it."""

    host: str
    port: int
    called: str
    """Its AE title."""
    calling: str
    """Ours."""
    tls: ssl.SSLContext | None = None
    """None: in the clear."""
    terms: Terms = Terms()
    """For errors."""

    @property
    def place(self) -> str:
        """Where it is, for people: "host:port"."""
        return f"{self.host}:{self.port}"


def readable(one: socket.socket, seconds: float) -> bool:
    """Whether something comes on a socket within so many seconds. By poll: select knows no descriptor above 1023, which a process with many
    connections has."""
    look = select.poll()
    look.register(one, select.POLLIN)
    return bool(look.poll(max(0.0, seconds) * 1000))


class Connection:
    """PDUs over TCP or TLS. Raises Unavailable for whatever ends it."""

    def __init__(self, peer: Peer, *, total_s: float, opened: Callable[[socket.socket], None] = lambda _socket: None) -> None:
        """Connects. total_s: for everything. opened: is told the socket, by which another thread can break it off."""
        self._peer, self._until = peer, time.monotonic() + total_s
        try:
            plain = socket.create_connection((peer.host, peer.port), timeout=max(0.1, min(self._left(), 10.0)))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._secured(plain, opened)
        except OSError as error:
            raise self._lost(error) from None
        except UnicodeError:  # IDNA
            raise Unavailable(f"{peer.terms.name}'s host is no name of a machine", field=peer.place, remedy="name another host") from None

    def renew(self, total_s: float) -> None:
        """So many seconds from now on, for everything that follows."""
        self._until = time.monotonic() + total_s

    def close(self) -> None:
        """End it. Idempotent."""
        with suppress(OSError):
            self._socket.close()

    def send(self, content: bytes | bytearray) -> None:
        """Send PDUs."""
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(content)
        except OSError as error:
            raise self._lost(error) from None

    def waits(self, seconds: float) -> bool:
        """Whether something comes within so many seconds."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return readable(self._socket, min(seconds, self._left()))

    def receive(self, longest: int) -> tuple[int, bytes]:
        """(type, body) of the next PDU. Raises Unavailable where it is longer, or none comes in time."""
        head = self._read(6)
        length = int.from_bytes(head[2:6], "big")
        if length > longest:
            raise Unavailable(f"{self._peer.terms.name} sent a PDU that is longer than was agreed on", field=self._peer.place)
        return head[0], self._read(length)

    def abort(self) -> None:
        """Tell the peer that it is over, without waiting."""
        with suppress(OSError):
            self._socket.settimeout(0.5)
            self._socket.sendall(pdu.abort(0, 0))

    def _secured(self, plain: socket.socket, opened: Callable[[socket.socket], None]) -> socket.socket:
        """The socket that is spoken over. TLS takes the connection over from the plain one, so it is told before its handshake."""
        if self._peer.tls is None:
            opened(plain)
            return plain
        wrapped = self._peer.tls.wrap_socket(plain, server_hostname=self._peer.host, do_handshake_on_connect=False)
        opened(wrapped)
        try:
            wrapped.settimeout(self._left())
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped

    def _read(self, count: int) -> bytes:
        content = bytearray()
        while len(content) < count:
            try:
                self._socket.settimeout(self._left())
                self._acknowledge()
                piece = self._socket.recv(count - len(content))
            except OSError as error:
                raise self._lost(error) from None
            if not piece:
                raise Unavailable(f"{self._peer.terms.name} closed the connection", field=self._peer.place, remedy="see its own log")
            content += piece
        return bytes(content)

    def _acknowledge(self) -> None:
        """Acknowledge what came at once: dcmtk, and Orthanc with it, send a PDU's head and body apart, and the body waits for the head's
        acknowledgement, which the kernel delays by 40 ms."""
        if hasattr(socket, "TCP_QUICKACK"):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _lost(self, error: OSError) -> Unavailable:
        where, terms = self._peer.place, self._peer.terms
        if why := explained(error, terms.authority):
            return Unavailable(f"{terms.name}'s certificate is not believed ({why[0]})", field=where, remedy=why[1])
        if isinstance(error, ssl.SSLError):
            remedy = f"does it speak TLS there, and does it ask for a client certificate ({terms.certificate})?"
            return Unavailable(f"{terms.name} broke off TLS", field=where, remedy=remedy)
        if isinstance(error, TimeoutError):
            return Unavailable(f"no answer from {terms.name} in time", field=where, remedy="see that it runs and can be reached")
        what = f"no connection to {terms.name} ({type(error).__name__})"
        return Unavailable(what, field=where, remedy="see that it runs and can be reached")
