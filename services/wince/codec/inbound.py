"""What is asked of every message that comes in, by a call or from the bus, before anything is made of it: of each of its texts, and of who
decided something, and when. What is stored was asked this when it came, or is older; `registry.decode` reads that too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from wince.codec import checks
from wince.errors import MessageError

_RULES: Mapping[str, Mapping[str, Callable[[Any, str], object]]] = {
    "wince.api.care.v1.Verdict": {"nurse": checks.author, "at_us": checks.decided},
    "wince.api.care.v1.Pause": {"nurse": checks.author, "start_us": checks.decided, "end_us": checks.decided},
    "wince.api.care.v1.EndPauseRequest": {"nurse": checks.author},
    "wince.api.care.v1.PatientState": {"nurse": checks.author, "since_us": checks.decided},
    "wince.api.care.v1.Consent": {"nurse": checks.author, "since_us": checks.decided},
}
"""Of messages that people send: full name -> field -> its check."""


def check(message: Message) -> None:
    """Raises MessageError with the path of the first field that is wrong, such as "verdict.nurse", in sub-messages, lists and maps as
    well: a control character, more than checks.MAX_TEXT characters, a `source` that names no camera, and what _RULES asks."""
    for field in _looked_at(message.DESCRIPTOR):
        value = getattr(message, field.name)
        if (kind := field.message_type) is None:
            _texts(field.name, value if field.is_repeated else (value,))
        elif kind.GetOptions().map_entry:
            _map(field.name, kind, value)
        elif field.is_repeated or message.HasField(field.name):
            for one in value if field.is_repeated else (value,):
                _below(field.name, one)
    for name, rule in _RULES.get(message.DESCRIPTOR.full_name, {}).items():
        rule(getattr(message, name), name)


def _texts(name: str, values: Iterable[str]) -> None:
    for value in values:
        checks.printable(value, name)
        if name == "source" and value:
            checks.camera(value, name)


def _map(name: str, entry: Descriptor, values: Mapping[Any, Any]) -> None:
    for part, found in (("key", values.keys()), ("value", values.values())):
        kind = entry.fields_by_name[part]
        if kind.type == FieldDescriptor.TYPE_STRING:
            _texts(name, found)
        for one in found if kind.message_type is not None else ():
            _below(name, one)


def _below(name: str, message: Message) -> None:
    try:
        check(message)
    except MessageError as error:
        error.field = f"{name}.{error.field}"
        raise


@functools.cache
def _looked_at(kind: Descriptor) -> tuple[FieldDescriptor, ...]:
    """Fields of a kind of message that are text, or below which there is something to look at."""
    return tuple(field for field in kind.fields if field.type == FieldDescriptor.TYPE_STRING or _holds(field.message_type, frozenset()))


def _holds(kind: Descriptor | None, above: frozenset[str]) -> bool:
    """Whether there is something to look at in a kind of message, at any depth. `above`: kinds on the way to it."""
    if kind is None or kind.full_name in above:
        return False
    below = above | {kind.full_name}
    return kind.full_name in _RULES or any(
        one.type == FieldDescriptor.TYPE_STRING or _holds(one.message_type, below) for one in kind.fields
    )
