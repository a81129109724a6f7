"""Help texts as paragraphs: a docstring's own line breaks would stand in the middle of a terminal's lines."""

from __future__ import annotations

import inspect

import typer

_OWN_LINES = ("- ", "* ", "\b", " ")
"""How a line begins that stays a line of its own."""


def joined(text: str) -> str:
    """A docstring with each paragraph in one line; items of a list, and what is indented, keep their lines.

    >>> joined("One sentence.\\n\\nIt goes\\non here:\\n- one\\n- two")
    'One sentence.\\n\\nIt goes on here:\\n- one\\n- two'
    """
    lines: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        if lines and lines[-1] and line and not line.startswith(_OWN_LINES):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


def join_help(app: typer.Typer) -> None:
    """The same for the help of every command of a tree."""
    for command in app.registered_commands:
        if text := command.help or inspect.getdoc(command.callback):
            command.help = joined(text)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            join_help(group.typer_instance)
