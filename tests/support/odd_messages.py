"""Messages with values that no honest client sends, of any type and made from its descriptor alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

ODD = ("", "?", "O'Hara^Mary", "00000000-0000-0000-0000-000000000000", "ICU^1^A", "\U0001f600" * 300, "a" * 5000)
NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))


def odd(message: Message, dice: random.Random, texts: Sequence[str] = ODD, depth: int = 4) -> Message:
    """A message of this kind with odd values in about half of its fields."""
    for field in message.DESCRIPTOR.fields:
        if dice.random() < 0.5 or (depth == 0 and field.message_type):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            _odd_map(message, field, dice, texts, depth)
            continue
        for _ in range(dice.choice((1, 3)) if field.is_repeated else 1):
            if field.message_type:
                inner: Any = getattr(message, field.name)
                odd(inner.add() if field.is_repeated else inner, dice, texts, depth - 1)
                continue
            value = odd_value(field, dice, texts)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def _odd_map(message: Message, field: FieldDescriptor, dice: random.Random, texts: Sequence[str], depth: int) -> None:
    """Entries with odd keys and values."""
    key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    entries: Any = getattr(message, field.name)
    for _ in range(dice.choice((1, 3))):
        name = odd_value(key, dice, texts)
        if value.message_type:
            odd(entries[name], dice, texts, depth - 1)
        else:
            entries[name] = odd_value(value, dice, texts)


def odd_value(field: FieldDescriptor, dice: random.Random, texts: Sequence[str] = ODD) -> Any:
    """A value that a field of this type can hold."""
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = dice.choice(texts)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return dice.choice((0, 1, 77))
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return dice.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    low, high = (0, 2**64) if kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64) else (-(2**63), 2**63)
    narrow = kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_INT32)
    return dice.choice([one for one in NUMBERS if low <= one < high and (not narrow or -(2**31) <= one < 2**31)])
