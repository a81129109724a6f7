"""Frozen dataclasses of the domain as JSON text, and back: how entries, movements and chart states lie in text columns.

Written by hand, since equal values must give equal text and pydantic keeps no order of keys; read by pydantic, after the annotations:
it tells the members of a union apart, lists from mappings, and takes a tenth of the time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from wince import canonical
from wince.errors import StoreError

T = TypeVar("T")


def dump(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, so that equal values give equal text.

    >>> from wince.domain.stay import Identifier
    >>> dump(Identifier("urn:x", "1"))
    '{"system":"urn:x","value":"1"}'
    """
    return canonical.text(_plain(value))


def load(kind: type[T], text: str) -> T:
    """The value that `dump` wrote. A field that it did not write takes its default, one that `kind` does not know is passed over.

    Raises StoreError where the text is not one of `kind` (its text is not quoted: PHI).
    """
    try:
        return cast(T, _adapter(cast(Any, kind)).validate_json(text))
    except ValidationError:
        what = f"a stored {kind.__name__} can't be read"
        raise StoreError(what, field=kind.__name__, remedy="was it written by a newer Wince?") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


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
