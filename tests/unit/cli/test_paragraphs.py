"""Help on a terminal is broken where the terminal ends, not where the source's lines end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main
from rich.text import Text

from wince.cli.main import build
from wince.cli.paragraphs import joined


def helps(command: Any) -> Iterator[str]:
    yield command.help or ""
    for inner in getattr(command, "commands", {}).values():
        yield from helps(inner)


def test_no_paragraph_of_any_command_has_a_line_break() -> None:
    found = list(helps(typer.main.get_command(build())))
    assert len(found) > 50
    broken = [text for text in found for paragraph in text.split("\n\n") if "\n" in paragraph and not paragraph.startswith("\b")]
    assert [text for text in broken if joined(text) != text] == []


def test_what_is_a_list_keeps_its_lines() -> None:
    assert joined("A\nb.\n\nSteps:\n- one\n- two\n\n    code\n    more") == "A b.\n\nSteps:\n- one\n- two\n\n    code\n    more"


def said(command: Any, name: str = "wince") -> Iterator[tuple[str, str]]:
    """(where, text) of all that the help of a command and of those below it says."""
    yield name, command.help or ""
    yield f"{name}, epilog", command.epilog or ""
    for given in command.params:
        yield f"{name} {given.name}", getattr(given, "help", None) or ""
        yield f"{name} {given.name}, metavar", str(given.metavar or "")
    for inner, below in getattr(command, "commands", {}).items():
        yield from said(below, f"{name} {inner}")


def test_help_shows_every_word_that_was_written() -> None:
    """A terminal's markup eats words in square brackets, such as a TOML section's name: write those without brackets."""
    texts = list(said(typer.main.get_command(build())))
    assert len(texts) > 500
    assert {where: text for where, text in texts if Text.from_markup(text).plain != text} == {}
    assert Text.from_markup("rules of [[routing]]").plain == "rules of []"
