"""How a fault in a protocol's file is told."""

from __future__ import annotations

from typing import NoReturn

from wince.errors import ProtocolError


def fail(path: str, key: str, message: str, remedy: str) -> NoReturn:
    """Raise the ProtocolError of a key in a file."""
    raise ProtocolError(message, field=f"{path}: {key}" if key else path, remedy=remedy)
