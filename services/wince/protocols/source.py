"""A protocol's file as text and as TOML: a small regular file in UTF-8, whatever else stands under its name."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from wince.errors import ProtocolError
from wince.protocols.lines import MAX_DEPTH, MAX_PARTS, too_deep

MAX_BYTES = 256 << 10
"""The six protocols have 4 to 6 KiB."""
_MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_DIGITS = re.compile(r"[0-9_]{4300,}")
_UTF8 = "save it as UTF-8 without a byte order mark"


def text_of(path: Path) -> str:
    """The text of the file. Raises ProtocolError naming the file, and the line where there is one. Never waits for a pipe or device."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ProtocolError("is no regular file", field=str(path), remedy="a protocol is a small TOML file")
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProtocolError(f"can't be read: {error.strerror}", field=str(path), remedy="check path and permission") from error
    if len(raw) > MAX_BYTES:
        raise ProtocolError(f"is larger than {MAX_BYTES >> 10} KiB", field=str(path), remedy="a protocol is a small TOML file")
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
    if (line := too_deep(text)) is not None:
        told = f"is nested deeper than {MAX_DEPTH} brackets or {MAX_PARTS} parts of a key"
        raise ProtocolError(told, field=f"{path}:{line}", remedy="no table of a protocol lies so deep: activity.toml shows every key")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError; so is a number of more than 4,300 digits
        told = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "holds a number that no computer holds"
        found, digits = _LINE.search(told), _DIGITS.search(text)
        last = digits.start() if digits else len(text)
        line = int(found[1]) if found else text.count("\n", 0, last) + 1
        raise ProtocolError(f"is not TOML: {told}", field=f"{path}:{line}", remedy="correct the line that is named") from None
