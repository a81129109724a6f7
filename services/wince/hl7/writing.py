r"""Writing HL7 v2: escapes, components, segments, times (v2.5.1 sections 2.5 to 2.7). Pure; knows no message's meaning.

The encoding characters are always ^~\& and the separator |. Characters that are none of the message's set are refused when the message
is encoded (`encoded`), never replaced: a changed identifier would be another patient's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from wince.errors import MessageError
from wince.hl7.charset import CHARSETS

ENCODING = "^~\\&"
_ESCAPES = str.maketrans({"|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\\": "\\E\\"})
NULL = '""'
"""A field that says: what stood here is deleted. An empty one says nothing."""


def escaped(text: str) -> str:
    r"""A text as content of a field: delimiters escaped, line ends and other control characters as spaces.

    >>> escaped("O&G|1\r2")
    'O\\T\\G\\F\\1 2'
    """
    plain = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return plain.translate(_ESCAPES)


def composed(*parts: str, by: str = "^") -> str:
    """Components of one field, each escaped; empty ones at the end are left out. `by`: & for subcomponents.

    >>> composed("a^b", "", "c", "")
    'a\\\\S\\\\b^^c'
    """
    return by.join(map(escaped, parts)).rstrip(by)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment of fields that are written already; absent numbers are empty. For MSH, MSH-1 and MSH-2 are written here.

    >>> segment("NTE", {1: "1", 3: "text"})
    'NTE|1||text'
    """
    begins = 3 if name == "MSH" else 1
    row = [fields.get(number, "") for number in range(begins, max(fields, default=0) + 1)]
    head = ["MSH", ENCODING] if name == "MSH" else [name]
    return "|".join([*head, *row]).rstrip("|")


def moment(at_us: int, zone: tzinfo = UTC, *, fraction: bool = False) -> str:
    """A time with its offset, YYYYMMDDHHMMSS[.SSSS]+ZZZZ. `at_us`: microseconds UTC. Beyond `fraction`, parts of a second are cut off.

    >>> moment(1_700_000_040_250_000, fraction=True)
    '20231114221400.2500+0000'
    """
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(zone)
    parts = f".{at_us % 1_000_000 // 100:04d}" if fraction else ""
    return f"{at:%Y%m%d%H%M%S}{parts}{at:%z}"[: 24 if fraction else 19]


def number(value: float) -> str:
    """A number as NM: plain decimal, at most three places.

    >>> number(3.5), number(10.0), number(-0.0), number(1e-9)
    ('3.5', '10', '0', '0')
    """
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def encoded(message: str, charset: str) -> bytes:
    """A message in its character set, named as in MSH-18; empty: ASCII. Raises MessageError where a character is none of the set."""
    try:
        return message.encode(CHARSETS[charset] if charset else "ascii")
    except UnicodeEncodeError:
        remedy = "name a character set that holds it in the write profile, such as UNICODE UTF-8"
        raise MessageError("a character is none of the message's character set", field="MSH-18", remedy=remedy) from None
