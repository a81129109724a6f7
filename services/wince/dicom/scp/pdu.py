"""Protocol data units of the upper layer: bytes in, plain values out, and back (PS3.8 section 9.3). No socket."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wince.errors import MessageError

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
IMPLEMENTATION_UID = "2.25.148189014517104466711318117246437420385"
IMPLEMENTATION = "WINCE_1"
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
ITEMS = 4096
"""Most items of a request."""


def uid(text: str) -> bool:
    """Whether it is a UID (PS3.5 section 9.1): digits and dots, at most 64 characters."""
    return 0 < len(text) <= 64 and _UID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Proposed:
    """A presentation context that a peer proposes."""

    id: int
    abstract: str
    syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """An A-ASSOCIATE-RQ."""

    version: int
    called: str
    calling: str
    context: str
    """Application context name."""
    contexts: tuple[Proposed, ...]
    longest: int
    """Longest P-DATA-TF that the peer takes; 0: any."""
    titles: bytes
    """Called and calling title and 32 reserved bytes, as they came: they go back in the answer."""


def _items(body: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(type, content) of each item. Raises MessageError where one is cut off."""
    at = count = 0
    while at < len(body):
        count += 1
        if at + 4 > len(body) or count > ITEMS:
            raise _wrong("an item is cut off, or there are too many")
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        if at + 4 + length > len(body):
            raise _wrong("an item is longer than what holds it")
        yield body[at], body[at + 4 : at + 4 + length]
        at += 4 + length


def request(body: memoryview) -> Request:
    """An A-ASSOCIATE-RQ (section 9.3.2), without its first six bytes. Raises MessageError."""
    if len(body) < 68:
        raise _wrong("an A-ASSOCIATE-RQ is too short")
    contexts: list[Proposed] = []
    context, longest = "", 0
    for kind, content in _items(body[68:]):
        if kind == 0x10:
            context = _text(content)
        elif kind == 0x20:
            contexts.append(_proposed(content))
        elif kind == 0x50:
            for sub, value in _items(content):
                if sub == 0x51 and len(value) == 4:
                    longest = int.from_bytes(value, "big")
    return Request(
        int.from_bytes(body[:2], "big"), _text(body[4:20]), _text(body[20:36]), context, tuple(contexts), longest, bytes(body[4:68])
    )


def _proposed(content: memoryview) -> Proposed:
    if len(content) < 4:
        raise _wrong("a presentation context is too short")
    abstract, syntaxes = "", []
    for kind, value in _items(content[4:]):
        if kind == 0x30:
            abstract = _text(value)
        elif kind == 0x40:
            syntaxes.append(_text(value))
    return Proposed(content[0], abstract, tuple(syntaxes))


def accept(asked: Request, answers: Mapping[int, tuple[int, str]], pdu_bytes: int) -> bytes:
    """An A-ASSOCIATE-AC (section 9.3.3). `answers`: (result, transfer syntax) by context id; result 0 acceptance, 3 abstract syntax
    not supported, 4 transfer syntaxes not supported."""
    body = struct.pack(">HH", 1, 0) + asked.titles + _item(0x10, asked.context.encode("ascii", "replace"))
    for number, (result, syntax) in answers.items():
        body += _item(0x21, struct.pack(">BBBB", number, 0, result, 0) + _item(0x40, syntax.encode("ascii", "replace")))
    user = _item(0x51, struct.pack(">I", pdu_bytes)) + _item(0x52, IMPLEMENTATION_UID.encode()) + _item(0x55, IMPLEMENTATION.encode())
    return _pdu(ASSOCIATE_AC, body + _item(0x50, user))


def reject(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ (section 9.3.4)."""
    return _pdu(ASSOCIATE_RJ, bytes((0, result, source, reason)))


def abort(source: int, reason: int) -> bytes:
    """An A-ABORT (section 9.3.8): source 0 we as the user, 2 as the provider, with its reason."""
    return _pdu(ABORT, bytes((0, 0, source, reason)))


def release_answer() -> bytes:
    """An A-RELEASE-RP (section 9.3.7)."""
    return _pdu(RELEASE_RP, bytes(4))


@dataclass(frozen=True, slots=True)
class Value:
    """A presentation data value of a P-DATA-TF."""

    context: int
    command: bool
    last: bool
    data: memoryview


def values(body: memoryview) -> Iterator[Value]:
    """The values of a P-DATA-TF (section 9.3.5, annex E.2). Raises MessageError."""
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        if length < 2 or at + 4 + length > len(body):
            raise _wrong("a presentation data value is cut off")
        yield Value(body[at + 4], bool(body[at + 5] & 1), bool(body[at + 5] & 2), body[at + 6 : at + 4 + length])
        at += 4 + length


def data(context: int, content: bytes | memoryview, longest: int, *, command: bool) -> Iterator[bytes]:
    """P-DATA-TFs that carry one command or data set. `longest`: what the peer takes; 0: any."""
    room = max(1, (longest or (1 << 17)) - 6)
    for at in range(0, max(len(content), 1), room):
        piece = content[at : at + room]
        flags = int(command) | (2 if at + room >= len(content) else 0)
        yield _pdu(DATA, struct.pack(">IBB", len(piece) + 2, context, flags) + piece)


def _pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(body)) + body


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def _text(content: memoryview) -> str:
    """Titles and UIDs are ASCII, padded with blanks or a zero."""
    return bytes(content).rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace")


def _wrong(what: str) -> MessageError:
    return MessageError(what, field="PDU", remedy="the peer must follow PS3.8 section 9.3")
