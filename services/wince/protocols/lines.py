"""Where in a TOML file a key stands; and what no protocol file may hold, seen before the parser meets it.

`tomllib` says the line of what is no TOML, but not of a key whose value is wrong. Its recursion and the square of a key's length are
the parser's weak points, so brackets and parts of a key are counted first.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from wince.protocols.shown import named

MAX_DEPTH = 16
"""Brackets inside each other; the six protocols need three."""
MAX_PARTS = 16
"""Parts of a dotted key; the six protocols need three."""
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|(?:"""|\'\'\').*'  # of many lines; one that never ends takes the rest
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|["\'][^\n]*'  # of one line; likewise
    r"|\#[^\n]*|\n|[\[\]{}=,.]|[^\s\"'\#\[\]{}=,.]+|[ \t\r\f\v]+|.",
    re.S,
)


def too_deep(text: str) -> int | None:
    """The line where brackets or a key's parts are nested deeper than any protocol's; None: nowhere."""
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


def line_of(text: str, key: str) -> int | None:
    """The line of a key such as "scale.grades[1].min", or of the nearest table around it that the file has; None: it has none."""
    found = key_lines(text)
    while key and key not in found:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return found.get(key)


@dataclass(slots=True)
class _Open:
    """A list or table in brackets that has not ended."""

    base: str
    table: bool
    index: int = 0

    @property
    def here(self) -> str:
        return self.base if self.table else f"{self.base}[{self.index}]"


@dataclass(slots=True)
class _Reader:
    found: dict[str, int] = field(default_factory=dict)
    table: str = ""
    """That of the last header."""
    counts: dict[str, int] = field(default_factory=dict)
    """Tables of a [[list]] so far."""
    open: list[_Open] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    """Of the key, or of the header, that is being read."""
    header: int = 0
    """Brackets with which it began; 0: it is none."""
    value: str | None = None
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
            self.parts.append(named(_unquoted(piece)))

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
        self.table = self._path("", line)
        if self.header > 1:
            index = self.counts[self.table] = self.counts.get(self.table, -1) + 1
            self.table = f"{self.table}[{index}]"
            self.found.setdefault(self.table, line)

    def _path(self, base: str, line: int) -> str:
        """The key below `base` that was read; it and the tables around it stand here, if they don't stand earlier."""
        for part in self.parts:
            base = f"{base}.{part}" if base else part
            self.found.setdefault(base, line)
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
    reader, line = _Reader(), 1
    for match in _PIECE.finditer(text + "\n"):
        piece = match[0]
        if piece == "\n" or (not piece.isspace() and not piece.startswith("#")):
            reader.take(piece, line)
        line += piece.count("\n")
    return reader.found
