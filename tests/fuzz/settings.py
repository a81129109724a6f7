"""Settings files: the example with every key set, spoilt in keys, values, bytes and nesting, or something else under its name.

Allowed: settings that say what the file says; or a ConfigError that names the key or the file, and a remedy, in a few printable words.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tests.fuzz import protocol, told
from wince.errors import ConfigError
from wince.settings import load

NAME = "settings"
SUITE = 300
_EXAMPLE = (Path(__file__).resolve().parents[2] / "wince.example.toml").read_text("utf-8")
FILE = re.sub(r"^#(?=[a-z_]+ = |\[)", "", _EXAMPLE, flags=re.MULTILINE).encode()
"""The example, every key of it set."""
OTHERS = [protocol._pipe, protocol._folder, protocol._loop, protocol._sparse, protocol._dangling, protocol._socket, protocol._device]
SPOILT: list[Callable[[bytes, random.Random], bytes]] = [
    protocol._doubled, protocol._surprise, protocol._none, protocol._hidden, protocol._raw, protocol._accent, protocol._mark,
    protocol._deep, protocol._long, protocol._value, protocol._number, protocol._bytes, protocol._cut, protocol._without,
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A file's bytes, or how something else is made at its path."""

    raw: bytes
    make: Callable[[Path], object] | None = None


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    if chance.random() < 0.05:
        return Case(b"", chance.choice(OTHERS))
    raw = chance.choice([FILE, FILE, _one_table(chance)])
    for _ in range(chance.choice([0, 1, 1, 2])):
        raw = chance.choice(SPOILT)(raw, chance)
    return Case(raw)


def check(one: Case) -> None:
    """Raises AssertionError for an error that names too little; any other error than a ConfigError is the fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wince.toml"
        if one.make is None:
            path.write_bytes(one.raw)
        else:
            one.make(path)
        bare = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
        with mock.patch.dict(os.environ, bare | {"WINCE_CONFIG": str(path)}, clear=True):
            try:
                load()
            except ConfigError as error:
                told(error.message.replace(str(path), ""), error.field, error.remedy)


def _one_table(chance: random.Random) -> bytes:
    """A stretch of the example's lines: tables without those before them."""
    lines = FILE.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return b"".join(lines[at : at + chance.randint(1, 60)])
