"""Acknowledgements, original mode (v2.5.1 section 2.9.2): AA taken, AE the data is wrong, AR the header or the type is.

The text of an acknowledgement comes from our own errors only: nothing of the message but its header is echoed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from wince.hl7.errors import CONDITIONS, Hl7Error
from wince.hl7.header import CHARSETS, LONGEST_ECHO, Header

OWN = ("WINCE", "")
"""MSH-3 and MSH-4 where there is no header to answer to."""


def accept(header: Header, number: str, at_us: int) -> bytes:
    """AA. `number`: our own MSH-10; `at_us`: now."""
    return _render(header, "AA", number, at_us, None)


def refuse(header: Header | None, error: Hl7Error, number: str, at_us: int) -> bytes:
    """AE or AR with MSA-3 and ERR. `header` None: it could not be read; MSA-2 is empty then."""
    return _render(header, "AR" if error.rejected else "AE", number, at_us, error)


def _render(header: Header | None, code: str, number: str, at_us: int, error: Hl7Error | None) -> bytes:
    usable = header is not None and 4 <= len(header.encoding) <= 5 and len(set(header.encoding)) == len(header.encoding)
    separator, encoding = (header.separator, header.encoding) if header is not None and usable else ("|", "^~\\&")
    version = (header.version if header is not None else "") or "2.5.1"
    trigger = header.trigger if header is not None else ""
    at = datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y%m%d%H%M%S+0000")

    def echo(field: int) -> str:
        return _printable(header.field(field))[:LONGEST_ECHO] if header is not None and usable else ""

    kind = encoding[0].join(part for part in ("ACK", _printable(trigger)[:3], "ACK" if trigger else "") if part)
    receiver = [echo(3), echo(4)]
    sender = [echo(5) or OWN[0], echo(6) or OWN[1]]
    charset = header.field(18) if header is not None and usable and header.charset in CHARSETS else ""
    head = ["MSH", encoding, *sender, *receiver, at, "", kind, number, echo(11) or "P", _printable(version)[:8], *[""] * 5, charset]
    control = _printable(header.control_id)[:LONGEST_ECHO] if header is not None else ""
    segments = [separator.join(head).rstrip(separator)]
    if error is None:
        segments.append(separator.join(("MSA", code, control)))
    else:
        segments.append(separator.join(("MSA", code, control, _text(error.diagnostics(), separator, encoding))))
        segments.append(separator.join(_err(error, version, separator, encoding)))
    codec = CHARSETS.get(header.charset, "utf-8") if header is not None else "utf-8"
    return ("\r".join(segments) + "\r").encode(codec, "replace")


def _err(error: Hl7Error, version: str, separator: str, encoding: str) -> list[str]:
    """ERR: from v2.5 on location, code and severity in fields of their own, before that in the components of ERR-1."""
    segment, _, field = error.field.partition("-")
    place = [part for part in (segment, "1", field) if part] if segment else []
    condition = [error.condition, CONDITIONS[error.condition], "HL70357"]
    if version < "2.5":
        return ["ERR", encoding[0].join([*(place + [""] * 3)[:3], encoding[3].join(condition)])]
    advice = _text(error.remedy, separator, encoding)
    return ["ERR", "", encoding[0].join(place), encoding[0].join(condition), "E", "", "", _text(error.message, separator, encoding), advice]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _text(text: str, separator: str, encoding: str) -> str:
    """Escape our own words for the sender's delimiters."""
    names = {separator: "F", encoding[0]: "S", encoding[1]: "R", encoding[2]: "E", encoding[3]: "T"}
    escaped = "".join(f"{encoding[2]}{names[c]}{encoding[2]}" if c in names else c for c in text)
    return " ".join(escaped.split())
