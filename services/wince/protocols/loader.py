"""Reads clinical protocols: TOML in, checked rules out. Everything that is wrong is named: file, line, table.key, remedy.

    protocol = load("activity", folders("/etc/wince/protocols:/srv/wince/ward"))

Folders given by the site come first; a protocol there takes the place of a shipped one of the same name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from wince import canonical
from wince.control import REMEDY, WORDS, has_control
from wince.domain.population import Age
from wince.errors import ProtocolError, choices
from wince.protocols.check import check
from wince.protocols.fault import fail, located
from wince.protocols.leaves import MADE
from wince.protocols.limits import MAX_LIST
from wince.protocols.rules import ClinicalProtocol
from wince.protocols.source import parsed, text_of
from wince.toml.shown import named, shown

SHIPPED = Path(__file__).parent
"""Where the protocols that come with Wince lie."""
VARIABLE = "WINCE_PROTOCOL_DIR"
_AGE = re.compile(r"([0-9]{1,5})([ymd])")
_HUGE = 10**18
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def folders(named: str | None) -> tuple[Path, ...]:
    """Folders to search, the site's first. `named`: the setting `protocol_dir`: none, one or several, separated like PATH.

    >>> folders("/srv/a:/srv/b") == (Path("/srv/a"), Path("/srv/b"), SHIPPED), folders(None) == (SHIPPED,)
    (True, True)
    """
    return (*(Path(part) for part in (named or "").split(os.pathsep) if part), SHIPPED)


def available(dirs: Sequence[Path] = (SHIPPED,)) -> dict[str, Path]:
    """Protocols that the folders hold, by name; the first folder that has a name wins.

    Raises ProtocolError where a folder is none, or can't be read.
    """
    found: dict[str, Path] = {}
    for folder in dirs:
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise ProtocolError("is not a folder", field=str(folder), remedy=f"correct {VARIABLE}") from None
        except OSError as error:
            raise ProtocolError(f"can't be read: {error.strerror}", field=str(folder), remedy="check path and permission") from error
        for name in names:
            found.setdefault(name.removesuffix(".toml"), folder / name)
    return found


def load(name: str, dirs: Sequence[Path] = (SHIPPED,), *, models: Collection[str] | None = None) -> ClinicalProtocol:
    """The protocol `name`, checked. `models`: names that the models lock knows; None: not checked.

    Raises ProtocolError where there is no such protocol, its file is wrong, or it needs a model that there is not.
    """
    known = available(dirs)
    if name not in known:
        raise ProtocolError("there is no such protocol", field=f"protocol={name}", remedy=choices(name, known))
    protocol = read(known[name])
    if models is not None:
        check_models(protocol, models)
    return protocol


def read(path: Path) -> ClinicalProtocol:
    """The protocol in one file, checked. Raises ProtocolError naming the file, the line, the key and what to do."""
    text = text_of(path)
    content = parsed(text, path)
    try:
        return parse(content, str(path))
    except ProtocolError as error:
        raise located(error, str(path), text) from None


def parse(content: Mapping[str, Any], path: str) -> ClinicalProtocol:
    """A protocol from parsed TOML. `path` names it in errors; its stem must be the protocol's name."""
    allowed = {f.name for f in dataclasses.fields(ClinicalProtocol)} - set(MADE)
    unknown = sorted(set(content) - allowed)
    if unknown:
        fail(path, named(unknown[0]), "unknown key", f"remove it, or one of: {', '.join(sorted(allowed))}")
    protocol: ClinicalProtocol = _build(ClinicalProtocol, {**content, "rule": "", "path": path}, path, "")
    if not _NAME.fullmatch(protocol.name) or protocol.name != Path(path).stem:
        fail(path, "name", f"is {shown(protocol.name)}", f"the file's own name in small letters, digits and '-': {Path(path).stem!r}")
    check(protocol)
    return dataclasses.replace(protocol, rule=rule_hash(protocol))


def check_models(protocol: ClinicalProtocol, models: Collection[str]) -> None:
    """Raises ProtocolError naming the models that the protocol needs and `models` (the lock's names, and a site's own) lacks.

    Nothing else ever grades in their place: who wants another protocol names it.
    """
    estimate = protocol.estimate
    absent = [member.name for member in estimate.members if member.name not in models]
    if absent and not (estimate.choose and len(absent) < len(estimate.members)):
        wanted = f"one of: {', '.join(absent)}" if estimate.choose else ", ".join(absent)
        stand_in = f"until then use protocol {estimate.instead!r}" if estimate.instead else "no other protocol stands in for it"
        remedy = f"train one on the site's own videos (Wince's own training of it comes with a later version); {stand_in}"
        fail(protocol.path, "estimate.members", f"protocol {protocol.name!r} needs a model that the site trained: {wanted}", remedy)
    missing = [name for name in estimate.models if name not in models]
    if missing:
        fail(protocol.path, "estimate.models", f"missing: {', '.join(missing)}", "`wince models list` shows what there is")


def rule_hash(protocol: ClinicalProtocol) -> str:
    """sha256 (hex) of the canonical content: what the rules say, whatever comments, order and spelling the file has."""
    content = dataclasses.asdict(protocol)
    del content["rule"], content["path"]
    return hashlib.sha256(canonical.text(content).encode()).hexdigest()


def _build(kind: Any, table: object, path: str, where: str) -> Any:
    """A dataclass from a table, key by key after its type hints."""
    if not isinstance(table, Mapping):
        fail(path, where, "is not a table", f"write [{where}]")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    prefix = f"{where}." if where else ""
    for key in table:
        if key not in fields:
            fail(path, f"{prefix}{named(key)}", "unknown key", f"remove it, or one of: {', '.join(fields)}")
    values: dict[str, Any] = {}
    for name, entry in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], path, f"{prefix}{name}")
        elif entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING:
            fail(path, f"{prefix}{name}", "missing", "add it; activity.toml shows every key")
    return kind(**values)


def _value(hint: Any, value: object, path: str, where: str) -> Any:
    """`value` as `hint` wants it; whole numbers may stand for floats, nothing else is converted."""
    if isinstance(value, str) and has_control(value):
        fail(path, where, WORDS, REMEDY)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _value(arguments[0], value, path, where)
    if origin is tuple and isinstance(value, list):
        if len(value) > MAX_LIST:
            fail(path, where, f"has {len(value)} members", f"at most {MAX_LIST}")
        return tuple(_value(arguments[0], item, path, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {str(key): _value(arguments[1], item, path, f"{where}.{named(key)}") for key, item in value.items()}
    if hint is Age:
        match = _AGE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            fail(path, where, f"is {shown(value)}", 'an age such as "18y", "6m" or "28d"')
        return Age(int(match[1]), match[2])
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, path, where)
    if hint in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < _HUGE:  # nan is not below it either
            fail(path, where, f"is {shown(value)}, which can't be", "a finite number, below 1e18")
        if hint is float:
            return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    names = {float: "a number", int: "a whole number", str: "text in quotes", bool: "true or false", tuple: "a list", dict: "a table"}
    fail(path, where, f"is {shown(value)}", names.get(origin or hint, str(hint)))
