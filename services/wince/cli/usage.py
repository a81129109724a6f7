"""Values of options and arguments that can't be used: each ends with exit code 2 and names the option, the remedy and what is near.

What a command finds out from data (a file's content, a bed that nobody knows) is no usage error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from wince.errors import ConfigError, InputError, choices

if TYPE_CHECKING:
    from wince.settings import Settings


class UsageError(ConfigError):
    """An option or argument can't be used as it was given. Of the command line alone: no service answers so."""

    code = "usage"
    exit_code = 2


def one_of(value: str, known: Iterable[str], option: str) -> str:
    """The value, which is one of `known`. Raises UsageError with the nearest of them."""
    every = list(known)
    if value not in every:
        raise UsageError(f"{value!r} is not known", field=option, remedy=choices(value, every))
    return value


def protocol(name: str, loaded: Settings, option: str = "--protocol") -> str:
    """The name of a protocol that there is. Raises UsageError with the nearest."""
    from wince.protocols import loader  # most commands need no protocol
    from wince.serve import protocols

    return one_of(name, loader.available(protocols.folders(loaded)), option)


def identity(text: str, option: str, where: str) -> UUID:
    """A UUID. `where`: the command that shows it. Raises UsageError."""
    try:
        return UUID(text)
    except ValueError:
        raise UsageError("is no id", field=f"{option}={text}", remedy=f"a UUID, as {where} shows it") from None


def words(text: str, option: str, remedy: str, *, longest: int = 0) -> str:
    """Text that says something. `longest`: in characters; 0: any length. Raises UsageError."""
    if not text.strip() or (longest and len(text) > longest):
        limit = f"needs 1 to {longest} characters" if longest else "must not be empty"
        raise UsageError(limit, field=option, remedy=remedy)
    return text


@contextmanager
def reading(option: str, *fields: str) -> Iterator[None]:
    """While an option's value is read: what is wrong with it is a usage error. `fields`: of these alone; none: of all."""
    try:
        yield
    except InputError as error:
        if fields and error.field not in fields:
            raise
        known = not error.field or error.field.startswith("--")
        field = error.field or option if known else f"{option} ({error.field})"
        raise UsageError(error.message, field=field, remedy=error.remedy) from None
