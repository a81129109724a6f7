"""What is asked of every message that comes in, by a call or from the bus, before anything is made of it: the rules of its proto
(`codec/rules.py`), and of each of its texts what no rule says. What is stored was asked this when it came, or is older; `registry.decode`
reads that too.

What is asked of a kind of message is compiled once. A request with a frame costs some microseconds: its picture is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from wince.codec import checks, rules
from wince.errors import MessageError

Part = Callable[[Message], None]
"""Looks at one field of a message, or at how some stand together; raises MessageError."""

_MORE: Mapping[str, Mapping[str, Callable[[Any, str], object]]] = {
    f"wince.api.{kind}": {"nurse": checks.author}
    for kind in (
        "care.v1.Verdict",
        "care.v1.Pause",
        "care.v1.EndPauseRequest",
        "care.v1.PatientState",
        "care.v1.Consent",
        "record.v1.AcknowledgeAlertRequest",
    )
}
"""What no standard rule says: full name -> field -> its check. Blanks alone, of any alphabet, are no staff identifier."""
_COMPILED: dict[str, tuple[Part, ...]] = {}


def check(message: Message) -> None:
    """Raises MessageError with the path of the first field that is wrong, such as "verdict.nurse" or "faces[3].source", in sub-messages,
    lists and maps as well."""
    for part in compiled(message.DESCRIPTOR):
        part(message)


def compiled(kind: Any, above: frozenset[str] = frozenset()) -> tuple[Part, ...]:
    """What is asked of a kind of message; `above`: the kinds that hold it. Raises TypeError where its proto has a rule that is not known
    here, or it holds itself."""
    found = _COMPILED.get(kind.full_name)
    if found is None:
        if kind.full_name in above:
            raise TypeError(f"{kind.full_name} holds itself: a message could be endlessly deep")
        parts = [part for field in kind.fields if (part := _part(field, above | {kind.full_name})) is not None]
        more = [_more(name, ask) for name, ask in _MORE.get(kind.full_name, {}).items()]
        found = _COMPILED[kind.full_name] = (*parts, *rules.of_message(kind), *more)
    return found


def _part(field: FieldDescriptor, above: frozenset[str]) -> Part | None:
    """What is asked of a field; None: nothing."""
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return _map(field.name, kind, above)
    if field.is_repeated:
        return _list(field, above)
    if kind is not None:
        return _message(field, above)
    asked = _texts(field) + rules.of_field(field)
    if not asked:
        return None
    if field.has_presence:
        return _optional(field.name, asked)
    return _scalar(field.name, asked, skips_zero=rules.skips_zero(field))


def _texts(field: FieldDescriptor) -> list[rules.Check]:
    return [checks.unprintable] if field.type == FieldDescriptor.TYPE_STRING else []


def _ask(name: str, value: object, asked: Sequence[rules.Check]) -> None:
    for one in asked:
        if (wrong := one(value)) is not None:
            raise MessageError(wrong[0], field=name, remedy=wrong[1])


def _scalar(name: str, asked: Sequence[rules.Check], *, skips_zero: bool) -> Part:
    def part(message: Message) -> None:
        value = getattr(message, name)
        if value or not skips_zero:
            _ask(name, value, asked)

    return part


def _optional(name: str, asked: Sequence[rules.Check]) -> Part:
    def part(message: Message) -> None:
        if message.HasField(name):
            _ask(name, getattr(message, name), asked)

    return part


def _message(field: FieldDescriptor, above: frozenset[str]) -> Part | None:
    name, needed, below = field.name, rules.required(field), compiled(field.message_type, above)
    if not needed and not below:
        return None

    def part(message: Message) -> None:
        if message.HasField(name):
            _below(name, getattr(message, name))
        elif needed:
            raise MessageError("must be given", field=name)

    return part


def _list(field: FieldDescriptor, above: frozenset[str]) -> Part | None:
    name, whole, kind = field.name, rules.of_field(field), field.message_type
    each = _texts(field) + rules.of_items(field)
    if kind is not None and not whole and not compiled(kind, above):
        return None
    if kind is None and not whole and not each:
        return None

    def part(message: Message) -> None:
        values = getattr(message, name)
        _ask(name, values, whole)
        for index, value in enumerate(values):
            if kind is not None:
                _below(f"{name}[{index}]", value)
            else:
                _ask(f"{name}[{index}]", value, each)

    return part


def _map(name: str, entry: Any, above: frozenset[str]) -> Part | None:
    keys, kind = _texts(entry.fields_by_name["key"]), entry.fields_by_name["value"].message_type
    values = _texts(entry.fields_by_name["value"])
    if not keys and not values and not (kind is not None and compiled(kind, above)):
        return None

    def part(message: Message) -> None:
        for key, value in getattr(message, name).items():
            _ask(name, key, keys)  # without the key: it is text from outside
            if kind is not None:
                _below(name, value)
            else:
                _ask(name, value, values)

    return part


def _more(name: str, ask: Callable[[Any, str], object]) -> Part:
    return lambda message: (ask(getattr(message, name), name), None)[1]


def _below(name: str, message: Message) -> None:
    try:
        check(message)
    except MessageError as error:
        error.field = f"{name}.{error.field}"
        raise
