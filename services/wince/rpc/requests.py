"""What servicers check of requests beyond the codec: paths of fields, pages."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from wince.errors import InputError, MessageError

PAGE = 100
LARGEST_PAGE = 1000


@contextmanager
def under(path: str) -> Iterator[None]:
    """An InputError that comes out names its field below `path`."""
    try:
        yield
    except InputError as error:
        error.field = f"{path}.{error.field}" if error.field else path
        raise


def given(message: Message, field: str) -> Any:
    """A sub-message that must be there; asked for inside `under(field)`. Raises MessageError."""
    if not message.HasField(field):
        raise MessageError("must be given")
    return getattr(message, field)


def storable(message: Message) -> None:
    """Raises MessageError, by its path, for a text with a NUL: no database keeps one, and the same request again is pointless."""
    for name, is_text, repeated in _fields(message.DESCRIPTOR):
        if is_text or repeated or message.HasField(name):
            value = getattr(message, name)
            for one in value if repeated else (value,):
                if not is_text:
                    with under(name):
                        storable(one)
                elif "\0" in one:
                    raise MessageError("holds a NUL character", field=name, remedy="send text without it")


@functools.cache
def _fields(kind: Descriptor) -> tuple[tuple[str, bool, bool], ...]:
    """Fields of a message that hold texts, themselves or below them: name, whether it is a text, whether it repeats."""
    asked = [field for field in kind.fields if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE)]
    return tuple((field.name, field.type == field.TYPE_STRING, field.is_repeated) for field in asked)


def page_size(wanted: int) -> int:
    """How many, 1-1000; 0 means 100. Raises MessageError."""
    if wanted > LARGEST_PAGE:
        raise MessageError(f"must be at most {LARGEST_PAGE}", field="page_size")
    return wanted or PAGE
