"""Hears what archives committed to, on associations that they open (PS3.4 section J.3.3): most don't answer on ours.

It takes N-EVENT-REPORT of storage commitment and C-ECHO from the one archive that is set, nothing else: no objects, and few bytes.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from wince.certificates import explained
from wince.dicom.scp import command, pdu
from wince.dicom.scu import commitment, negotiation
from wince.dicom.scu.association import event_answer
from wince.dicom.scu.client import VERIFICATION
from wince.dicom.scu.commitment import Commitment
from wince.dicom.scu.connection import readable
from wince.dicom.scu.messages import Messages, OtherPduError
from wince.errors import MessageError, ResourceError
from wince.parts import StartStop, WatchedThread
from wince.telemetry import logs

log = logs.get(__name__)

ASSOCIATIONS = 4
"""At a time; they are answered one after the other, since each holds one small message."""
TOTAL_S = 20.0
"""Longest time of one association."""
_LONGEST_REQUEST = 1 << 16
_LONGEST_PDU = 1 << 16


class _OverError(Exception):
    """The association is over."""


class CommitmentListener(StartStop):
    """A part of a process (start, stop, failed)."""

    name = "archive-commitment"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        title: str,
        archive: str,
        told: Callable[[Commitment], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`title`: ours. `archive`: the AE title that may call. `told`: what it committed to; must not raise. `port` 0: any free one."""
        self._host, self._port, self._title, self._archive = host, port, title, archive
        self._told, self._tls = told, tls
        self._stopped = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = WatchedThread(self.name, self._listen, self._stopped)

    @property
    def port(self) -> int:
        """The port that is listened on, after `start`."""
        return self._port

    def start(self) -> CommitmentListener:
        """Listen. Raises ResourceError where the port can't be had."""
        try:
            self._socket = socket.create_server((self._host, self._port), backlog=ASSOCIATIONS)
        except OSError as error:
            remedy = "choose another archive_commitment_listen, or stop what uses it"
            raise ResourceError(
                f"can't listen on {self._host}:{self._port} ({error.strerror})", field="archive_commitment_listen", remedy=remedy
            ) from None
        self._port = self._socket.getsockname()[1]
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(TOTAL_S + 5)
        if self._socket is not None:
            self._socket.close()

    def failed(self) -> BaseException | None:
        """What ended the listening for good."""
        return self._thread.failed()

    def _listen(self) -> None:
        assert self._socket is not None
        while not self._stopped.is_set():
            if not readable(self._socket, 0.5):
                continue
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                log.warning("a DICOM connection could not be taken", error=error)
                self._stopped.wait(0.2)
                continue
            self._serve(connection)

    def _serve(self, plain: socket.socket) -> None:
        until = time.monotonic() + TOTAL_S
        connection = plain
        try:
            connection.settimeout(TOTAL_S / 4)
            if self._tls is not None:
                connection = self._tls.wrap_socket(plain, server_side=True)
            _Conversation(connection, until, self._stopped, self._title, self._archive, self._told).run()
        except _OverError:
            pass
        except (OSError, MessageError) as error:
            why = explained(error)
            log.warning("an archive's report of storage commitment could not be read", detail=why[0] if why else "", error=error)
        except Exception as error:  # whatever one peer sends, the next is heard
            log.error("an archive's report of storage commitment failed", error=error)
        finally:
            with suppress(OSError):
                connection.close()


