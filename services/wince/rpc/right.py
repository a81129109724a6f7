"""What an RPC asks of its caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from wince.domain.reach import Kind, Subject
from wince.rpc.roles import Role

About = Callable[[Any], Iterable[Subject]]
"""What a message is about."""


@dataclass(frozen=True, slots=True)
class Right:
    """What one RPC asks of its caller."""

    roles: frozenset[Role]
    """One of them is enough."""
    about: tuple[About, ...] = ()
    """What a request is about. A caller that is bound must reach all of it."""
    shows: tuple[tuple[str, About], ...] = ()
    """Lists of the answer (by field; "": the answer itself) and what an item is about: a bound caller gets the items that it reaches."""
    everywhere: bool = False
    """The answer says nothing about a patient, bed or camera: a bound caller gets it whole."""
    author: str = ""
    """Path of the staff identifier in the request. Empty: nobody is named."""
    flag: tuple[str, Role] | None = None
    """A request with this field set needs that role, and one without it needs another of `roles`."""

    @property
    def bindable(self) -> bool:
        """Whether a caller that is bound may call it at all."""
        return self.everywhere or bool(self.about) or bool(self.shows)


def at(kind: Kind, path: str, when: str = "", *, before: bool = False) -> About:
    """What is named at a path, such as "scope.bed"; nothing where it is empty. `when`: the field beside it that holds the moment;
    `before`: the moment before that (of an exclusive end)."""
    *steps, last = path.split(".")

    def about(message: Any) -> Iterable[Subject]:
        for holder in _below(message, steps):
            for value in _values(holder, last):
                moment = getattr(holder, when) - before if when else None
                yield Subject(kind, value, moment)

    return about


def both(*abouts: About) -> About:
    """What any of them says."""
    return lambda message: [subject for about in abouts for subject in about(message)]


def _below(message: Any, steps: Iterable[str]) -> list[Any]:
    found = [message]
    for step in steps:
        below: list[Any] = []
        for one in found:
            if one.DESCRIPTOR.fields_by_name[step].is_repeated:
                below += getattr(one, step)
            elif one.HasField(step):
                below.append(getattr(one, step))
        found = below
    return found


def _values(holder: Any, name: str) -> list[str]:
    field = holder.DESCRIPTOR.fields_by_name[name]
    value = getattr(holder, name)
    if field.message_type is not None:  # an identifier
        return [f"{value.system}|{value.value}"] if holder.HasField(name) else []
    return [one for one in (value if field.is_repeated else [value]) if one]


def of_path(message: Message, path: str) -> tuple[Any, str] | None:
    """The message that holds the field at a path, and the field's name; None where there is no such message."""
    *steps, last = path.split(".")
    found = _below(message, steps)
    return (found[0], last) if found else None
