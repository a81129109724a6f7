"""Where in a TOML file a key stands; and what no file may hold, seen before the parser meets it.

`tomllib` says the line of what is no TOML, but not of a key whose value is wrong. Its recursion and the square of a key's length are
the parser's weak points, so brackets and parts of a key are counted first.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wince.toml.shown import named

KeyPath = tuple[str | int, ...]
"""Such as ("cameras", 0, "url")."""
MAX_DEPTH = 16
"""Brackets inside each other; protocols and settings need three."""
MAX_PARTS = 16
"""Parts of a dotted key; protocols and settings need three."""
_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_DIGITS = re.compile(r"[0-9_]{4300,}")
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|(?:"""|\'\'\').*'  # of many lines; one that never ends takes the rest
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|["\'][^\n]*'  # of one line; likewise
    r"|\#[^\n]*|\n|[\[\]{}=,.]|[^\s\"'\#\[\]{}=,.]+|[ \t\r\f\v]+|.",
    re.S,
)


def too_deep(text: str) -> int | None:
    """The line where brackets or a key's parts are nested deeper than in any file of ours; None: nowhere."""
    line, depth, parts = 1, 0, 0
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece in "[{":
            depth, parts = depth + 1, 0
        elif piece in "]}":
            depth = max(0, depth - 1)
        elif piece == ".":
            parts += 1
        elif piece in ("\n", "=", ","):
            parts = 0
        if depth > MAX_DEPTH or parts >= MAX_PARTS:
            return line
        line += piece.count("\n")
    return None


class NotToml(ValueError):
    """A text is no TOML that is taken."""

    def __init__(self, message: str, line: int) -> None:
        """`line`: from 1."""
        super().__init__(message)
        self.message, self.line = message, line


def parsed(text: str) -> dict[str, Any]:
    """The text as TOML. Raises NotToml, also for what is nested too deep and for numbers that no computer holds."""
    if (line := too_deep(text)) is not None:
        raise NotToml(f"is nested deeper than {MAX_DEPTH} brackets or {MAX_PARTS} parts of a key", line)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError; so is a number of more than 4,300 digits
        told = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "holds a number that no computer holds"
        found, digits = _LINE.search(told), _DIGITS.search(text)
        last = digits.start() if digits else len(text)
        raise NotToml(f"is not TOML: {told}", int(found[1]) if found else text.count("\n", 0, last) + 1) from None


def line_of(text: str, key: str) -> int | None:
    """The line of a key such as "scale.grades[1].min", or of the nearest table around it that the file has; None: it has none."""
    found = key_lines(text)
    while key and key not in found:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return found.get(key)


@dataclass(slots=True)
class _Open:
    """A list or table in brackets that has not ended."""

    base: KeyPath
    table: bool
    index: int = 0

    @property
    def here(self) -> KeyPath:
        return self.base if self.table else (*self.base, self.index)


@dataclass(slots=True)
class _Reader:
    found: dict[KeyPath, int] = field(default_factory=dict)
    table: KeyPath = ()
    """That of the last header."""
    counts: dict[KeyPath, int] = field(default_factory=dict)
    """Tables of a [[list]] so far."""
    open: list[_Open] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    """Of the key, or of the header, that is being read."""
    header: int = 0
    """Brackets with which it began; 0: it is none."""
    value: KeyPath | None = None
    """Key of the value that is being read."""

    def take(self, piece: str, line: int) -> None:
        """One piece further."""
        if piece == "\n" and not self.open:
            self._end_header(line)
            self.parts, self.header, self.value = [], 0, None
        elif self.value is None:
            self._name(piece, line)
        elif piece in "[{":
            self._note(line)
            self.open.append(_Open(self.value, piece == "{"))
            self.parts, self.value = [], None if piece == "{" else self.open[-1].here
        elif piece in "]}" or piece == ",":
            self._next(piece)
        elif piece != "\n":
            self._note(line)

    def _name(self, piece: str, line: int) -> None:
        if piece == "[" and not self.open and not self.parts:
            self.header += 1
        elif piece == "=":
            self.value = self._path(self.open[-1].base if self.open else self.table, line)
        elif self.open and piece in ("}", "]", ","):
            self._next(piece)
        elif piece not in (".", "\n", "]"):
            self.parts.append(_unquoted(piece))

    def _next(self, piece: str) -> None:
        """A member of a list or table in brackets ended, or the whole."""
        if piece != "," and self.open:
            self.value = self.open.pop().base
            self.parts = []
        elif self.open:
            top = self.open[-1]
            top.index += 1
            self.parts, self.value = [], None if top.table else top.here

    def _note(self, line: int) -> None:
        assert self.value is not None
        self.found.setdefault(self.value, line)

    def _end_header(self, line: int) -> None:
        if not self.header:
            return
        self.table = self._path((), line)
        if self.header > 1:
            index = self.counts[self.table] = self.counts.get(self.table, -1) + 1
            self.table = (*self.table, index)
            self.found.setdefault(self.table, line)

    def _path(self, base: KeyPath, line: int) -> KeyPath:
        """The key below `base` that was read; it and the tables around it stand here, if they don't stand earlier."""
        for number, part in enumerate(self.parts, 1):
            base = (*base, part)
            self.found.setdefault(base, line)
            if self.header and number < len(self.parts) and base in self.counts:
                base = (*base, self.counts[base])  # [list.inner]: inside the last entry of [[list]]
        return base


def _unquoted(piece: str) -> str:
    """A part of a key without its quotes and escapes."""
    if piece[0] not in "\"'":
        return piece
    try:
        return str(tomllib.loads(f"key = {piece}")["key"])
    except tomllib.TOMLDecodeError:
        return piece


def key_lines(text: str) -> Mapping[str, int]:
    """The line, from 1, of each key, table and member of a list in a TOML text.

    >>> key_lines('a = 1\\n[b]\\nc = [{ d = 1 },\\n  { d = 2 }]')
    {'a': 1, 'b': 2, 'b.c': 3, 'b.c[0]': 3, 'b.c[0].d': 3, 'b.c[1]': 4, 'b.c[1].d': 4}
    """
    return {_written(path): line for path, line in path_lines(text).items()}


def path_lines(text: str) -> dict[KeyPath, int]:
    """As `key_lines`, by path.

    >>> path_lines('site = "a"\\n[rpc]\\nport = 1\\n[[cameras]]\\nid = "c"')[("cameras", 0, "id")]
    5
    """
    reader, line = _Reader(), 1
    for match in _PIECE.finditer(text + "\n"):
        piece = match[0]
        if piece == "\n" or (not piece.isspace() and not piece.startswith("#")):
            reader.take(piece, line)
        line += piece.count("\n")
    return reader.found


def nearest(found: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Line of a key, or of the nearest table or list around it; None where none of it is there."""
    return next((found[path[:end]] for end in range(len(path), 0, -1) if path[:end] in found), None)


def _written(path: KeyPath) -> str:
    """Such as "scale.grades[1].min"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{named(part)}" for part in path).removeprefix(".")
