"""Whether a state that was read is one that the fold can go on from: each value of the type that its dataclass says, and within what a wire
carries. A snapshot may come back from a foreign client."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np

LARGEST = 2**62
"""Of an integer, either sign: times and counts beyond it are none."""


def fits(value: object, hint: Any) -> bool:
    """Whether a value is what a field's type says. Of arrays those of one dimension; floats may be NaN, an array's numbers may not.

    >>> fits((1, None), tuple[int | None, ...]), fits((True,), tuple[int, ...]), fits(10**30, int)
    (True, False, False)
    """
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(fits(value, one) for one in typing.get_args(hint))
    kind = typing.get_origin(hint) or hint
    if kind is tuple:
        return isinstance(value, tuple) and _items(value, typing.get_args(hint))
    if kind is np.ndarray:
        return isinstance(value, np.ndarray) and value.ndim == 1 and bool(np.isfinite(value).all())
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST
    if kind is float:
        return type(value) is float or (type(value) is int and abs(value) <= LARGEST)
    return isinstance(value, kind) and (not is_dataclass(value) or _members(value))


def _members(value: Any) -> bool:
    kind: Any = type(value)
    return all(fits(getattr(value, name), hint) for name, hint in _hints(kind).items())


def _items(values: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if len(hints) == 2 and hints[1] is Ellipsis:
        return all(fits(one, hints[0]) for one in values)
    return len(values) == len(hints) and all(map(fits, values, hints))


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)
