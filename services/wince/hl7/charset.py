r"""Which bytes stand for which characters: MSH-18, the site's own set where a message declares none, and escapes that switch the set.

HL7 v2.5.1 section 2.15.9.18 and table 0211; section 2.7.3 and ISO 2022 for `\C..\` and `\M..\`. Bytes that are none of the declared set
don't spoil the message: they come out as lone surrogates (`spoiled`), and cost the field that they stand in.
"""

from __future__ import annotations

import codecs

from wince.hl7.errors import Hl7Error
from wince.hl7.header import Header

CHARSETS = {
    "ASCII": "ascii",
    "ISO IR6": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"ISO-8859-{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    "ISO IR100": "iso8859-1",
    "WINDOWS-1252": "cp1252",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
"""MSH-18 (table 0211, and names that senders use beside it) -> Python codec. A name that is not here is refused, never guessed."""
UNDECLARED = "UNICODE UTF-8"
"""Where MSH-18 is empty and the site says nothing. The standard says ASCII, of which this is a superset."""

_SPOILT = "wince-spoilt"


def _surrogates(error: UnicodeError) -> tuple[str, int]:
    """As "surrogateescape", which leaves bytes below 0x80 alone: within a switched set those can be wrong too."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_SPOILT, _surrogates)

_SINGLE = {
    "2842": "ascii",
    "284A": "ascii",
    **{
        f"2D{final}": f"iso8859-{part}"
        for final, part in zip(
            ("41", "42", "43", "44", "4C", "47", "46", "48", "4D", "56", "54", "59", "5F", "62"),
            (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15),
            strict=True,
        )
    },
}
r"""`\Cxxyy\`: what follows ESC in ISO 2022, in hex -> Python codec. ESC - A is Latin-1's upper half, and so on."""
_MULTI = {"2442": "iso2022_jp", "242844": "iso2022_jp_1", "242943": "euc_kr", "242941": "gb2312"}
r"""`\Mxxyyzz\` likewise: JIS X 0208, JIS X 0212, KS X 1001, GB 2312."""


def codec(header: Header, undeclared: str = UNDECLARED) -> str:
    """Python codec of the message; `undeclared`: MSH-18 of messages that declare none. Raises Hl7Error (AE 103) for an unknown set.

    Of several sets (MSH-18 repeats) the first is the message's own. The Japanese ones that come after ASCII are reached by ISO 2022
    escapes within the text, which the codec of the last such set reads beside ASCII.
    """
    sets = [part.strip().upper() for part in header.field(18).split(header.encoding[1:2] or "~")]
    first = sets[0] or undeclared
    try:
        if not sets[0] or CHARSETS[first] == "ascii":
            japanese = [CHARSETS[name] for name in sets[1:] if CHARSETS.get(name, "").startswith("iso2022")]
            return max(japanese, default=CHARSETS[first])
        return CHARSETS[first]
    except KeyError:
        raise Hl7Error(
            "character set not supported", condition="103", field="MSH-18", remedy="send UNICODE UTF-8, or one of 8859/1 to 8859/15"
        ) from None


def decode(raw: bytes, name: str) -> str:
    """The whole message as text by a Python codec. A byte order mark is left out, a byte that can't be decoded is a lone surrogate."""
    return raw.removeprefix(codecs.BOM_UTF8).decode(name, _SPOILT).removeprefix("\ufeff")


def spoiled(text: str) -> bool:
    """Whether some of its bytes were none of the character set, or it holds control characters (a line end or NUL inside a field)."""
    return not text.isprintable() and any((c < " " and c != "\t") or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in text)


def bytes_as_text(digits: str, name: str) -> str:
    r"""`\X..\`: hex digits of bytes in the message's character set. Raises Hl7Error for what is no hex or no character."""
    try:
        decoded = bytes.fromhex(digits).decode(name)
    except ValueError:
        raise Hl7Error("an escape that can't be decoded", condition="102", remedy="send the characters as they are") from None
    if not decoded.isprintable():
        raise Hl7Error("an escape that stands for a control character", condition="102", remedy="remove it")
    return decoded


def switched(escape: str, text: str, name: str) -> str:
    r"""Text that follows `\C..\` or `\M..\` (`escape`: without its delimiters) up to the next one, read again by that set.

    `name`: codec by which `text` was read. Raises Hl7Error for a set that is not known, or bytes that are none of it.
    """
    other = (_SINGLE if escape[0] == "C" else _MULTI).get(escape[1:].upper())
    if other is None:
        raise Hl7Error("an escape to an unknown character set", condition="102", remedy="send UNICODE UTF-8")
    try:
        raw = text.encode(name, "surrogateescape")
        if other.startswith("iso2022"):
            raw = b"\x1b" + bytes.fromhex(escape[1:]) + raw + b"\x1b(B"
        return raw.decode(other)
    except (UnicodeError, ValueError):
        raise Hl7Error("bytes that are none of the set that an escape names", condition="102", remedy="send UNICODE UTF-8") from None
