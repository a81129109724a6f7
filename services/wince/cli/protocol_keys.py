"""docs/reference/protocol-keys.md, made from the classes of a protocol's tables and the limits that the loader asks. `make docs` writes it:

python -m wince.cli.protocol_keys docs/reference/protocol-keys.md
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from pathlib import Path
from typing import Any

from wince.domain.population import Age
from wince.protocols.leaves import MADE
from wince.protocols.limits import CHOICES, MAX_GRADES, MAX_LIST, MAX_TEXT, NUMBERS
from wince.protocols.rules import ClinicalProtocol
from wince.protocols.source import MAX_BYTES
from wince.settings.docstrings import of_class
from wince.toml.lines import MAX_DEPTH

_HEAD = f"""# Keys of a protocol file

Made by `make docs` from the code: don't edit. [The six protocols](protocols.md) says what the files that ship hold, and where a site puts
its own. `activity.toml` shows most keys.

A protocol is one TOML file: UTF-8 without a byte order mark, at most {MAX_BYTES >> 10} KiB, brackets at most {MAX_DEPTH} deep.
A text has one line and at most {MAX_TEXT} letters, a list at most {MAX_LIST} members, a scale 2 to {MAX_GRADES} grades. Whole numbers
may stand for numbers; nothing else is converted. What is wrong is refused with file, line, key and remedy. So is an unknown key.

"""
_WORDS = {str: "text", float: "number", int: "whole number", bool: "true or false", Age: "age, such as 18y, 6m, 28d"}


def page() -> str:
    """The page."""
    return _HEAD + "\n".join(_table(kind, where, key) for kind, where, key in _tables(ClinicalProtocol, "", ""))


def _tables(kind: Any, where: str, key: str) -> list[tuple[Any, str, str]]:
    """Every table: its class, its name in the file, and its key as limits.py has it."""
    found = [(kind, where, key)]
    for name, hint in _fields(kind):
        inner, member = _inside(hint)
        if dataclasses.is_dataclass(inner) and inner is not Age:
            path = f"{where}.{name}" if where else name
            below = f"{key}.{name}{member}" if key else f"{name}{member}"
            found += _tables(inner, f"{path}.<name>" if member == ".*" else path, below)
    return found


def _fields(kind: Any) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(kind) if kind is not ClinicalProtocol or field.name not in MADE]


def _inside(hint: Any) -> tuple[Any, str]:
    """What a field holds, or each member of it, and how the member's key ends."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _inside(arguments[0])
    if origin is tuple:
        return arguments[0], "[]"
    return (arguments[1], ".*") if origin is dict else (hint, "")


def _table(kind: Any, where: str, key: str) -> str:
    title = f"[[{where}]]" if key.endswith("[]") else f"[{where}]" if where else "The file"
    docs = " ".join((kind.__doc__ or "").split())
    said = docs.partition(": ")[2] if docs.startswith("[") else docs
    lead = said[:1].upper() + said[1:] if where else "Keys above all tables, and the tables."
    rows = "".join(_row(kind, name, hint, f"{key}.{name}" if key else name) for name, hint in _fields(kind))
    return f"## {title}\n\n{lead}\n\n| key | type | range | default | meaning |\n|---|---|---|---|---|\n{rows}"


def _row(kind: Any, name: str, hint: Any, key: str) -> str:
    inner, member = _inside(hint)
    what = _WORDS.get(inner, "table")
    shape = f"list: {what}" if member == "[]" else f"table of a {what} by name" if member else what
    limit = key + member if member == "[]" else key
    span = ", ".join(f"`{word}`" for word in CHOICES[limit]) if limit in CHOICES else str(NUMBERS.get(limit, ""))
    text = " ".join(of_class(kind)[name].split()).replace("|", "\\|").replace("None: ", "Not set: ")
    return f"| `{name}` | {shape} | {span} | {_default(kind, name)} | {text} |\n"


def _default(kind: Any, name: str) -> str:
    (field,) = (one for one in dataclasses.fields(kind) if one.name == name)
    if field.default is dataclasses.MISSING:
        return "must be there" if field.default_factory is dataclasses.MISSING else "empty"
    if field.default in ("", ()):
        return "empty"
    if field.default is None:
        return "not set"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
