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
_AT_ONCE = 1 << 18
"""PDUs are handed to the kernel in pieces of about this size, bytes."""
SUCCESS = 0x0000
Heard = Callable[[command.Command, bytes, str], None]
"""Told an N-EVENT-REPORT of the peer: command, data set, transfer syntax."""


class Association:
    """An association that is established. As a context manager it is released at its end, and aborted where something was raised."""

    def __init__(
        self,
        peer: Peer,
        contexts: Sequence[negotiation.Context],
        *,
        total_s: float,
        opened: Callable[[socket.socket], None] = lambda _socket: None,
        heard: Heard = lambda _command, _data, _syntax: None,
    ) -> None:
        """Associates for these contexts, at most negotiation.CONTEXTS. Raises Refused where the peer says no for good, Unavailable else."""
        self._peer, self._heard, self._message = peer, heard, 0
        self._connection = Connection(peer, total_s=total_s, opened=opened)
        self._messages = Messages(lambda: self._connection.receive(negotiation.LONGEST))
        try:
            self._connection.send(negotiation.request(peer.called, peer.calling, contexts))
            self._agreed = self._answer()
        except BaseException:
            self._connection.close()
            raise
        proposed = {2 * place + 1: one.abstract for place, one in enumerate(contexts)}
        self._contexts = [(proposed[number], syntax, number) for number, syntax in self._agreed.syntaxes.items() if number in proposed]

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

    def takes(self, abstract: str, syntax: str = "") -> bool:
        """Whether the peer accepted an abstract syntax, in that transfer syntax where one is named."""
        return bool(self._of(abstract, syntax))

    def syntax(self, abstract: str) -> str:
        """The transfer syntax that was agreed on for an abstract syntax that the peer takes."""
        return self._of(abstract)[0][1]

    def renew(self, total_s: float) -> None:
        """So many seconds from now on, for everything that follows."""
        self._connection.renew(total_s)

    def ask(self, abstract: str, said: command.Command, data: bytes | memoryview = b"", *, syntax: str = "") -> command.Command:
        """Send a request; the command set of its answer. `syntax`: of the data, where several contexts of that abstract syntax were agreed
        on. Raises Unavailable where none comes, or one that can't be read."""
        self._message += 1
        context = self._of(abstract, syntax)[0][2]
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
                raise self._wrong(f"sent what can't be read: {error.message}") from None
        if kind == pdu.ASSOCIATE_RJ and len(body) >= 4:
            raise self._rejected(body[1], body[2], body[3])
        raise self._wrong("aborted the association")

    def _rejected(self, result: int, source: int, reason: int) -> Refused | Unavailable:
        where, terms = self._peer.place, self._peer.terms
        if result != 1:
            return Unavailable(f"{terms.name} takes no association now (reason {source}/{reason})", field=where)
        why, remedy = negotiation.REJECTIONS.get((source, reason), ("it gives no reason", "see its own log"))
        remedy = remedy.format(calling=terms.calling, called=terms.called)
        return Refused(f"{terms.name} rejects the association: {why}", field=where, remedy=remedy)

    def _next(self) -> command.Command:
        """The next command that comes. A request of the peer is answered; only N-EVENT-REPORT is known."""
        try:
            said = self._messages.next()
        except MessageError as error:
            raise self._wrong(f"sent what can't be read: {error.message}") from None
        except OtherPduError as other:
            if other.kind == pdu.RELEASE_RQ:
                self._connection.send(pdu.release_answer())
            raise self._wrong("ended the association too early") from None
        if command.number(said.command, command.FIELD) == command.N_EVENT_REPORT:
            syntax = self._agreed.syntaxes.get(said.context, negotiation.IMPLICIT)
            self._heard(said.command, said.data, syntax)
            self._send(said.context, event_answer(said.command), b"")
        return said.command

    def _of(self, abstract: str, syntax: str = "") -> list[tuple[str, str, int]]:
        """The contexts of an abstract syntax that the peer accepted, as (abstract syntax, transfer syntax, id)."""
        return [one for one in self._contexts if one[0] == abstract and syntax in ("", one[1])]

    def _send(self, context: int, said: command.Command, data: bytes | memoryview) -> None:
        longest = self._agreed.longest
        waiting = bytearray().join(pdu.data(context, command.encode(said), longest, command=True))
        for piece in pdu.data(context, data, longest, command=False) if data else ():
            waiting += piece
            if len(waiting) >= _AT_ONCE:
                self._connection.send(waiting)
                waiting = bytearray()
        if waiting:
            self._connection.send(waiting)

    def _release(self) -> None:
        """Whatever the peer does now changes nothing of what it said."""
        with suppress(Unavailable, TimeoutError):
            self._connection.send(b"\x05\x00" + (4).to_bytes(4, "big") + bytes(4))
            if self._connection.waits(1.0):
                self._connection.receive(negotiation.LONGEST)

    def _wrong(self, what: str) -> Unavailable:
        return Unavailable(f"{self._peer.terms.name} {what}", field=self._peer.place, remedy="see its own log")


def event_answer(asked: command.Command) -> dict[int, int | str]:
    """The answer to an N-EVENT-REPORT: it was heard."""
    named = {element: asked[element] for element in (command.CLASS, command.INSTANCE, command.EVENT) if element in asked}
    return named | {
        command.FIELD: command.N_EVENT_REPORT | 0x8000,
        command.ANSWERS: command.number(asked, command.MESSAGE),
        command.DATA: command.NO_DATA,
        command.STATUS: SUCCESS,
    }
