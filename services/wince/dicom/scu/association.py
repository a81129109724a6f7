"""One association as its requestor: from the A-ASSOCIATE-RQ to the release, one message at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from wince.dicom.scp import command, pdu
from wince.dicom.scu import negotiation
from wince.dicom.scu.connection import Connection, Peer
from wince.dicom.scu.messages import Messages, OtherPduError
from wince.errors import MessageError, Refused, Unavailable

_LONGEST_ANSWER = 1 << 16
"""Longest A-ASSOCIATE-AC."""
SUCCESS = 0x0000
Heard = Callable[[command.Command, bytes, str], None]
"""Told an N-EVENT-REPORT of the peer: command, data set, transfer syntax."""


class Association:
    """An association that is established. As a context manager it is released at its end, and aborted where something was raised."""

    def __init__(
        self,
        peer: Peer,
        abstracts: Sequence[str],
        *,
        total_s: float,
        opened: Callable[[socket.socket], None] = lambda _socket: None,
        heard: Heard = lambda _command, _data, _syntax: None,
    ) -> None:
        """Associates for these abstract syntaxes. Raises Refused where the archive says no for good, Unavailable else."""
        self._peer, self._heard, self._message = peer, heard, 0
        self._connection = Connection(peer, total_s=total_s, opened=opened)
        self._messages = Messages(lambda: self._connection.receive(negotiation.LONGEST))
        try:
            self._connection.send(negotiation.request(peer.called, peer.calling, abstracts))
            self._agreed = self._answer()
        except BaseException:
            self._connection.close()
            raise
        ids = {abstract: 2 * place + 1 for place, abstract in enumerate(abstracts)}
        syntaxes = self._agreed.syntaxes
        self._contexts = {abstract: (number, syntaxes[number]) for abstract, number in ids.items() if number in syntaxes}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._release()
            else:
                self._connection.abort()
        finally:
            self._connection.close()

    def takes(self, abstract: str) -> bool:
        """Whether the peer accepted an abstract syntax."""
        return abstract in self._contexts

    def syntax(self, abstract: str) -> str:
        """The transfer syntax that was agreed on for an abstract syntax that the peer takes."""
        return self._contexts[abstract][1]

    def ask(self, abstract: str, said: command.Command, data: bytes = b"") -> command.Command:
        """Send a request; the command set of its answer. Raises Unavailable where none comes, or one that can't be read."""
        self._message += 1
        context, _ = self._contexts[abstract]
        full = dict(said) | {command.MESSAGE: self._message, command.DATA: 1 if data else command.NO_DATA}
        self._send(context, full, data)
        while True:
            answer = self._next()
            if command.number(answer, command.FIELD) & 0x8000 and answer.get(command.ANSWERS) == self._message:
                return answer

    def listen(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Take what the peer says by itself, until it is enough, or so many seconds are over, or the peer ends the association."""
        until = time.monotonic() + seconds
        try:
            while not enough() and (left := until - time.monotonic()) > 0:
                if self._messages.begun or self._connection.waits(min(left, 0.05)):
                    self._next()
        except (Unavailable, TimeoutError):
            return  # what was asked for was answered; what comes of it is asked again

    def _answer(self) -> negotiation.Accepted:
        kind, body = self._connection.receive(_LONGEST_ANSWER)
        if kind == pdu.ASSOCIATE_AC:
            try:
                return negotiation.accepted(body)
            except MessageError as error:
                raise self._wrong(f"the archive sent what can't be read: {error.message}") from None
        if kind == pdu.ASSOCIATE_RJ and len(body) >= 4:
            raise self._rejected(body[1], body[2], body[3])
        raise Unavailable("the archive aborted the association", field=self._peer.place, remedy="see the archive's own log")

    def _rejected(self, result: int, source: int, reason: int) -> Refused | Unavailable:
        where = self._peer.place
        if result != 1:
            return Unavailable(f"the archive takes no association now (reason {source}/{reason})", field=where)
        why, remedy = negotiation.REJECTIONS.get((source, reason), ("it gives no reason", "see the archive's own log"))
        return Refused(f"the archive rejects the association: {why}", field=where, remedy=remedy)

    def _next(self) -> command.Command:
        """The next command that comes. A request of the peer is answered; only N-EVENT-REPORT is known."""
        try:
            said = self._messages.next()
        except MessageError as error:
            raise self._wrong(f"the archive sent what can't be read: {error.message}") from None
        except OtherPduError as other:
            if other.kind == pdu.RELEASE_RQ:
                self._connection.send(pdu.release_answer())
            raise self._wrong("the archive ended the association too early") from None
        if command.number(said.command, command.FIELD) == command.N_EVENT_REPORT:
            syntax = next((name for number, name in self._contexts.values() if number == said.context), negotiation.IMPLICIT)
            self._heard(said.command, said.data, syntax)
            self._send(said.context, event_answer(said.command), b"")
        return said.command

    def _send(self, context: int, said: command.Command, data: bytes) -> None:
        longest = self._agreed.longest
        pieces = [*pdu.data(context, command.encode(said), longest, command=True)]
        if data:
            pieces += pdu.data(context, data, longest, command=False)
        self._connection.send(b"".join(pieces))

    def _release(self) -> None:
        """Whatever the peer does now changes nothing of what it said."""
        with suppress(Unavailable, TimeoutError):
            self._connection.send(b"\x05\x00" + (4).to_bytes(4, "big") + bytes(4))
            if self._connection.waits(1.0):
                self._connection.receive(negotiation.LONGEST)

    def _wrong(self, what: str) -> Unavailable:
        return Unavailable(what, field=self._peer.place, remedy="see the archive's own log")


def event_answer(asked: command.Command) -> dict[int, int | str]:
    """The answer to an N-EVENT-REPORT: it was heard."""
    named = {element: asked[element] for element in (command.CLASS, command.INSTANCE, command.EVENT) if element in asked}
    return named | {
        command.FIELD: command.N_EVENT_REPORT | 0x8000,
        command.ANSWERS: command.number(asked, command.MESSAGE),
        command.DATA: command.NO_DATA,
        command.STATUS: SUCCESS,
    }
