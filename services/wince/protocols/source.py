"""A protocol's file as text and as TOML: a small regular file in UTF-8, whatever else stands under its name."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from wince import plain_file
from wince.errors import ProtocolError
from wince.toml import lines
from wince.toml.lines import NotToml

MAX_BYTES = 256 << 10
"""The six protocols have 4 to 6 KiB."""
_MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8 = "save it as UTF-8 without a byte order mark"


def text_of(path: Path) -> str:
    """The text of the file. Raises ProtocolError naming the file, and the line where there is one. Never waits for a pipe or device."""
    try:
        raw = plain_file.read(path, MAX_BYTES)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):
            raise ProtocolError(str(error.strerror), field=str(path), remedy="a protocol is a small TOML file") from None
        raise ProtocolError(f"can't be read: {error.strerror}", field=str(path), remedy="check path and permission") from error
    for mark, name in _MARKS.items():
        if raw.startswith(mark):
            raise ProtocolError(f"begins with a byte order mark of {name}", field=f"{path}:1", remedy=_UTF8)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        told = f"is not UTF-8: byte 0x{raw[error.start]:02x}, as Latin-1 or Windows-1252 write letters with accents"
        raise ProtocolError(told, field=f"{path}:{line}", remedy=_UTF8) from None


def parsed(text: str, path: Path) -> dict[str, Any]:
    """The text as TOML. Raises ProtocolError naming file and line."""
    try:
        return lines.parsed(text)
    except NotToml as error:
        remedy = "correct the line that is named; activity.toml shows every key"
        raise ProtocolError(error.message, field=f"{path}:{error.line}", remedy=remedy) from None
