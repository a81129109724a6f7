"""The rules that stand beside the fields in protos/ (`buf.validate`), as checks of a message.

Compiled once for each kind of message, from its descriptor. Only the standard rules that the protos use are known here; another one is a
TypeError when its message is compiled, so no rule stands in a proto without being kept (a test compiles every message). protovalidate,
which reads the same rules, is slower by three orders of magnitude: a contract test compares its verdicts with ours.

The rules hold for what is sent to Wince. What it answers may lack what a request must have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from wince.api.buf.validate import validate_pb2 as pb
from wince.errors import MessageError

Check = Callable[[Any], tuple[str, str] | None]
"""Looks at one value: None, or (what is wrong, remedy). The words never hold the value."""

PATTERNS = {
    "^[A-Za-z0-9._-]{1,256}$": "must consist of 1 to 256 letters (A-Z), digits, dots, underscores and hyphens",
    "^[0-9a-f]{64}$": "must be a SHA-256 in 64 lower-case hex digits",
}
"""What a pattern of the protos says, for people."""
_UUID = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_LOWER, _UPPER = ("gt", "gte"), ("lt", "lte")
_MOMENT = "microseconds since 1970-01-01T00:00Z"


def of_message(kind: Descriptor) -> list[Callable[[Message], None]]:
    """The rules of a message itself and of its oneofs; each raises MessageError with the field."""
    options = kind.GetOptions().Extensions[pb.message]
    found = [_at_most_one(rule.fields, rule.required) for rule in options.oneof]
    if len(options.ListFields()) > bool(found):
        raise TypeError(f"{kind.full_name}: a rule of the message that is not known here")
    return found + [_one_of(oneof) for oneof in kind.oneofs if oneof.GetOptions().Extensions[pb.oneof].required]


def required(field: FieldDescriptor) -> bool:
    """Whether the field must be there."""
    return bool(field.GetOptions().Extensions[pb.field].required)


def of_field(field: FieldDescriptor) -> list[Check]:
    """Checks of one value of a field; of a repeated field, of the list; of a map, of the mapping."""
    return _checks(field.GetOptions().Extensions[pb.field], field)


def of_items(field: FieldDescriptor) -> list[Check]:
    """Checks of each value of a repeated field."""
    return _checks(field.GetOptions().Extensions[pb.field].repeated.items, field)


def skips_zero(field: FieldDescriptor) -> bool:
    """Whether the rules leave a value alone that is the type's zero."""
    return bool(field.GetOptions().Extensions[pb.field].ignore == pb.IGNORE_IF_ZERO_VALUE)


def _checks(rules: Any, field: FieldDescriptor) -> list[Check]:
    known = {"required", "ignore", rules.WhichOneof("type")}
    if unknown := {part.name for part, _ in rules.ListFields()} - known or rules.ignore == pb.IGNORE_ALWAYS:
        raise TypeError(f"{field.full_name}: {unknown} is no rule that is known here")
    which = rules.WhichOneof("type")
    if which is None:
        return []
    given = {part.name: value for part, value in getattr(rules, which).ListFields()}
    makers = _MAKERS.get(which, _NUMBERS if which in _KINDS_OF_NUMBERS else {})
    made, done = list[Check](), set[str]()
    for names, make in makers.items():
        if here := {name: given[name] for name in names if name in given}:
            made.append(make(here, field))
            done |= set(here)
    if given.keys() - done:
        raise TypeError(f"{field.full_name}: {sorted(given.keys() - done)} are no rules that are known here")
    return made


Values = Mapping[str, Any]
Maker = Callable[[Values, FieldDescriptor], Check]


def _length(rule: Values, unit: str) -> Check:
    low, high = rule.get("len", rule.get("min_len", 0)), rule.get("len", rule.get("max_len"))
    if high is None:
        words = "must not be empty" if low == 1 else f"must have at least {low} {unit}"
    elif low == high:
        words = f"must have {low} {unit}"
    else:
        words = f"must have {low} to {high} {unit}" if low else f"must have at most {high} {unit}"
    top = float("inf") if high is None else high
    return lambda value: None if low <= len(value) <= top else (words, "")


def _pattern(rule: Values, _: FieldDescriptor) -> Check:
    text = rule["pattern"]
    search = re.compile(text.removesuffix("$") + (r"\Z" if text.endswith("$") else "")).search  # RE2's $ is the very end
    words = PATTERNS.get(text, f"must match {text}")
    return lambda value: None if search(value) else (words, "")


