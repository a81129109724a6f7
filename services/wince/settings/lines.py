"""Where in a TOML file each key stands: the library that reads TOML doesn't tell."""

from __future__ import annotations

import tomllib
from typing import Any

KeyPath = tuple[str | int, ...]
"""Such as ("cameras", 0, "url")."""


_ENDS = ("]", "}", '"""', "'''")
"""One of these stands in the last line of a statement that has several."""


def lines(text: str) -> dict[KeyPath, int]:
    """Line (from 1) of every table and key of a valid TOML document.

    Each statement is parsed for itself: it ends with the first line with which it is valid TOML.

    >>> lines('site = "a"\\n[rpc]\\nport = 1\\n[[cameras]]\\nid = "c"')[("cameras", 0, "id")]
    5
    """
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    statement, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not statement:
            begun = number
        statement += line + "\n"
        if number > begun and not any(end in line for end in _ENDS):
            continue
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            table = _header(parsed, counts)
            found.setdefault(table, begun)
        else:
            for path in _paths(parsed):
                found[table + path] = begun
        statement = ""
    return found


def line_of(found: dict[KeyPath, int], path: KeyPath) -> int | None:
    """Line of a key, or of the nearest table or list around it; None where none of it is there."""
    return next((found[path[:end]] for end in range(len(path), 0, -1) if path[:end] in found), None)


def _header(parsed: dict[str, Any], counts: dict[KeyPath, int]) -> KeyPath:
    """Path of the table that a header opens. Of a list of tables the header opens a further entry, or one inside the last entry."""
    path: KeyPath = ()
    node: Any = parsed
    while isinstance(node, dict) and node:
        key = next(iter(node))
        path, node = (*path, key), node[key]
        if isinstance(node, list):  # [[key]]
            counts[path] = counts.get(path, 0) + 1
            return (*path, counts[path] - 1)
        if path in counts:  # [key.inner]: inside the last entry of [[key]]
            path = (*path, counts[path] - 1)
    return path


def _paths(value: Any) -> list[KeyPath]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[KeyPath] = []
    for key, inner in items:
        found += [(key,), *((key, *path) for path in _paths(inner))]
    return found
