"""Parsing, on hl7apy, of the segments and fields that say who lies where, and of no other.

What hl7apy costs and does (measured): 11-22 ms a message, 20,000 repetitions of one field 10 s, escapes not decoded, `""` left raw,
v2.9 and a fifth encoding character refused before v2.7, an unknown segment an exception. So the message is cut down to SEGMENTS
and fields of KEPT before it is parsed: names and addresses (PID-5, PID-11) never reach the parser or its exceptions.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from wince.hl7.errors import Hl7Error
from wince.hl7.header import Header, codec, decode

KEPT = {"EVN": (2, 6), "PID": (3, 7), "PV1": (3, 6, 19), "MRG": (1,)}
"""Fields that are parsed, by segment; every other field of these segments is emptied first."""
PARSED_AS = "2.5.1"
"""The fields of KEPT stand at the same place in every version; hl7apy's tables of other versions lack some of them (EVN-6 before 2.3)."""
MAX_REPETITIONS = 32
"""Of one kept field; a patient has a handful of identifiers, and the parser's cost grows with the square."""
MAX_FIELD = 2048
"""Characters of one kept field."""
_VERSION = re.compile(r"2\.[1-9](\.[1-9])?")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message: raw (escaped) text of the kept fields. PHI: never logged."""

    header: Header
    digest: str
    """sha256 (hex) of every segment but MSH, as text."""
    segments: dict[str, dict[int, tuple[str, ...]]]
    """Segment name -> field number -> repetitions, as sent. Absent fields are absent."""

    def has(self, segment: str) -> bool:
        """Whether the segment was sent."""
        return segment in self.segments

    def repetitions(self, segment: str, field: int) -> tuple[str, ...]:
        """Repetitions of a field as sent; empty where absent or empty."""
        return self.segments.get(segment, {}).get(field, ())

    def first(self, segment: str, field: int) -> str:
        """First repetition of a field, as sent; empty where absent."""
        return next(iter(self.repetitions(segment, field)), "")

    def components(self, text: str) -> list[str]:
        """Components of a field's repetition, unescaped. Raises Hl7Error for an escape that can't be decoded."""
        return [self.unescape(part.strip()) for part in text.split(self.header.encoding[0])]

    def subcomponents(self, text: str) -> list[str]:
        """Subcomponents of one raw component, unescaped."""
        return [self.unescape(part.strip()) for part in text.split(self.header.encoding[3])]

    def unescape(self, text: str) -> str:
        r"""Decode HL7 escapes (v2.5.1 section 2.7): \F\ \S\ \T\ \R\ \E\ \P\, \X..\ in the message's character set, \.br\;
        highlighting and local escapes vanish. Raises Hl7Error for \C..\ and \M..\ (switching the character set) and bad \X..\."""
        escape = self.header.encoding[2]
        if escape not in text:
            return text
        return re.sub(re.escape(escape) + "([^" + re.escape(escape) + "]*)" + re.escape(escape), lambda m: self._meaning(m[1]), text)

    def _meaning(self, name: str) -> str:
        encoding = self.header.encoding
        plain = {"F": self.header.separator, "S": encoding[0], "R": encoding[1], "E": encoding[2], "T": encoding[3], "P": encoding[4:5]}
        if name in plain:
            return plain[name]
        if name[:1] == "X":
            try:
                decoded = bytes.fromhex(name[1:]).decode(codec(self.header))
            except ValueError:
                raise Hl7Error("an escape that can't be decoded", condition="102", remedy="send the characters as they are") from None
            if not decoded.isprintable():
                raise Hl7Error("an escape that stands for a control character", condition="102", remedy="remove it")
            return decoded
        if name[:1] in ("C", "M"):
            raise Hl7Error("an escape that switches the character set", condition="102", remedy="send UNICODE UTF-8")
        return " " if name[:1] == "." else ""


def parse(raw: bytes, header: Header) -> Message:
    """Parse a message whose header could be read.

    Raises Hl7Error: AR for a bad header (encoding characters, version), AE for what is wrong in the rest.
    """
    _check(header)
    lines = [line for line in decode(raw, header).split("\r") if line.strip()]
    found: dict[str, list[str]] = {}
    for line in lines[1:]:
        name = line.split(header.separator, 1)[0]
        if not _NAME.fullmatch(name) or name == "MSH":
            raise Hl7Error("a line that is no segment", condition="100", remedy="begin each segment with its name, end it with CR")
        if name in KEPT:
            if name in found:
                raise Hl7Error("the segment occurs twice", condition="100", field=name, remedy="send one patient per message")
            found[name] = _reduced(name, line, header)
    parsed = _parsed(found, header)
    digest = hashlib.sha256("\r".join(lines[1:]).encode()).hexdigest()
    return Message(header, digest, parsed)


def _check(header: Header) -> None:
    marks = header.separator + header.encoding
    if not 4 <= len(header.encoding) <= 5 or len(set(marks)) != len(marks) or any(c.isalnum() or not c.isprintable() for c in marks):
        raise Hl7Error("unusable encoding characters", condition="102", field="MSH-2", remedy="send ^~\\&", rejected=True)
    if not header.control_id:
        raise Hl7Error("message control id missing", condition="101", field="MSH-10", remedy="number each message", rejected=True)
    if not header.type:
        raise Hl7Error("message type missing", condition="101", field="MSH-9", remedy="send such as ADT^A01^ADT_A01", rejected=True)
    if not header.version:
        raise Hl7Error("version missing", condition="101", field="MSH-12", remedy="send such as 2.5.1", rejected=True)
    if not _VERSION.fullmatch(header.version):
        raise Hl7Error("version not supported", condition="203", field="MSH-12", remedy="send 2.1 to 2.9", rejected=True)


def _reduced(name: str, line: str, header: Header) -> list[str]:
    fields = line.split(header.separator)
    kept = [name, *([""] * KEPT[name][-1])]
    for number in KEPT[name]:
        text = fields[number] if number < len(fields) else ""
        if len(text) > MAX_FIELD or text.count(header.encoding[1]) >= MAX_REPETITIONS:
            raise Hl7Error("field too long", condition="102", field=f"{name}-{number}", remedy=f"at most {MAX_REPETITIONS} repetitions")
        kept[number] = text
    return kept


def _parsed(found: dict[str, list[str]], header: Header) -> dict[str, dict[int, tuple[str, ...]]]:
    """hl7apy over the reduced segments. It gets a header of our own: its structure decides nothing that is read here."""
    separator, encoding = header.separator, header.encoding[:4]
    head = ["MSH", encoding, *[""] * 6, encoding[0].join(("ADT", "A01", "ADT_A01")), "1", "P", PARSED_AS]
    text = "\r".join([separator.join(head), *(separator.join(fields) for fields in found.values())])
    marks = {"FIELD": separator, "COMPONENT": encoding[0], "REPETITION": encoding[1], "ESCAPE": encoding[2], "SUBCOMPONENT": encoding[3]}
    marks |= {"SEGMENT": "\r", "GROUP": "\r"}
    try:
        tree = parse_message(text, find_groups=False, validation_level=VALIDATION_LEVEL.TOLERANT)
        out: dict[str, dict[int, tuple[str, ...]]] = {}
        for segment in tree.children:
            if segment.name in KEPT:
                rows = {n: [f.to_er7(marks) for f in getattr(segment, f"{segment.name.lower()}_{n}")] for n in KEPT[segment.name]}
                out[segment.name] = {n: tuple(text for text in row if text) for n, row in rows.items() if any(row)}
    except Exception as error:
        raise Hl7Error(f"can't be parsed ({type(error).__name__})", condition="102", remedy="check the segments' syntax") from None
    return out
