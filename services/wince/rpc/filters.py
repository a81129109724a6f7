"""What the field `filter` of a list may say: the part of AIP-160 that our lists have.

    grade >= 1 AND protocol = "activity" AND shadow = false

Conditions joined by AND: a field of the list, one of = != < <= > >=, and a whole number, true or false, a word, or text in double quotes
(a quote within as \\", a backslash as \\\\).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from wince.errors import MessageError, choices

LONGEST = 1000
"""Characters of a filter."""
MOST = 20
"""Conditions of a filter."""
_TERM = re.compile(r'\s*([a-z_]+)\s*(!=|<=|>=|=|<|>)\s*("(?:[^"\\]|\\["\\])*"|[A-Za-z0-9._-]+)\s*')
_AND = re.compile(r"AND\s")
_EQUAL = ("=", "!=")
_INT64 = range(-(1 << 63), 1 << 63)

Kind = Literal["number", "flag", "text", "id"]


@dataclass(frozen=True, slots=True)
class Column:
    """What a field of a filter is compared with."""

    sql: str
    """An expression of the list's query."""
    kind: Kind = "text"
    words: frozenset[str] = frozenset()
    """Of text: the only ones that there are; empty: any."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, checked."""

    column: Column
    operator: str
    value: int | bool | str | UUID


def conditions(text: str, columns: Mapping[str, Column]) -> list[Condition]:
    """What a filter says. Raises MessageError for what it can't say, with the place."""
    if len(text) > LONGEST:
        raise MessageError(f"must have at most {LONGEST} characters", field="filter")
    found: list[Condition] = []
    place = 0
    while text[place:].strip():
        if found:
            joined = _AND.match(text, place)
            if joined is None:
                raise _wrong(place, "AND is missing")
            place = joined.end()
        term = _TERM.match(text, place)
        if term is None:
            raise _wrong(place, "is no condition: field, comparison, value")
        found.append(_condition(term[1], term[2], term[3], term.start(1), columns))
        place = term.end()
    if len(found) > MOST:
        raise MessageError(f"must have at most {MOST} conditions", field="filter")
    return found


def where(found: list[Condition]) -> tuple[str, list[object]]:
    """(what is added to an SQL condition, its parameters). A field that a row lacks differs from every value.

    >>> where([Condition(Column("a.grade", "number"), ">=", 1)])
    (' AND a.grade >= %s', [1])
    """
    operators = {"!=": "IS DISTINCT FROM"}
    sql = "".join(f" AND {one.column.sql} {operators.get(one.operator, one.operator)} %s" for one in found)
    return sql, [one.value for one in found]


def _condition(name: str, operator: str, said: str, place: int, columns: Mapping[str, Column]) -> Condition:
    column = columns.get(name)
    if column is None:
        raise _wrong(place, "is no field of this list", choices(name, columns))
    if column.kind != "number" and operator not in _EQUAL:
        raise _wrong(place, f"{name} has no order", f"compare it by {' or '.join(_EQUAL)}")
    quoted = said.startswith('"')
    value = re.sub(r"\\(.)", r"\1", said[1:-1]) if quoted else said
    return Condition(column, operator, _value(name, column, value, quoted, place))


def _value(name: str, column: Column, value: str, quoted: bool, place: int) -> int | bool | str | UUID:
    if column.kind == "number":
        if quoted or not re.fullmatch(r"-?[0-9]{1,19}", value) or int(value) not in _INT64:
            raise _wrong(place, f"{name} is compared with a whole number")
        return int(value)
    if column.kind == "flag":
        if quoted or value not in ("true", "false"):
            raise _wrong(place, f"{name} is true or false")
        return value == "true"
    if column.kind == "id":
        try:
            return UUID(value)
        except ValueError:
            raise _wrong(place, f"{name} is compared with a UUID") from None
    if column.words and value not in column.words:
        raise _wrong(place, f"{name} is never that", choices(value, [word or '""' for word in sorted(column.words)]))
    return value


def _wrong(place: int, what: str, remedy: str = "") -> MessageError:
    example = 'such as: start_us >= 1700000000000000 AND source = "bed-1"'
    return MessageError(f"character {place + 1}: {what}", field="filter", remedy=remedy or example)
