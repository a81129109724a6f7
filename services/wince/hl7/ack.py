"""Acknowledgements (v2.5.1 section 2.9): AA taken, AE the data is wrong, AR the header or the type is; CA, CE, CR in enhanced mode
(`modes` says which).

The text of an acknowledgement comes from our own errors only: nothing of the message but its header is echoed.

Our own words and ERR are written by hl7apy, from the version's tables of fields and types. MSH and MSA hold what the sender must find again
byte for byte, its own names and its control id: those are echoed as they came, since hl7apy rewrites escapes that it doesn't know.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Segment
from hl7apy.v2_5_1 import ST, TX

from wince.hl7.charset import CHARSETS
from wince.hl7.errors import CONDITIONS, Hl7Error
from wince.hl7.header import LONGEST_ECHO, Header, usable

OWN = ("WINCE", "")
"""MSH-3 and MSH-4 where there is no header to answer to."""


def accept(header: Header, number: str, at_us: int) -> bytes:
    """AA. `number`: our own MSH-10; `at_us`: now."""
    return render(header, "AA", number, at_us, None)


def refuse(header: Header | None, error: Hl7Error, number: str, at_us: int) -> bytes:
    """AE or AR with MSA-3 and ERR. `header` None: it could not be read; MSA-2 is empty then."""
    return render(header, "AR" if error.rejected else "AE", number, at_us, error)


def render(header: Header | None, code: str, number: str, at_us: int, error: Hl7Error | None) -> bytes:
    """An acknowledgement of `code` (MSA-1)."""
    known = header is not None and usable(header)
    separator, encoding = (header.separator, header.encoding) if header is not None and known else ("|", "^~\\&")
    version = (header.version if header is not None else "") or "2.5.1"
    trigger = header.trigger if header is not None else ""
    at = datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y%m%d%H%M%S+0000")

    def echo(field: int) -> str:
        return _printable(header.field(field))[:LONGEST_ECHO] if header is not None and known else ""

    kind = encoding[0].join(part for part in ("ACK", _printable(trigger)[:3], "ACK" if trigger else "") if part)
    receiver = [echo(3), echo(4)]
    sender = [echo(5) or OWN[0], echo(6) or OWN[1]]
    charset = header.field(18) if header is not None and known and header.charset in CHARSETS else ""
    head = ["MSH", encoding, *sender, *receiver, at, "", kind, number, echo(11) or "P", _printable(version)[:8], *[""] * 5, charset]
    control = _printable(header.control_id)[:LONGEST_ECHO] if header is not None else ""
    segments = [separator.join(head).rstrip(separator)]
    if error is None:
        segments.append(separator.join(("MSA", code, control)))
    else:
        marks = _marks(separator, encoding)
        said = ST(_line(error.diagnostics().replace("\n  remedy:", "; remedy:")))
        segments.append(separator.join(("MSA", code, control, said.to_er7(marks))))
        segments.append(_err(error, version).to_er7(marks))
    codec = CHARSETS.get(header.charset, "utf-8") if header is not None else "utf-8"
    return ("\r".join(segments) + "\r").encode(codec, "replace")


def _err(error: Hl7Error, version: str) -> Segment:
    """ERR: from v2.5 on location, code and severity in fields of their own, before that in the components of ERR-1.

    Of the tables those of v2.4 and v2.5.1 are used: by those of v2.8, which know no ERR-1, hl7apy writes ERR-2 into its place.
    """
    early = version < "2.5"
    err = Segment("ERR", version="2.4" if early else "2.5.1", validation_level=VALIDATION_LEVEL.TOLERANT)
    place, of_place = (err.err_1, "eld") if early else (err.err_2, "erl")
    code, of_code = (place.eld_4, "ce") if early else (err.err_3, "cwe")
    segment, _, field = error.field.partition("-")
    for number, text in enumerate((segment, "1", field) if segment else (), 1):
        if text:
            setattr(place, f"{of_place}_{number}", text)
    for number, text in enumerate((error.condition, CONDITIONS[error.condition], "HL70357"), 1):
        setattr(code, f"{of_code}_{number}", text)
    if not early:
        err.err_4, err.err_7 = "E", TX(_line(error.message))  # a str would be parsed, by hl7apy's own delimiters
        if error.remedy:
            err.err_8 = TX(_line(error.remedy))
    return err


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _line(text: str) -> str:
    return " ".join(text.split())


def _marks(separator: str, encoding: str) -> dict[str, str]:
    names = ("COMPONENT", "REPETITION", "ESCAPE", "SUBCOMPONENT")
    return {"FIELD": separator, "SEGMENT": "\r", "GROUP": "\r", **dict(zip(names, encoding[:4], strict=True))}
