"""What servicers check of requests beyond the codec: paths of fields, pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message

from wince.errors import InputError, MessageError

PAGE = 100
LARGEST_PAGE = 1000
OLDEST_US = 1_577_836_800_000_000
"""2020-01-01: nobody was watched before. What lies there was meant in seconds or milliseconds."""


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


def lived(at_us: int, field: str) -> int:
    """A moment of which a person speaks, microseconds UTC. Raises MessageError where it lies before 2020."""
    if at_us < OLDEST_US:
        raise MessageError("lies before 2020", field=field, remedy="give microseconds UTC since 1970, not seconds or milliseconds")
    return at_us


def page_size(wanted: int) -> int:
    """How many, 1-1000; 0 means 100. Raises MessageError."""
    if wanted > LARGEST_PAGE:
        raise MessageError(f"must be at most {LARGEST_PAGE}", field="page_size")
    return wanted or PAGE