def _uuid(_: Values, __: FieldDescriptor) -> Check:
    return lambda value: None if _UUID.fullmatch(value) else ("must be a UUID in canonical text", "")


def _range(rule: Values, field: FieldDescriptor) -> Check:
    """One bound or two; of numbers, NaN is none."""
    low = next((rule[name] for name in _LOWER if name in rule), float("-inf"))
    high = next((rule[name] for name in _UPPER if name in rule), float("inf"))
    above, below = "gt" in rule, "lt" in rule
    words = " and ".join(
        text
        for text, there in (
            (f"above {_number(low)}" if above else f"at least {_number(low)}", low != float("-inf")),
            (f"below {_number(high)}" if below else f"at most {_number(high)}", high != float("inf")),
        )
        if there
    )
    words = f"must be {words}"
    remedy = _MOMENT if field.name.endswith("_us") else ""
    if above and below:
        return lambda value: None if low < value < high else (words, remedy)
    if above:
        return lambda value: None if low < value <= high else (words, remedy)
    if below:
        return lambda value: None if low <= value < high else (words, remedy)
    return lambda value: None if low <= value <= high else (words, remedy)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _finite(_: Values, __: FieldDescriptor) -> Check:
    return lambda value: None if value - value == 0 else ("must be a finite number", "")


def _in(rule: Values, _: FieldDescriptor) -> Check:
    allowed = tuple(rule["in"])
    *most, last = map(str, allowed)
    words = f"must be {', '.join(most)} or {last}" if most else f"must be {last}"
    return lambda value: None if value in allowed else (words, "")


def _enum(rule: Values, field: FieldDescriptor) -> Check:
    assert field.enum_type is not None
    values = field.enum_type.values_by_number
    allowed = frozenset(values) - frozenset(rule.get("not_in", ()))
    unsaid = f"one of: {', '.join(values[number].name for number in sorted(allowed))}"

    def check(value: int) -> tuple[str, str] | None:
        if value in allowed:
            return None
        return ("must be given", unsaid) if value in values else ("is none that this version knows", unsaid)

    return check


def _most(rule: Values, _: FieldDescriptor) -> Check:
    most = rule["max_items"]
    return lambda value: None if len(value) <= most else (f"must be at most {most}, are {len(value)}", "send several requests")


_KINDS_OF_NUMBERS = {"float", "double", "int32", "int64", "uint32", "uint64"}
_NUMBERS: Mapping[tuple[str, ...], Maker] = {(*_LOWER, *_UPPER): _range, ("finite",): _finite, ("in",): _in}
_MAKERS: Mapping[str, Mapping[tuple[str, ...], Maker]] = {
    "string": {
        ("len", "min_len", "max_len"): lambda rule, _: _length(rule, "characters"),
        ("pattern",): _pattern,
        ("uuid",): _uuid,
    },
    "bytes": {("len", "min_len", "max_len"): lambda rule, _: _length(rule, "bytes")},
    "enum": {("defined_only", "not_in"): _enum},
    "repeated": {("max_items",): _most, ("items",): lambda _, __: lambda _: None},
}
"""By type: which rules are kept together, and what makes their check. `items` is of each value: see `of_items`."""


def _one_of(oneof: OneofDescriptor) -> Callable[[Message], None]:
    name, names = oneof.name, [field.name for field in oneof.fields if not field.GetOptions().deprecated]

    def check(message: Message) -> None:
        if message.WhichOneof(name) is None:
            raise MessageError("must be given", field=names[0], remedy=f"one of: {', '.join(names)}")

    return check


def _at_most_one(names: Iterable[str], needed: bool) -> Callable[[Message], None]:
    fields = tuple(names)

    def check(message: Message) -> None:
        there = [name for name in fields if _is_set(message, name)]
        if len(there) > 1:
            raise MessageError(f"must not be set beside {there[0]}", field=there[-1], remedy=f"only one of: {', '.join(fields)}")
        if needed and not there:
            raise MessageError("must be given", field=fields[0], remedy=f"one of: {', '.join(fields)}")

    return check


def _is_set(message: Message, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[name]
    return message.HasField(name) if field.has_presence else bool(getattr(message, name))
