"""A protocol as its keys and values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

from wince.domain.population import Age
from wince.protocols.rules import ClinicalProtocol

MADE = ("rule", "path")
"""Fields that the loader sets; no keys of a file."""


class Leaf(NamedTuple):
    """A value that holds no others."""

    kind: str
    """Its key with [] for each member of a list, as limits.py has it."""
    key: str
    """Its key with the member's number, as an error names it."""
    value: object


def leaves(protocol: ClinicalProtocol) -> Iterator[Leaf]:
    """Every value of a protocol, in the order of its classes."""
    for field in dataclasses.fields(protocol):
        if field.name not in MADE:
            yield from _inside(getattr(protocol, field.name), field.name, field.name)


def _inside(value: object, kind: str, key: str) -> Iterator[Leaf]:
    if dataclasses.is_dataclass(value) and not isinstance(value, Age):
        for field in dataclasses.fields(value):
            yield from _inside(getattr(value, field.name), f"{kind}.{field.name}", f"{key}.{field.name}")
    elif isinstance(value, tuple):
        for index, member in enumerate(value):
            yield from _inside(member, f"{kind}[]", f"{key}[{index}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _inside(member, f"{kind}.*", f"{key}.{name}")
    elif value is not None:
        yield Leaf(kind, key, value)
