"""A receiver of HL7 v2 messages that misbehaves when it is told to: what `wince hl7 listen` runs, and what ORU is tested against.

It files each message under its control id (MSH-10), once, as an interface engine with a duplicate check does, and acknowledges it.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from wince.clock import wall_us
from wince.errors import ConfigError, ResourceError
from wince.hl7 import ack, modes
from wince.hl7.errors import CONDITIONS, Hl7Error
from wince.hl7.frames import Frames, framed
from wince.hl7.header import Header, read_header

LONGEST = 64 << 20
"""Bytes of a message."""
HOWS = ("AE", "AR", "CE", "CR", "CA", "late", "twice", "other", "garbage", "junk", "half", "never", "drop")
"""What a fault does:

    AE, AR, CE, CR   answer so, with a condition of table 0357 where one is given (AE:204); the message is not filed
    CA               file it, answer CA alone
    late             file it, answer after so many seconds (late:5)
    twice            file it, answer twice
    other            file it, answer another message's id
    garbage          file it, answer a frame that is no acknowledgement
    junk             file it, answer what is no MLLP
    half             file it, send half of the answer and close
    never            file it, answer nothing
    drop             file it, close without an answer
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """How one message is answered; `how` empty: rightly."""

    how: str = ""
    condition: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, text: str) -> Fault:
        """A fault as it is written on the command line. Raises ConfigError.

        >>> Fault.of("AE:204"), Fault.of("late:2.5").seconds
        (Fault(how='AE', condition='204', seconds=0.0), 2.5)
        """
        how, _, more = text.partition(":")
        if how not in HOWS:
            raise ConfigError("is no way to answer", field=text, remedy=f"one of: {', '.join(HOWS)}")
        if how == "late":
            with suppress(ValueError):
                if 0 < (seconds := float(more)) < 3600:
                    return cls(how, seconds=seconds)
            raise ConfigError("needs seconds", field=text, remedy="such as late:5")
        if more and (how[1:] not in ("E", "R") or more not in CONDITIONS):
            raise ConfigError("has no such condition", field=text, remedy=f"AE or AR, with one of: {', '.join(CONDITIONS)}")
        return cls(how, more)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that came. PHI."""

    raw: bytes
    control_id: str
    again: bool
    """It came before, or was filed before."""
    answered: str
    """MSA-1 of the answer, or what was done instead."""


RIGHT = Fault()


class Receiver:
    """Listens on a port from `start` to `stop`; a context manager. Thread-safe."""

    def __init__(
        self,
        told: Callable[[Taken], None] = lambda _taken: None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        script: Callable[[int], Fault] = lambda _number: RIGHT,
    ) -> None:
        """`told`: called with each message, one at a time. `script`: how the message of a number (from 0) is answered."""
        self._told, self._host, self.port, self._tls, self.script = told, host, port, tls, script
        self.filed: dict[str, bytes] = {}
        """By control id, in the order of filing."""
        self.came: list[str] = []
        """Control ids of all messages as they came."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open: set[socket.socket] = set()
        self._stopped = threading.Event()

    def start(self) -> Self:
        """Listen. Raises ResourceError where the port can't be had."""
        try:
            self._listener = socket.create_server((self._host, self.port), reuse_port=False)
        except OSError as error:
            raise ResourceError(error.strerror or "can't listen", field=f"{self._host}:{self.port}", remedy="choose another port") from None
        self.port = self._listener.getsockname()[1]
        self._stopped.clear()
        self._thread = threading.Thread(target=self._accept, name="hl7-receiver", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End all connections. Idempotent; may be started again, on the same port."""
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            wires = [*self._open]
        for wire in wires:
            with suppress(OSError):
                socket.socket.shutdown(wire, socket.SHUT_RDWR)
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(wire,), name="hl7-receiver-connection", daemon=True).start()

    def _serve(self, wire: socket.socket) -> None:
        with suppress(OSError):
            wire.settimeout(30)  # of the handshake
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = self._tls.wrap_socket(wire, server_side=True) if self._tls is not None else wire
            wire.settimeout(None)
            with self._lock:
                self._open.add(wire)
            try:
                self._read(wire)
            finally:
                with self._lock:
                    self._open.discard(wire)
        wire.close()

    def _read(self, wire: socket.socket) -> None:
        frames = Frames(LONGEST)
        while data := wire.recv(1 << 16):
            messages, fault = frames.feed(data)
            for raw in messages:
                if not self._take(wire, raw):
                    return
            if fault is not None:
                return

    def _take(self, wire: socket.socket, raw: bytes) -> bool:
        """Whether the connection goes on."""
        header = read_header(raw)
        control_id = header.control_id if header is not None else ""
        with self._lock:
            fault = self.script(len(self.came))
            again = control_id in self.came
            self.came.append(control_id)
            refused = fault.how in ("AE", "AR", "CE", "CR")
            if not refused:
                self.filed.setdefault(control_id, raw)
        answers = self._answers(header, fault)
        codes = "+".join(code for code, _ in answers) or fault.how
        with self._lock:
            self._told(Taken(raw, control_id, again, codes))
        if fault.how == "late":
            self._stopped.wait(fault.seconds)
        for _, answer in answers:
            wire.sendall(answer)
        return fault.how not in ("half", "drop", "junk")

    def _answers(self, header: Header | None, fault: Fault) -> list[tuple[str, bytes]]:
        """(MSA-1, or what it is) and bytes of what is sent."""
        how = fault.how
        if how in ("never", "drop"):
            return []
        if how == "junk":
            return [(how, b"HTTP/1.1 400 Bad Request\r\n\r\n")]
        if how == "garbage":
            return [(how, framed(b"\xff\xfe this is no acknowledgement\r"))]
        if how[1:] in ("E", "R"):
            error = Hl7Error("refused, as the test wants it", condition=fault.condition or "207", rejected=how[1] == "R")
            said = ack.render(header, how, self._number(), wall_us(), error)
            return [(how, framed(said if fault.condition else said.replace(b"207", b"").replace(b"Application internal error", b"")))]
        codes = [how] if how == "CA" else ["CA", "AA"] if modes.wants(header, 15, True) else ["AA"]
        if modes.enhanced(header) and not modes.wants(header, 16, True):
            codes = ["CA"]
        whose = Header(header.separator, header.encoding, _renumbered(header)) if header is not None and how == "other" else header
        made = [(code, framed(ack.render(whose, code, self._number(), wall_us(), None))) for code in codes]
        if how == "half":
            return [(how, made[0][1][: len(made[0][1]) // 2])]
        return made * 2 if how == "twice" else made

    def _number(self) -> str:
        return f"R{next(self._numbers):06d}{time.monotonic_ns() % 1000:03d}"


def _renumbered(header: Header) -> tuple[str, ...]:
    fields = [*header.fields]
    fields[9] = f"{header.control_id}X"
    return tuple(fields)
