"""Protocol files: the six that ship, spoilt in keys, values, bytes and nesting, or something else under their name.

Allowed: a protocol that says what the file says, key by key; or a ProtocolError that names the file, a line of it, and a remedy, in a few
printable words.
"""

from __future__ import annotations

import math
import os
import random
import re
import socket
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wince.errors import ProtocolError
from wince.protocols import loader
from wince.protocols.leaves import leaves
from wince.protocols.rules import ClinicalProtocol

NAME = "protocol"
FILES = {name: path.read_bytes() for name, path in loader.available().items()}
NO_NUMBERS = ["nan", "inf", "-inf", "1e400", "9" * 30, "9" * 5000, "-" + "9" * 19, "0x" + "f" * 9000]
VALUES = [
    *NO_NUMBERS, "0", "-1", "1", "0.5", "1e-9", "1e9", "99999", "true", '""', '" "', '"x"', "''", "[]", "{}", "[1]",
    "[[[1]]]", '["x", "x"]', "{ a = { b = 1 } }", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", '"9y"', '"18Y"',
    '"99999y"', '"0d"', '"\\u0663y"', "-0.0",
]  # fmt: skip
NESTED = ["[" * 100_000, "{ a = " * 20_000, "[" * 40 + "]" * 40, "{ a = [" * 100]
HIDDEN = ["\\u0000", "\\u001b[31m", "\\n", "\\u0085", "\\u202e", "\\u2028", "\\ufeff", "\\u007f"]
SIMPLE = re.compile(rb"^[a-z0-9_]+ = (?![\[{]).*$", re.M)
"""A key whose value ends in its line."""
TEXT = re.compile(rb'^[a-z0-9_]+ = "', re.M)


@dataclass(frozen=True)
class Case:
    """A file's bytes, or how something else is made at its path; and whether it must be refused."""

    name: str
    raw: bytes
    make: Callable[[Path], object] | None = None
    bad: bool = False


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    name = chance.choice(sorted(FILES))
    if chance.random() < 0.03:
        return Case(name, b"", chance.choice([_pipe, _folder, _loop, _sparse, _dangling, _socket, _device]), bad=True)
    raw = FILES[name]
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        raw = chance.choice([_without, _value, _value, _number, _bytes, _cut])(raw, chance)
    if chance.random() < 0.5:
        return Case(name, chance.choice([_doubled, _surprise, _none, _hidden, _raw, _accent, _mark, _deep, _long])(raw, chance), bad=True)
    return Case(name, raw)


def check(one: Case) -> None:
    """Raises AssertionError for a protocol that isn't the file's, or an error that names too little."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{one.name}.toml"
        if one.make is None:
            path.write_bytes(one.raw)
        else:
            one.make(path)
        try:
            protocol = loader.load(one.name, (Path(folder),))
        except ProtocolError as error:
            _told(error, path, lines=one.make is None and len(one.raw) <= 200_000)
            return
    assert not one.bad, "was taken"
    _faithful(tomllib.loads(one.raw.decode()), protocol)


def _told(error: ProtocolError, path: Path, *, lines: bool) -> None:
    told = f"{error.message} {error.remedy} {error.field.removeprefix(str(path))}"
    assert error.field.startswith(str(path)), f"names no file: {error.field}"
    assert error.message, "says nothing"
    assert error.remedy, "has no remedy"
    assert told.isprintable(), f"prints what it should not: {told!r}"
    assert len(told) < 3000, "says too much"
    if lines and error.message != "missing":
        assert re.match(r":\d+", error.field.removeprefix(str(path))), f"names no line: {error.diagnostics()}"


def _faithful(content: dict[str, object], protocol: ClinicalProtocol) -> None:
    """Every key of the file is in the protocol with its value; and no number is none."""
    said = {leaf.key: leaf.value for leaf in leaves(protocol)}
    for key, value in _flat(content, ""):
        found = said[key]
        assert (str(found) if isinstance(value, str) else found) == value, f"{key} is {found!r}, not {value!r}"
    assert all(math.isfinite(value) for value in said.values() if isinstance(value, int | float))


def _flat(value: object, key: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{key}[{index}]")
    else:
        yield key, value


def _one(raw: bytes, what: re.Pattern[bytes], chance: random.Random) -> re.Match[bytes] | None:
    found = list(what.finditer(raw))
    return chance.choice(found) if found else None


def _without(raw: bytes, chance: random.Random) -> bytes:
    match = _one(raw, re.compile(rb"^.*\n", re.M), chance)
    return raw if match is None else raw[: match.start()] + raw[match.end() :]


def _value(raw: bytes, chance: random.Random) -> bytes:
    return _with_value(raw, chance.choice(VALUES), chance)


def _with_value(raw: bytes, value: str, chance: random.Random) -> bytes:
    match = _one(raw, SIMPLE, chance)
    if match is None:
        return raw + f"\nname = {value}\n".encode()
    return raw[: match.start()] + match[0].split(b" = ")[0] + b" = " + value.encode() + raw[match.end() :]


def _number(raw: bytes, chance: random.Random) -> bytes:
    match = _one(raw, re.compile(rb"(?<== )[0-9.]+"), chance)
    if match is None or not re.fullmatch(rb"\d+(\.\d+)?", match[0]):
        return raw
    changed = float(match[0]) * chance.choice([-1, 0, 0.1, 0.5, 2, 10, 1e3, 1e6, 1e-9])
    return raw[: match.start()] + f"{changed:.12g}".encode() + raw[match.end() :]


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    put = bytes(chance.choices(b"[]{}\"'=,.#\n\\ 0aA\x00\xff", k=chance.randint(0, 3)))
    return raw[:at] + put + raw[at + chance.randint(0, 3) :]


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _doubled(raw: bytes, chance: random.Random) -> bytes:
    match = _one(raw, SIMPLE, chance)
    return raw + b"\nname = 1\nname = 1\n" if match is None else raw[: match.end()] + b"\n" + match[0] + raw[match.end() :]


def _surprise(raw: bytes, chance: random.Random) -> bytes:
    match = _one(raw, SIMPLE, chance)
    at = 0 if match is None else match.start()
    key = chance.choice(["surprise", '""', '"a b"', '"\\u0000"', "a.b", '"' + "x" * 5000 + '"', ".".join("a" * 50_000)])
    return raw[:at] + f"{key} = 1\n".encode() + raw[at:]


def _none(raw: bytes, chance: random.Random) -> bytes:
    return _with_value(raw, chance.choice(NO_NUMBERS), chance)


def _hidden(raw: bytes, chance: random.Random) -> bytes:
    match = _one(raw, TEXT, chance)
    return b"\x00" if match is None else raw[: match.end()] + chance.choice(HIDDEN).encode() + raw[match.end() :]


def _raw(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.choice([b"\x00", b"\x01", b"\x1b", b"\x7f"]) + raw[at:]


def _accent(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.choice([b"\xe9", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80"]) + raw[at:]


def _mark(raw: bytes, chance: random.Random) -> bytes:
    text = raw.decode("latin-1")
    return text.encode(chance.choice(["utf-8-sig", "utf-16"])) if chance.random() < 0.9 else b"\xfe\xff" + text.encode("utf-16-be")


def _deep(raw: bytes, chance: random.Random) -> bytes:
    return _with_value(raw, chance.choice(NESTED), chance)


def _long(raw: bytes, chance: random.Random) -> bytes:
    return chance.choice(
        [_with_value(raw, '"' + "x" * 20_000 + '"', chance), raw + b"#" * 2_000_000, raw + b'\nx = """' + b'\\"""\n' * 30_000]
    )


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
