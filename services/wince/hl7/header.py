"""The first segment, by plain split: it must be readable where the message as a whole is not, since every message gets its answer.

HL7 v2.5.1 section 2.14.9: MSH-1 is the character after "MSH", MSH-2 the encoding characters; so fields[n] of the split is MSH-n+1.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

LONGEST_ECHO = 199
"""Characters of MSH-10 that are echoed (its length in v2.7)."""
LONGEST = {3: 227, 4: 227, 10: LONGEST_ECHO}
"""Characters of MSH-3 and MSH-4 (an HD's length in v2.7) and MSH-10, which together name a message."""
MAX_HEADER = 16_384
"""Bytes of MSH; a longer first line is no header."""
_FIRST = re.compile(rb"[\r\n]")


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
    """The header of a message; None where it does not begin with MSH and a separator. A byte order mark before it is passed over.
    Never raises: control characters, and bytes that are no ASCII unless they are UTF-8, come out as "?"."""
    line = _FIRST.split(raw[: MAX_HEADER + 16].removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n").removeprefix(codecs.BOM_UTF8), maxsplit=1)[0]
    text = line.decode("utf-8", "replace").replace("\ufffd", "?")
    if not text.isprintable():
        text = "".join("?" if c < " " or c == "\x7f" else c for c in text)
    if not text.startswith("MSH") or len(text) < 5 or len(line) > MAX_HEADER or not _mark(text[3]):
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
