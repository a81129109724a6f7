"""How a fault in a protocol's file is told."""

from __future__ import annotations

from typing import NoReturn

from wince.errors import ProtocolError
from wince.toml.lines import line_of


def fail(path: str, key: str, message: str, remedy: str) -> NoReturn:
    """Raise the ProtocolError of a key in a file."""
    raise ProtocolError(message, field=f"{path}: {key}" if key else path, remedy=remedy)


def located(error: ProtocolError, path: str, text: str) -> ProtocolError:
    """The error of `fail`, with the line in the file's text where the key stands, or the table that lacks it."""
    key = error.field.removeprefix(path).removeprefix(": ")
    line = line_of(text, key)
    return ProtocolError(error.message, field=error.field if line is None else f"{path}:{line}: {key}", remedy=error.remedy)
