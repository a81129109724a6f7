"""What a requestor says and hears before the first message (PS3.8 sections 9.3.2 to 9.3.4). Bytes and values, no socket."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wince.dicom.scp.pdu import IMPLEMENTATION, IMPLEMENTATION_UID
from wince.errors import MessageError

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
LONGEST = 1 << 16
"""Longest P-DATA-TF that we take; offered to the peer."""

REJECTIONS: Mapping[tuple[int, int], tuple[str, str]] = {
    (1, 2): ("it does not know DICOM's application context", "is this a DICOM port?"),
    (1, 3): ("it does not know our AE title", "have it entered there with this machine's address: {calling}"),
    (1, 7): ("its AE title is another", "set {called} to the title that it has"),
    (2, 2): ("it speaks another version of the protocol", "is this a DICOM port?"),
}
"""What a (source, reason) of an A-ASSOCIATE-RJ means, and what a person does about it (PS3.8 table 9-21); `{calling}` and `{called}` stand
for the settings of the AE titles."""
CONTEXTS = 128
"""Most contexts of an association: their ids are odd and one byte long."""


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context that is proposed."""

    abstract: str
    """Abstract syntax: a SOP class."""
    syntaxes: tuple[str, ...] = (EXPLICIT, IMPLICIT)
    """Transfer syntaxes."""
    provider: bool = False
    """Whether we are the provider of the service, though we open the association (PS3.7 section D.3.3.4)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An A-ASSOCIATE-AC: the transfer syntax of each context that was accepted, and the longest P-DATA-TF that the peer takes (0: any)."""

    syntaxes: Mapping[int, str]
    longest: int


def request(called: str, calling: str, contexts: Sequence[Context]) -> bytes:
    """An A-ASSOCIATE-RQ that proposes contexts, at most CONTEXTS, as 1, 3, 5, ..."""
    body = struct.pack(">HH", 1, 0) + _title(called) + _title(calling) + bytes(32) + item(0x10, APPLICATION_CONTEXT.encode())
    for place, one in enumerate(contexts):
        syntaxes = b"".join(item(0x40, syntax.encode()) for syntax in one.syntaxes)
        body += item(0x20, struct.pack(">BBBB", 2 * place + 1, 0, 0, 0) + item(0x30, one.abstract.encode()) + syntaxes)
    user = item(0x51, struct.pack(">I", LONGEST)) + item(0x52, IMPLEMENTATION_UID.encode())
    for abstract in dict.fromkeys(one.abstract for one in contexts if one.provider):  # items in ascending order of their types
        user += item(0x54, struct.pack(">H", len(abstract)) + abstract.encode() + b"\0\1")
    user += item(0x55, IMPLEMENTATION.encode())
    body += item(0x50, user)
    return struct.pack(">BBI", 1, 0, len(body)) + body


def accepted(body: bytes) -> Accepted:
    """Reads an A-ASSOCIATE-AC without its first six bytes. Raises MessageError."""
    if len(body) < 68:
        raise MessageError("an A-ASSOCIATE-AC is too short", field="PDU", remedy="the peer must follow PS3.8 section 9.3")
    syntaxes: dict[int, str] = {}
    longest = 0
    for kind, content in items(body[68:]):
        if kind == 0x21 and len(content) >= 4 and content[2] == 0:
            for sub, value in items(content[4:]):
                if sub == 0x40:
                    syntaxes[content[0]] = bytes(value).rstrip(b"\0 ").decode("ascii", "replace")
        elif kind == 0x50:
            for sub, value in items(content):
                if sub == 0x51 and len(value) == 4:
                    longest = int.from_bytes(value, "big")
    return Accepted(syntaxes, longest)


def items(body: bytes) -> list[tuple[int, bytes]]:
    """(type, content) of each item. Raises MessageError where one is cut off."""
    found, at = [], 0
    while at < len(body):
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        if at + 4 + length > len(body):
            raise MessageError("an item is longer than what holds it", field="PDU", remedy="the peer must follow PS3.8 section 9.3")
        found.append((body[at], body[at + 4 : at + 4 + length]))
        at += 4 + length
    return found


def item(kind: int, content: bytes) -> bytes:
    """An item or sub-item."""
    return struct.pack(">BBH", kind, 0, len(content)) + content


def _title(text: str) -> bytes:
    return text.encode("ascii", "replace").ljust(16)[:16]
