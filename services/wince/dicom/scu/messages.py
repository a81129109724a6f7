"""Messages out of P-DATA-TFs: a command set and, where it says so, a data set (PS3.7 section 6.3, PS3.8 annex E)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from wince.dicom.scp import command, pdu
from wince.errors import MessageError

LONGEST = 4 << 20
"""Longest command or data set that is taken, bytes."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a peer said."""

    context: int
    command: command.Command
    data: bytes


class OtherPduError(Exception):
    """No P-DATA-TF came, but a PDU of another type."""

    def __init__(self, kind: int) -> None:
        super().__init__(kind)
        self.kind = kind


class Messages:
    """Reads one message after the other."""

    def __init__(self, receive: Callable[[], tuple[int, bytes]]) -> None:
        """receive: the next PDU, (type, body)."""
        self._receive = receive
        self._values: deque[pdu.Value] = deque()

    @property
    def begun(self) -> bool:
        """Whether a part of the next message is here."""
        return bool(self._values)

    def next(self) -> Message:
        """The next message. Raises OtherPduError, MessageError where it can't be read, and what `receive` does."""
        context, said = self._whole(is_command=True)
        found = command.decode(said)
        if command.number(found, command.DATA) == command.NO_DATA:
            return Message(context, found, b"")
        context, data = self._whole(is_command=False)
        return Message(context, found, data)

    def _whole(self, *, is_command: bool) -> tuple[int, bytes]:
        content = bytearray()
        while True:
            value = self._value()
            if value.command != is_command:
                raise MessageError("another message begins inside a message", field="PDU")
            content += value.data
            if len(content) > LONGEST:
                raise MessageError("a message is too long", field="PDU")
            if value.last:
                return value.context, bytes(content)

    def _value(self) -> pdu.Value:
        """A P-DATA-TF may hold several values."""
        while not self._values:
            kind, body = self._receive()
            if kind != pdu.DATA:
                raise OtherPduError(kind)
            self._values.extend(pdu.values(memoryview(body)))
        return self._values.popleft()
