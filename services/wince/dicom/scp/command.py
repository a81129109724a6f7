"""Command sets: always Implicit VR Little Endian, group 0000 only (PS3.7 section 6.3, annex E)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from wince.errors import MessageError

CLASS, REQUESTED_CLASS, FIELD, MESSAGE, ANSWERS = 0x0002, 0x0003, 0x0100, 0x0110, 0x0120
DATA, STATUS, COMMENT, INSTANCE, REQUESTED_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000, 0x1001
EVENT, ACTION = 0x1002, 0x1008
"""Element numbers of group 0000."""
C_STORE, C_ECHO, C_CANCEL, N_EVENT_REPORT, N_ACTION = 0x0001, 0x0030, 0x0FFF, 0x0100, 0x0130
"""Command fields of requests; an answer has 0x8000 too."""
NO_DATA = 0x0101
"""Command Data Set Type of a message without a data set."""
SHORTS = frozenset({FIELD, MESSAGE, ANSWERS, DATA, STATUS, EVENT, ACTION, 0x0700, 0x1031})

Command = Mapping[int, int | str]
"""Element number -> value: a number for SHORTS, text else."""


def decode(content: bytes) -> dict[int, int | str]:
    """Raises MessageError where it is no command set."""
    found: dict[int, int | str] = {}
    at = 0
    while at < len(content):
        if at + 8 > len(content):
            raise _wrong("is cut off")
        group, element, length = struct.unpack_from("<HHI", content, at)
        at += 8
        if group != 0 or length > len(content) - at:
            raise _wrong("holds another group, or is cut off")
        value = content[at : at + length]
        at += length
        if element in SHORTS:
            if length != 2:
                raise _wrong("holds a number of another length")
            found[element] = int.from_bytes(value, "little")
        else:
            found[element] = value.rstrip(b"\0 ").decode("ascii", "replace")
    if FIELD not in found:
        raise _wrong("has no command field")
    return found


def encode(command: Command) -> bytes:
    """The bytes of a command set, with its group length."""
    body = b""
    for element in sorted(command):
        value = command[element]
        if isinstance(value, int):
            content = struct.pack("<H", value)
        else:
            content = value.encode("ascii", "replace")
            content += b"\0" * (len(content) % 2) if element != COMMENT else b" " * (len(content) % 2)
        body += struct.pack("<HHI", 0, element, len(content)) + content
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def number(command: Command, element: int) -> int:
    """A number of a command. Raises MessageError where it has none."""
    value = command.get(element)
    if not isinstance(value, int):
        raise _wrong("lacks a number that it needs")
    return value


def text(command: Command, element: int) -> str:
    """A text of a command; empty where it has none."""
    return str(command.get(element, ""))


def _wrong(what: str) -> MessageError:
    return MessageError(f"a command set {what}", field="command", remedy="the peer must follow PS3.7 section 6.3")
