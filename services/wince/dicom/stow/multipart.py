"""multipart/related as it comes (RFC 2387, RFC 2046 section 5.1): pieces in, the parts' bytes out, none of them kept here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from wince.errors import MessageError

HEADERS_BYTES = 16 * 1024
"""Most bytes of a part's headers, and of a preamble."""
PARTS = 10_000
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,199}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046 allows 70 characters; Orthanc sends 73."""


class _At(Enum):
    PREAMBLE = auto()
    DELIMITER = auto()
    """A delimiter was found: its line goes on."""
    HEADERS = auto()
    CONTENT = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Begin:
    """A part begins."""

    kind: str
    """Its media type, in small letters; empty: none was said."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a part's content."""

    content: bytes


@dataclass(frozen=True, slots=True)
class End:
    """A part is over."""


Event = Begin | Piece | End


def parameters(value: str) -> dict[str, str]:
    """The parameters of a Content-Type, names in small letters; the media type itself is under ""."""
    found = {"": value.partition(";")[0].strip().lower()}
    for name, quoted, plain in re.findall(r';\s*([!#-\'*+.0-9A-Z^-~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', value):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else plain)
    return found


class Multipart:
    """Fed with a body, piece by piece. `feed` and `close` raise MessageError where it is no multipart body."""

    def __init__(self, boundary: str) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise _wrong("has no usable boundary")
        self._mark = b"\r\n--" + boundary.encode("ascii")
        self._held, self._at, self._parts = bytearray(b"\r\n"), _At.PREAMBLE, 0

    def feed(self, content: bytes) -> Iterator[Event]:
        """What the next bytes of the body come to."""
        self._held += content
        while (event := self._step()) is not None:
            if not isinstance(event, bool):
                yield event

    def close(self) -> None:
        """The body is over. Raises MessageError where it ended too early."""
        if self._at is not _At.END:
            raise _wrong("ends before its last boundary")

    def _step(self) -> Event | bool | None:
        """An event, or True where something was read, or None where more bytes are needed."""
        held = self._held
        if self._at is _At.END:
            held.clear()
            return None
        if self._at is _At.DELIMITER:
            return self._delimiter()
        if self._at is _At.HEADERS:
            return self._headers()
        found = held.find(self._mark)
        if self._at is _At.PREAMBLE:
            if found < 0:
                if len(held) > HEADERS_BYTES:
                    raise _wrong("does not begin with its boundary")
                return None
            del held[: found + len(self._mark)]
            self._at = _At.DELIMITER
            return True
        if found == 0:
            del held[: len(self._mark)]
            self._at = _At.DELIMITER
            return End()
        sure = found if found > 0 else len(held) - len(self._mark) + 1  # the rest may be the begin of a delimiter
        if sure <= 0:
            return None
        piece = bytes(memoryview(held)[:sure])
        del held[:sure]
        return Piece(piece)

    def _delimiter(self) -> bool | None:
        held = self._held
        if held[:2] == b"--":
            self._at = _At.END
            return True
        end = held.find(b"\r\n")
        if end < 0:
            if len(held) > HEADERS_BYTES:
                raise _wrong("has a boundary's line that is too long")
            return None
        if held[:end].strip(b" \t"):
            raise _wrong("has something behind a boundary")
        del held[:end]  # the line's end stays: an empty list of headers is an empty line
        self._at = _At.HEADERS
        self._parts += 1
        if self._parts > PARTS:
            raise _wrong("has too many parts")
        return True

    def _headers(self) -> Event | None:
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            if len(self._held) > HEADERS_BYTES:
                raise _wrong("has headers of a part that are too long")
            return None
        lines = bytes(self._held[:end]).decode("latin-1").split("\r\n")
        del self._held[: end + 4]
        self._at = _At.CONTENT
        kinds = [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip().lower() == "content-type"]
        return Begin(parameters(kinds[0])[""] if kinds else "")


def _wrong(what: str) -> MessageError:
    return MessageError(f"the body {what}", field="Content-Type", remedy='send multipart/related; type="application/dicom"; boundary=...')
