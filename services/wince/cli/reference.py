"""docs/reference/cli.md, made from the commands themselves by Typer's own writer. `make docs` writes it:

python -m wince.cli.reference docs/reference/cli.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import typer
from typer.cli import get_docs_for_click

from wince.cli.main import build

HEAD = """# Commands

Made by `make docs` from the commands: don't edit. `wince COMMAND -h` says the same on a terminal.
[Exit codes](exit-codes.md) are the same for all commands. `wince --install-completion` teaches your shell (bash, zsh, fish, PowerShell)
to complete commands and options; `wince --show-completion` prints what it would write.

"""


def page() -> str:
    """The page."""
    root = typer.main.get_command(build())
    _whole_sentences(root)
    body = get_docs_for_click(obj=root, ctx=cast(typer.Context, root.make_context("wince", [], resilient_parsing=True)), name="wince")
    return HEAD + "\n".join(line.rstrip() for line in f"#{body}".replace("\n#", "\n##").splitlines()) + "\n"


def _whole_sentences(command: Any) -> None:
    """Lists of commands give the first sentence whole; by itself it would be cut after 45 characters."""
    first = (command.help or "").strip().split("\n\n", 1)[0]
    command.short_help = " ".join(first.split()).split(". ", 1)[0].rstrip(".") + "."
    for inner in getattr(command, "commands", {}).values():
        _whole_sentences(inner)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
