"""Options that say where services listen: NAME=HOST:PORT."""

from __future__ import annotations

from collections.abc import Sequence

from wince.cli import usage


def places(given: Sequence[str], names: Sequence[str], option: str) -> list[tuple[str, str]]:
    """(name, HOST:PORT) of each. Raises UsageError where a text is no such thing, or the name is none of `names`."""
    found = []
    for text in given:
        name, sign, address = text.partition("=")
        host, colon, port = address.rpartition(":")
        if not sign or name not in names or not colon or not host or not port.isdigit():
            raise usage.UsageError("must be NAME=HOST:PORT", field=f"{option} {text}", remedy=f"NAME is one of {', '.join(names)}")
        found.append((name, address))
    return found