class _Conversation:
    """One association as its responder."""

    def __init__(
        self,
        connection: socket.socket,
        until: float,
        stopped: threading.Event,
        title: str,
        archive: str,
        told: Callable[[Commitment], None],
    ) -> None:
        self._connection, self._until, self._stopped = connection, until, stopped
        self._title, self._archive, self._told = title, archive, told
        self._syntaxes: dict[int, str] = {}

    def run(self) -> None:
        """Until it is released. Raises _OverError, OSError, MessageError."""
        kind, body = self._receive(_LONGEST_REQUEST)
        if kind != pdu.ASSOCIATE_RQ:
            raise _OverError
        asked = pdu.request(memoryview(body))
        if asked.called != self._title or asked.calling != self._archive:
            self._connection.sendall(pdu.reject(1, 1, 7 if asked.called != self._title else 3))
            log.warning("an association for storage commitment is refused: its AE titles are others", field="archive_called_ae")
            raise _OverError
        self._connection.sendall(self._accept(asked, body))
        messages = Messages(lambda: self._receive(_LONGEST_PDU))
        while True:
            try:
                said = messages.next()
            except OtherPduError as other:
                if other.kind == pdu.RELEASE_RQ:
                    self._connection.sendall(pdu.release_answer())
                return
            self._answer(said.context, said.command, said.data)

    def _accept(self, asked: pdu.Request, body: bytes) -> bytes:
        """The A-ASSOCIATE-AC; the archive may be the provider of storage commitment on its own association (role selection)."""
        answers: dict[int, tuple[int, str]] = {}
        for one in asked.contexts:
            syntax = next((name for name in one.syntaxes if name in (negotiation.EXPLICIT, negotiation.IMPLICIT)), "")
            if one.abstract in (commitment.CLASS, VERIFICATION) and syntax and one.id not in self._syntaxes:
                self._syntaxes[one.id] = syntax
                answers[one.id] = (0, syntax)
            else:
                answers.setdefault(one.id, (3, negotiation.IMPLICIT))
        made = pdu.accept(asked, answers, _LONGEST_PDU)
        roles = b"".join(_roles(body))
        if not roles:
            return made
        # Role selection belongs into the user information, the last item of the PDU.
        at = made.rindex(negotiation.item(0x51, struct.pack(">I", _LONGEST_PDU))) - 4
        user = made[at + 4 :] + roles
        whole = made[6:at] + negotiation.item(0x50, user)
        return made[:2] + struct.pack(">I", len(whole)) + whole

    def _answer(self, context: int, found: command.Command, data: bytes) -> None:
        kind = command.number(found, command.FIELD)
        if kind == command.N_EVENT_REPORT:
            said = commitment.told(data, self._syntaxes.get(context, negotiation.IMPLICIT))
            self._told(said)
            answer = event_answer(found)
        else:
            status = 0 if kind == command.C_ECHO else 0x0211
            answer = {
                command.CLASS: command.text(found, command.CLASS) or VERIFICATION,
                command.FIELD: (kind | 0x8000) & 0xFFFF,
                command.ANSWERS: command.number(found, command.MESSAGE),
                command.DATA: command.NO_DATA,
                command.STATUS: status,
            }
        self._connection.sendall(b"".join(pdu.data(context, command.encode(answer), 0, command=True)))

    def _receive(self, longest: int) -> tuple[int, bytes]:
        head = self._read(6)
        length = int.from_bytes(head[2:6], "big")
        if length > longest:
            raise MessageError("a PDU is longer than was agreed on", field="PDU")
        return head[0], self._read(length)

    def _read(self, count: int) -> bytes:
        content = bytearray()
        while len(content) < count:
            if self._stopped.is_set() or time.monotonic() > self._until:
                raise _OverError
            self._connection.settimeout(0.5)
            try:
                piece = self._connection.recv(count - len(content))
            except TimeoutError:
                continue
            if not piece:
                raise _OverError
            content += piece
        return bytes(content)


def _roles(body: bytes) -> list[bytes]:
    """The peer's role selections (PS3.7 section D.3.3.4) for storage commitment, as they are granted: provider, as it asks."""
    granted = []
    for kind, content in negotiation.items(body[68:]):
        if kind != 0x50:
            continue
        for sub, value in negotiation.items(content):
            if sub == 0x54 and bytes(value[2:-2]).rstrip(b"\0") == commitment.CLASS.encode():
                granted.append(negotiation.item(0x54, bytes(value)))
    return granted
