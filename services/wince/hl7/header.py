"""The first segment, by plain split: it must be readable where the message as a whole is not, since every message gets its answer.

HL7 v2.5.1 section 2.14.9: MSH-1 is the character after "MSH", MSH-2 the encoding characters; so fields[n] of the split is MSH-n+1.
"""

from __future__ import annotations

from dataclasses import dataclass

from wince.hl7.errors import Hl7Error

CHARSETS = {
    "": "utf-8",  # the standard says ASCII, of which this is a superset; anything else fails to decode and is answered
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "ISO IR6": "ascii",
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
"""MSH-18 (table 0211) -> Python codec. A name that is not here is refused, never guessed."""
LONGEST_ECHO = 199
"""Characters of MSH-10 that are echoed (its length in v2.7)."""


@dataclass(frozen=True, slots=True)
class Header:
    """MSH as text, not unescaped; fields that are absent are empty."""

    separator: str
    """MSH-1."""
    encoding: str
    """MSH-2: component, repetition, escape, subcomponent, from v2.7 on perhaps truncation."""
    fields: tuple[str, ...]
    """MSH-1, MSH-2, ...; fields[n - 1] is MSH-n."""

    def field(self, number: int) -> str:
        """MSH-`number` (from 1), empty where absent."""
        return self.fields[number - 1] if number <= len(self.fields) else ""

    def part(self, number: int, component: int = 1) -> str:
        """One component (from 1) of the first repetition of MSH-`number`."""
        first = self.field(number).split(self.encoding[1])[0] if len(self.encoding) > 1 else self.field(number)
        parts = first.split(self.encoding[0]) if self.encoding else [first]
        return parts[component - 1].strip() if component <= len(parts) else ""

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.field(10).strip()

    @property
    def type(self) -> str:
        """MSH-9.1, such as ADT."""
        return self.part(9, 1)

    @property
    def trigger(self) -> str:
        """MSH-9.2, such as A01."""
        return self.part(9, 2)

    @property
    def version(self) -> str:
        """MSH-12.1, such as 2.5.1."""
        return self.part(12, 1)

    @property
    def charset(self) -> str:
        """MSH-18, first repetition."""
        return self.part(18, 1).upper()


def read_header(raw: bytes) -> Header | None:
    """The header of a message; None where it does not begin with MSH and a separator. Never raises: bytes that are no ASCII
    come out as "?" unless they are UTF-8."""
    line = raw.lstrip(b"\r\n").replace(b"\n", b"\r").split(b"\r", 1)[0]
    text = line.decode("utf-8", "replace").replace("�", "?")
    if not text.startswith("MSH") or len(text) < 5 or not _mark(text[3]):
        return None
    fields = text[4:].split(text[3])
    return Header(text[3], fields[0], (text[3], *fields))


def usable(header: Header) -> bool:
    """Whether MSH-1 and MSH-2 can be read and written with: 4 or 5 encoding characters, all different, no letter, digit or space."""
    marks = header.separator + header.encoding
    return 4 <= len(header.encoding) <= 5 and len(set(marks)) == len(marks) and all(map(_mark, marks))


def _mark(character: str) -> bool:
    """Neither in a name or number, nor the quotation mark of an explicit null."""
    return character.isprintable() and not character.isalnum() and not character.isspace() and character != '"'


def codec(header: Header) -> str:
    """Python codec of the message. Raises Hl7Error (AE 103) where MSH-18 names none that is known."""
    try:
        return CHARSETS[header.charset]
    except KeyError:
        raise Hl7Error(
            "character set not supported", condition="103", field="MSH-18", remedy="send UNICODE UTF-8, or one of 8859/1 to 8859/15"
        ) from None


def decode(raw: bytes, header: Header) -> str:
    """The whole message as text, one CR after each segment. Raises Hl7Error (AE) for undecodable bytes and control characters."""
    try:
        text = raw.decode(codec(header))
    except UnicodeDecodeError:
        raise Hl7Error(
            "bytes that are not of the declared character set",
            condition="102",
            field="MSH-18",
            remedy="declare the character set that is sent, such as 8859/1 or UNICODE UTF-8",
        ) from None
    text = text.replace("\r\n", "\r").replace("\n", "\r").strip("\r")
    if any(c < " " and c not in "\r\t" for c in text):
        raise Hl7Error("control characters in the message", condition="102", remedy="remove NUL and other control characters")
    return text
