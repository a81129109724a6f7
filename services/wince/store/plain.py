"""Frozen dataclasses of the domain as JSON text, and back: how entries, movements and chart states lie in text columns.

Types come from the annotations: str, int, float, bool, None, UUID, date, enums, tuples, dicts, frozensets and other dataclasses.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from wince.errors import StoreError

T = TypeVar("T")


def dump(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, so that equal values give equal text.

    >>> from wince.domain.stay import Identifier
    >>> dump(Identifier("urn:x", "1"))
    '{"system":"urn:x","value":"1"}'
    """
    return _encode(_plain(value))


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def load(kind: type[T], text: str) -> T:
    """The value that `dump` wrote. Raises StoreError where the text is not one of `kind` (its text is not quoted: PHI)."""
    try:
        return typing.cast(T, _value(kind, json.loads(text)))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"a stored {kind.__name__} can't be read ({type(error).__name__})",
            field=kind.__name__,
            remedy="was it written by a newer Wince?",
        ) from None


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if names := _names(kind):  # type: ignore[arg-type]
        return {name: item if type(item := getattr(value, name)) in _AS_THEY_ARE else _plain(item) for name in names}
    if kind is tuple or kind is list:
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    return value


_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Names of a dataclass' fields; empty for another type."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _value(kind: Any, raw: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if raw is None:
            return None
        return _value(next(member for member in typing.get_args(kind) if member is not types.NoneType), raw)
    if origin in (tuple, frozenset):
        members = typing.get_args(kind)
        if origin is frozenset or members[-1] is Ellipsis:
            return origin(_value(members[0], item) for item in raw)
        return tuple(_value(member, item) for member, item in zip(members, raw, strict=True))
    if origin in (dict, Mapping) or origin is not None:
        key, item = typing.get_args(kind)
        return {_value(key, name): _value(item, value) for name, value in raw.items()}
    if dataclasses.is_dataclass(kind):
        # A field that a newer version added takes its default.
        return typing.cast(type, kind)(**{name: _value(hint, raw[name]) for name, hint in _fields(typing.cast(type, kind)) if name in raw})
    if kind is date:
        return date.fromisoformat(raw)
    if kind is int and isinstance(raw, str):
        return int(raw)
    if isinstance(kind, type) and (issubclass(kind, Enum) or kind in (UUID, float)):
        return kind(raw)
    return raw
