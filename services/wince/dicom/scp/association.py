"""One association, from its first byte to its end, on a thread of its own.

The states of PS3.8 section 9.2 that a responder can be in follow each other in `run`: awaiting the A-ASSOCIATE-RQ (Sta2), established
(Sta6), closed. Whatever else comes is an A-ABORT of the provider.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from wince.dicom.scp import command, commitment, pdu
from wince.dicom.scp.interface import Keeper, Received, Report, Reporter
from wince.dicom.scp.limits import Limits
from wince.dicom.scp.negotiation import Agreed, negotiate
from wince.dicom.scp.peers import Peer
from wince.dicom.scp.tables import COMMENTS, COMMITMENT, COMMITMENT_INSTANCE, STORAGE_CLASSES, VERIFICATION, Status
from wince.dicom.spool import NoRoomError, Room, Spool, head
from wince.errors import MessageError, WinceError
from wince.telemetry import logs

log = logs.get(__name__)

UNEXPECTED, UNRECOGNISED, INVALID = 2, 1, 6
"""Reasons of an A-ABORT of the provider (PS3.8 table 9-26)."""
Told = Callable[[str], None]
"""Told what happened, by a word of ours."""


class EndError(Exception):
    """The association is over. Its argument: why, a word of ours."""


class Association:
    """Serves one connection. `run` returns when it is closed and never raises what a peer did."""

    def __init__(
        self,
        connection: socket.socket,
        address: str,
        *,
        title: str,
        admit: Callable[[str, str], Peer | None],
        keeper: Keeper,
        reporter: Reporter | None,
        room: Room,
        limits: Limits,
        told: Told,
    ) -> None:
        """`title`: our own. `admit`: the peer of (calling AE title, address); None: it may not associate."""
        self._connection, self._address, self._title, self._admit = connection, address, title, admit
        self._keeper, self._reporter, self._room, self._limits, self._told = keeper, reporter, room, limits, told
        self._buffer = memoryview(bytearray(limits.pdu_bytes))
        self._agreed: Agreed
        self._leaving = self._over = False
        self._stream = self._values()
        self.waits = False
        """Whether nothing is in hand: the peer's next message is waited for."""

    def run(self, refusal: tuple[int, int, int] | None = None) -> None:
        """`refusal`: the A-ASSOCIATE-RJ that this one gets, whoever it is."""
        try:
            self._begin(refusal)
            self._serve()
        except EndError as end:
            self._told(str(end))
        except (OSError, ssl.SSLError):
            self._told("lost")
        except MessageError as error:
            self._told("invalid")
            log.warning("a DICOM peer sent what can't be read", sender=self._address, field=error.field, error=error)
            self._abort(INVALID)

    def over(self, connection: socket.socket) -> None:
        """Goes on over this connection: TLS was agreed on."""
        self._connection = connection

    def leave(self) -> None:
        """Have it end after the object in hand; from any thread."""
        self._leaving = True

    def close(self) -> None:
        """End it now; from any thread."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _begin(self, refusal: tuple[int, int, int] | None) -> None:
        kind, length = self._header(time.monotonic() + self._limits.request_s)
        if kind != pdu.ASSOCIATE_RQ:
            raise self._unexpected(kind)
        if length > self._limits.request_bytes:
            raise MessageError("an A-ASSOCIATE-RQ is too long", field="PDU")
        asked = pdu.request(self._read(memoryview(bytearray(length)), time.monotonic() + self._limits.request_s))
        agreed = refusal or negotiate(asked, self._title, self._address, self._admit)
        if isinstance(agreed, tuple):
            self._send(pdu.reject(*agreed))
            raise EndError("rejected")
        self._agreed = agreed
        self._send(pdu.accept(asked, agreed.answers, self._limits.pdu_bytes))

    def _serve(self) -> None:
        while True:
            self.waits = True
            first = next(self._stream)
            self.waits = False
            if not first.command:
                raise MessageError("a data set comes without its command", field="PDU")
            content = self._whole(first, self._limits.command_bytes)
            asked = command.decode(content)
            if first.context not in self._agreed.contexts:
                raise MessageError("a presentation context was not agreed on", field="PDU")
            self._answer(first.context, asked)
            if self._leaving:
                self._abort(0, source=0)
                raise EndError("left")

    def _answer(self, context: int, asked: command.Command) -> None:
        kind, holds = command.number(asked, command.FIELD), command.number(asked, command.DATA) != command.NO_DATA
        abstract = self._agreed.contexts[context].abstract
        if kind == command.C_CANCEL or kind & 0x8000:
            self._drop(context, holds)
        elif kind == command.C_ECHO and abstract == VERIFICATION:
            self._drop(context, holds)
            self._respond(context, asked, Status.SUCCESS, {command.CLASS: VERIFICATION})
        elif kind == command.C_STORE and abstract in STORAGE_CLASSES and holds:
            self._respond(context, asked, self._store(context, asked), _named(asked))
        elif kind == command.N_ACTION and abstract == COMMITMENT and holds:
            self._commit(context, asked)
        else:
            self._drop(context, holds)
            self._respond(context, asked, Status.UNRECOGNISED_OPERATION, _named(asked))

    # C-STORE

    def _store(self, context: int, asked: command.Command) -> Status:
        agreed = self._agreed.contexts[context]
        sop_class, instance = command.text(asked, command.CLASS), command.text(asked, command.INSTANCE)
        if sop_class != agreed.abstract or not pdu.uid(instance):
            self._drop(context, True)
            return self._stored(Status.NO_MATCH)
        peer = self._agreed.peer.title
        try:
            spool = Spool(self._room, head(sop_class, instance, agreed.syntax, peer))
        except NoRoomError:
            self._drop(context, True)
            return self._stored(Status.OUT_OF_RESOURCES)
        try:
            for value in self._data(context):
                spool.write(value)
            spool.keep()
            return self._stored(self._keep(Received(spool.path, sop_class, instance, agreed.syntax, peer, spool.bytes)))
        except NoRoomError:
            if not self._over:
                self._drop(context, True)
            return self._stored(Status.OUT_OF_RESOURCES)
        finally:
            spool.discard()  # what was kept has been moved away

    def _keep(self, received: Received) -> Status:
        try:
            return self._keeper.keep(received)
        except Exception as error:
            log.error("an object could not be kept; its sender is told to send it again", error=error)
            return Status.NOT_KEPT_NOW

    def _stored(self, status: Status) -> Status:
        self._told("stored" if status in (Status.SUCCESS, Status.WARNING_CLASS) else "refused")
        return status

    # storage commitment

    def _commit(self, context: int, asked: command.Command) -> None:
        content = bytearray()
        for value in self._data(context):
            content += value
            if len(content) > self._limits.data_bytes:
                raise MessageError("the data set of an N-ACTION is too long", field="PDU")
        syntax, named = self._agreed.contexts[context].syntax, {command.CLASS: COMMITMENT, command.INSTANCE: COMMITMENT_INSTANCE}
        if command.number(asked, command.ACTION) != 1:
            self._respond(context, asked, Status.NO_SUCH_ACTION, named)
            return
        try:
            report = commitment.asked(bytes(content), syntax, self._keeper)
            apart = self._reporter is not None and self._reporter.report(self._agreed.peer, report)
        except Exception as error:
            if not isinstance(error, WinceError):
                log.error("a storage commitment could not be answered", error=error)
            self._respond(context, asked, Status.PROCESSING_FAILURE, named)
            return
        self._respond(context, asked, Status.SUCCESS, named | {command.ACTION: 1})
        if not apart:
            self._report(context, syntax, report)

    def _report(self, context: int, syntax: str, report: Report) -> None:
        """On this association: the peer's own address is not set. Its answer is read, and ignored, like any answer."""
        self._send_message(
            context,
            {
                command.CLASS: COMMITMENT,
                command.FIELD: command.N_EVENT_REPORT,
                command.MESSAGE: 1,
                command.DATA: 1,
                command.INSTANCE: COMMITMENT_INSTANCE,
                command.EVENT: commitment.event(report),
            },
            commitment.encoded(report, syntax),
        )

    # messages

    def _respond(self, context: int, asked: command.Command, status: Status, named: command.Command) -> None:
        answer = dict(named) | {
            command.FIELD: (command.number(asked, command.FIELD) | 0x8000) & 0xFFFF,
            command.ANSWERS: command.number(asked, command.MESSAGE),
            command.DATA: command.NO_DATA,
            command.STATUS: int(status),
        }
        if comment := COMMENTS.get(status, ""):
            answer[command.COMMENT] = comment
        self._send_message(context, answer)

    def _send_message(self, context: int, said: command.Command, content: bytes = b"") -> None:
        pieces = [*pdu.data(context, command.encode(said), self._agreed.longest, command=True)]
        if content:
            pieces += pdu.data(context, content, self._agreed.longest, command=False)
        self._send(b"".join(pieces))

    def _whole(self, first: pdu.Value, most: int) -> bytes:
        """A command in one piece."""
        content, value = bytearray(), first
        while True:
            content += value.data
            if len(content) > most:
                raise MessageError("a command set is too long", field="PDU")
            if value.last:
                return bytes(content)
            value = next(self._stream)
            if not value.command or value.context != first.context:
                raise MessageError("another message begins inside a command", field="PDU")

    def _data(self, context: int) -> Iterator[memoryview]:
        """The pieces of a message's data set."""
        self._over = False
        for value in self._stream:
            if value.command or value.context != context:
                raise MessageError("another message begins inside a data set", field="PDU")
            self._over = value.last  # before the piece is taken: whoever can't take it knows whether more comes
            yield value.data
            if value.last:
                return

    def _drop(self, context: int, holds: bool) -> None:
        """Read the rest of a message away, so that its sender can hear the answer."""
        if not holds:
            return
        dropped = 0
        for piece in self._data(context):
            dropped += len(piece)
            if dropped > self._limits.drained_bytes:
                self._abort(0, source=0)
                raise EndError("too_long")

    # bytes

    def _values(self) -> Iterator[pdu.Value]:
        """Every value that comes, whichever P-DATA-TF it lies in. Each must be used before the next: they share a buffer."""
        while True:
            kind, length = self._header(time.monotonic() + self._limits.idle_s)
            if kind == pdu.RELEASE_RQ:
                self._read(memoryview(bytearray(min(length, 4))), time.monotonic() + self._limits.idle_s)
                self._send(pdu.release_answer())
                raise EndError("released")
            if kind != pdu.DATA:
                raise self._unexpected(kind)
            if length > len(self._buffer):
                raise MessageError("a P-DATA-TF is longer than was agreed on", field="PDU")
            yield from pdu.values(self._read(self._buffer[:length], time.monotonic() + self._limits.idle_s))

    def _header(self, until: float) -> tuple[int, int]:
        content = self._read(memoryview(bytearray(6)), until)
        return content[0], int.from_bytes(content[2:6], "big")

    def _read(self, into: memoryview, until: float) -> memoryview:
        """Fill a buffer. Raises EndError where the peer is gone or too slow."""
        done = 0
        while done < len(into):
            left = until - time.monotonic()
            if left <= 0:
                self._abort(0, source=0)
                raise EndError("idle")
            self._connection.settimeout(left)
            try:
                count = self._connection.recv_into(into[done:])
            except TimeoutError:
                continue
            if not count:
                raise EndError("lost")
            done += count
        return into

    def _send(self, content: bytes) -> None:
        self._connection.settimeout(self._limits.idle_s)
        self._connection.sendall(content)

    def _unexpected(self, kind: int) -> EndError:
        if kind == pdu.ABORT:
            return EndError("aborted")
        self._abort(UNEXPECTED if 1 <= kind <= 7 else UNRECOGNISED)
        return EndError("invalid")

    def _abort(self, reason: int, source: int = 2) -> None:
        with suppress(OSError):
            self._connection.settimeout(1.0)
            self._connection.sendall(pdu.abort(source, reason))


def _named(asked: command.Command) -> dict[int, int | str]:
    """What an answer repeats of its request."""
    return {element: asked[element] for element in (command.CLASS, command.INSTANCE) if element in asked}
