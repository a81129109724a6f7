"""MLLP's framing alone: bytes in, messages out, no socket and no clock (MLLP release 1: 0x0B, message, 0x1C 0x0D).

What senders do beside the rule, and is taken (each from a public report of another product):

    the end block's CR is missing, or LF stands there      the message ends at 0x1C where CR, LF or 0x0B follow, or nothing for a while
    NUL, line ends, doubled ends (0x1C 0x0D) between       passed over
    a byte order mark before 0x0B, or after it             passed over
    a second 0x0B within a message                         the sender began again: what came before it is dropped
    0x1C inside a message, with something else behind it   content

Anything else between messages is no MLLP (HTTP, TLS, text without a frame).
"""

from __future__ import annotations

import codecs
from enum import Enum

START, END, CR, LF = 0x0B, 0x1C, 0x0D, 0x0A
FRAME_START, FRAME_END = b"\x0b", b"\x1c\r"
_BETWEEN = b"\r\n\x00\x1c"
_MARK = codecs.BOM_UTF8
MOST_BETWEEN = 4096
"""Bytes that may stand between two messages."""


class Fault(Enum):
    """Why the bytes can't go on."""

    JUNK = "junk"
    """What stands between messages is no MLLP."""
    TOO_LONG = "too_long"
    """A message above the limit; `Frames.beginning` has its first bytes."""


def framed(message: bytes) -> bytes:
    """A message in its frame."""
    return FRAME_START + message + FRAME_END


class Frames:
    """Cuts a connection's bytes into messages. `limit`: longest message, bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._inside = False
        self._scanned = 0
        self._skipped = 0

    @property
    def inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._inside

    @property
    def ends_perhaps(self) -> bool:
        """Whether 0x1C was the last byte: the message has ended if nothing follows."""
        return self._inside and self._buffer[-1:] == b"\x1c"

    @property
    def beginning(self) -> bytes:
        """The first bytes of the message that has begun."""
        return bytes(self._buffer[:4096])

    def feed(self, data: bytes) -> tuple[list[bytes], Fault | None]:
        """Messages that these bytes complete, in order, and what stopped the cutting: nothing may be fed after a fault."""
        self._buffer += data
        found: list[bytes] = []
        while True:
            if not self._inside:
                if (fault := self._skip()) is not None:
                    return found, fault
                if not self._inside:
                    return found, None
            message = self._cut()
            if message is None:
                too_long = len(self._buffer) > self._limit
                return found, Fault.TOO_LONG if too_long else None
            if len(message) > self._limit:
                self._buffer[:0] = message
                return found, Fault.TOO_LONG
            found.append(message)

    def settle(self) -> bytes | None:
        """The message whose end was 0x1C alone, when nothing followed; None where there is none."""
        if not self.ends_perhaps:
            return None
        return self._take(len(self._buffer) - 1, len(self._buffer))

    def _skip(self) -> Fault | None:
        """Pass over what may stand before a message; inside one afterwards, unless more bytes are needed."""
        buffer, place = self._buffer, 0
        while place < len(buffer):
            byte = buffer[place]
            if byte == START:
                del buffer[: place + 1]
                self._inside, self._scanned, self._skipped = True, 0, 0
                return None
            if byte in _BETWEEN:
                place += 1
            elif buffer.startswith(_MARK, place):
                place += len(_MARK)
            elif _MARK.startswith(bytes(buffer[place:])):
                break  # a mark of which the rest is still to come
            else:
                return Fault.JUNK
        del buffer[:place]
        self._skipped += place
        return Fault.JUNK if self._skipped > MOST_BETWEEN else None

    def _cut(self) -> bytes | None:
        buffer = self._buffer
        while (at := buffer.find(END, self._scanned)) >= 0:
            if at + 1 == len(buffer):
                self._scanned = at
                return None
            if buffer[at + 1] in (CR, LF):
                return self._take(at, at + 2)
            if buffer[at + 1] == START:
                return self._take(at, at + 1)
            self._scanned = at + 1
        self._scanned = len(buffer)
        return None

    def _take(self, end: int, until: int) -> bytes:
        message = bytes(self._buffer[:end]).rpartition(FRAME_START)[2]
        del self._buffer[:until]
        self._inside, self._scanned = False, 0
        return message
