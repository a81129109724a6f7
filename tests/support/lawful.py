"""Messages that keep every rule of their proto (`buf.validate`), and messages that break exactly one. Reads the rules by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from wince.api.buf.validate import validate_pb2 as pb

ID = "3f2b8c1e-9a4d-4e7f-8b6a-0123456789ab"
TEXTS = {"^[A-Za-z0-9._-]{1,256}$": "cam-1", "^[0-9a-f]{64}$": "ab" * 32}
"""A text for each pattern of the protos."""
NAN = float("nan")


def rules_of(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[pb.field]


def values_of(rules: Any) -> dict[str, Any]:
    """Its rules by name, of whichever type."""
    which = rules.WhichOneof("type")
    return {} if which is None else {part.name: value for part, value in getattr(rules, which).ListFields()}


def lawful(kind: Descriptor, path: tuple[FieldDescriptor, ...] = ()) -> Any:
    """A message that keeps every rule and has everything along `path`; what is free is left out."""
    message: Any = GetMessageClass(kind)()
    for oneof in kind.oneofs:
        if oneof.GetOptions().Extensions[pb.oneof].required and not (path and path[0].containing_oneof is oneof):
            fill(message, oneof.fields[0])
    for field in kind.fields:
        on_path = bool(path) and path[0].full_name == field.full_name
        if on_path or must_be_filled(field):
            fill(message, field, path[1:] if on_path else ())
    return message


def must_be_filled(field: FieldDescriptor) -> bool:
    rules = rules_of(field)
    if rules.required:
        return True
    free = field.has_presence or field.is_repeated or rules.ignore == pb.IGNORE_IF_ZERO_VALUE
    return not free and bool(values_of(rules))


def fill(message: Any, field: FieldDescriptor, path: tuple[FieldDescriptor, ...] = ()) -> None:
    if field.message_type is None:
        value = lawful_value(field, values_of(rules_of(field).repeated.items if field.is_repeated else rules_of(field)))
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    elif field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"].message_type
        getattr(message, field.name)["key"].MergeFrom(lawful(inner, path[1:]))  # the entry's own field stands first
    elif field.is_repeated:
        getattr(message, field.name).append(lawful(field.message_type, path))
    else:
        getattr(message, field.name).MergeFrom(lawful(field.message_type, path))
        getattr(message, field.name).SetInParent()


def lawful_value(field: FieldDescriptor, rules: dict[str, Any]) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return bytes(rules.get("len", rules.get("min_len", 1)))
        return ID if "uuid" in rules else TEXTS.get(rules.get("pattern", ""), "x" * max(1, rules.get("min_len", 1)))
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return next(number for number in field.enum_type.values_by_number if number not in rules.get("not_in", ()))
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if "in" in rules:
        return rules["in"][0]
    if "gt" in rules:
        return rules["gt"] + 1
    return rules.get("gte", 0)


@dataclass(frozen=True)
class Broken:
    """A message that breaks one rule."""

    path: str
    """The field, as an error names it."""
    rule: str
    message: Message


def broken(kind: Descriptor) -> Iterator[Broken]:
    """Every rule of a kind of message and of what it holds, each broken once in a message that keeps the others."""
    yield from _below(kind, kind, ())


def _below(root: Descriptor, kind: Descriptor, above: tuple[FieldDescriptor, ...]) -> Iterator[Broken]:
    for oneof in kind.oneofs:
        if oneof.GetOptions().Extensions[pb.oneof].required:
            message = lawful(root, above)
            at(message, above).ClearField(at(message, above).WhichOneof(oneof.name))
            first = next(field for field in oneof.fields if not field.GetOptions().deprecated)
            yield Broken(named((*above, first)), "one of", message)
    for several in kind.GetOptions().Extensions[pb.message].oneof:
        message = lawful(root, above)
        for name in several.fields:
            fill(at(message, above), kind.fields_by_name[name])
        yield Broken(named((*above, kind.fields_by_name[several.fields[-1]])), "at most one of", message)
    for field in kind.fields:
        here = (*above, field)
        rules = rules_of(field)
        if rules.required:
            message = lawful(root, above)
            at(message, above).ClearField(field.name)
            yield Broken(named(here), "required", message)
        for rule, value in breaking(field, values_of(rules)):
            message = lawful(root, above)
            inner = at(message, above)
            if rule == "max_items":
                for _ in range(value):
                    fill(inner, field)
            else:
                setattr(inner, field.name, value)
            yield Broken(named(here), rule, message)
        if field.is_repeated and field.message_type is None:
            for rule, value in breaking(field, values_of(rules.repeated.items)):
                message = lawful(root, above)
                getattr(at(message, above), field.name).append(value)
                yield Broken(f"{named(here)}[0]", rule, message)
        if (inner_kind := field.message_type) is not None:
            if inner_kind.GetOptions().map_entry:
                entry = inner_kind.fields_by_name["value"]
                if entry.message_type is not None:
                    yield from _below(root, entry.message_type, (*here, entry))
            else:
                yield from _below(root, inner_kind, here)


def breaking(field: FieldDescriptor, rules: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(rule, a value that breaks it) for each rule of a field."""
    text: Any = b"x" if field.type == FieldDescriptor.TYPE_BYTES else "x"
    real = field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
    for rule, limit in rules.items():
        if rule in ("len", "max_len"):
            yield rule, text * (limit + 1)
        elif rule == "min_len":
            yield rule, text * (limit - 1)
        elif rule == "pattern":
            yield rule, "a b/c"
        elif rule == "uuid":
            yield rule, "no-uuid"
        elif rule in ("gt", "lt"):
            yield rule, limit
        elif rule == "gte" and (real or limit > 0 or field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)):
            yield rule, limit - 1
        elif rule == "lte":
            yield rule, limit + 1 if abs(limit) < 1e9 or not real else limit * 2
        elif rule == "in":
            yield rule, max(limit) + 1
        elif rule == "defined_only":
            yield rule, 77
        elif rule == "not_in":
            yield rule, limit[0]
        elif rule == "max_items":
            yield rule, limit + 1
        elif rule not in ("finite", "items", "gte"):
            raise AssertionError(f"{field.full_name}: {rule} is broken by nothing here")
    if real and rules and "items" not in rules:
        yield "a number", NAN


def at(message: Any, path: tuple[FieldDescriptor, ...]) -> Any:
    """What stands at the end of a path; of a list its first, of a map its value."""
    place = message
    for field in path:
        if field.containing_type.GetOptions().map_entry:
            continue
        inner = getattr(place, field.name)
        if field.is_repeated:
            inner = inner["key"] if field.message_type.GetOptions().map_entry else inner[0]
        place = inner
    return place


def named(path: tuple[FieldDescriptor, ...]) -> str:
    """A path as an error names it: of a list its first."""
    parts = []
    for field in path:
        if not field.containing_type.GetOptions().map_entry:
            inside = field.is_repeated and field is not path[-1] and not field.message_type.GetOptions().map_entry
            parts.append(f"{field.name}[0]" if inside else field.name)
    return ".".join(parts)
