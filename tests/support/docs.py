"""The documentation's code blocks: what they are, how their commands parse, how they are run, what their shown output must share.

A fenced block's first line says what becomes of it:

    ```sh                        run, in the order of the page, in one shell and one folder
    ```sh parse-only: REASON     not run; every command of ours in it must exist, with all its options
    ```sh run-by: TEST FILE      run there
    ```python                    run like sh; parse-only: compiled
    ```text                      output of the block before: its lines appear in what was printed, in order, whatever the numbers
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import typer.main

from wince.cli.main import build
from wince.local import peer_cache
from wince.models import fetch

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<head>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
"""Within a list a block is indented."""
SHELL, PYTHON, SHOWN = ("sh", "bash", "console"), "python", "text"
OURS = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(?:wince|make) ", re.MULTILINE)
BREAKS = {";", "&&", "||", "|", "&", "\n", "(", ")"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    how: str
    """"" (run), "parse-only" or "run-by"."""
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


GENERATED = ("docs/reference/cli.md",)
"""Made from the commands themselves, and compared with them by a test of their own: synopses, no commands."""


@cache
def pages() -> tuple[str, ...]:
    """Every page that a reader of the documentation meets, but what is GENERATED."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    read = (name for name in listed if name.startswith("docs/") or (name and "/" not in name) or name == "services/README.md")
    return tuple(name for name in read if name not in GENERATED)


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """The page's blocks, in order."""
    text = (ROOT / page).read_text()
    found = []
    for match in FENCE.finditer(text):
        language, _, rest = match["head"].strip().partition(" ")
        how, _, reason = rest.partition(":")
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, how.strip(), reason.strip(), dedent(match["body"])))
    return tuple(found)


def commands(shell: str) -> Iterator[list[str]]:
    """The words of each command in a shell text; here-documents, comments and redirections are left out."""
    text = re.sub(r"<<-?\s*'?(\w+)'?(.*?)\n.*?^\1$", r"\2", shell, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "\n"]:
            if word in BREAKS:
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def ours(shell: str) -> Iterator[list[str]]:
    """Of these the commands of Wince: `wince` and `make`, without what sets variables before them."""
    for words in commands(shell):
        named = [word for word in words if not re.match(r"\w+=", word)]
        named = named[: next((at for at, word in enumerate(named) if word.startswith(("<", ">"))), len(named))]
        if named and Path(named[0]).name in {"wince", "make"}:
            yield [Path(named[0]).name, *named[1:]]


@cache
def _tree() -> Any:
    return typer.main.get_command(build())


def fault(words: Sequence[str], whole: bool = True) -> str:
    """Why a command of Wince can't be meant so; empty where it can. `whole`: what it needs must be there, too."""
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        return ", ".join(word for word in words[1:] if "=" not in word and word not in targets)
    command, rest = _tree(), list(words[1:])
    while hasattr(command, "commands"):
        options = {"--help", "-h"}.union(*(one.opts for one in command.params))
        if alone := [word for word in rest[:1] if word in options]:
            rest = rest[1:]
        if not rest and (alone or not whole):
            return ""
        if not rest or rest[0].startswith("-"):
            return f"{' '.join(words)}: " + (f"no option {rest[0]}" if rest else "no command is named")
        if rest[0] not in command.commands:
            return f"{' '.join(words)}: no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    context = command.context_class(command, info_name=" ".join(words))
    try:
        given, left, _ = command.make_parser(context).parse_args(rest if whole else [*rest, "x"])
    except Exception as error:  # click's errors; which class they have is typer's own affair
        return f"{' '.join(words)}: {getattr(error, 'message', error)}"
    needed = [one.name for one in command.params if one.required and given.get(one.name) in (None, (), [])]
    if left[:-1] if not whole else left or (needed and "--help" not in rest):
        return f"{' '.join(words)}: " + (f"too many: {left}" if left else f"missing: {needed}")
    return ""


def follow(page: str, folder: Path) -> None:
    """Run a page in a folder, and compare every output that it shows with what was printed."""
    printed = run(page, folder)
    before, lacking = None, ""
    for block in blocks(page):
        if block.language == SHOWN and before in printed and (lines := missing(block.text, printed[before])):
            lacking += f"{block}: not printed: {lines}\nprinted:\n{printed[before]}\n"
        if block.language in (*SHELL, PYTHON):
            before = block
    assert not lacking, lacking


def run(page: str, folder: Path, limit_s: float = 300) -> dict[Block, str]:
    """Run what of a page is run, in one shell; the first command that fails ends it. What each block printed, by block."""
    runs = [one for one in blocks(page) if one.language in (*SHELL, PYTHON) and not one.how]
    parts = ["set -euo pipefail"]
    for number, block in enumerate(runs):
        text = f"python - <<'END_OF_PYTHON'\n{block.text}END_OF_PYTHON\n" if block.language == PYTHON else block.text
        parts.append(f"echo '@@ {number}'\n{text}")
    script = folder / "page.sh"
    script.write_text("\n".join([*parts, "echo '@@ end'"]))
    done = subprocess.run(
        ["bash", script], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=limit_s, check=False
    )
    said = re.split(r"^@@ (?:\d+|end)\n", done.stdout, flags=re.MULTILINE)[1:]
    assert done.returncode == 0, f"{runs[len(said) - 1]}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return dict(zip(runs, said, strict=False))


def environment(folder: Path) -> dict[str, str]:
    """A reader's: the commands on the path, a home of its own, nothing of Wince set; models are not fetched again."""
    kept = {name: os.environ[name] for name in ("LANG", "JAVA_HOME", "TMPDIR") if name in os.environ}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    return kept | {
        "PATH": path,
        "HOME": str(home),
        "WINCE_MODELS_DIR": str(fetch.cache_folder()),
        "WINCE_PEERS_DIR": str(peer_cache.cache()),
    }


def lines(text: str) -> list[str]:
    """Lines by their shape: numbers and ids are all alike, blanks too."""
    shapes = (re.sub(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8,}[0-9a-f-]*\b", "ID", line) for line in text.splitlines())
    return [shape for shape in (" ".join(re.sub(r"\d+", "#", line).split()) for line in shapes) if shape]


def missing(shown: str, printed: str) -> list[str]:
    """Lines of a shown output that, from some place on, the printed one lacks."""
    left = iter(lines(printed))
    return [line for line in lines(shown) if not any(line == one for one in left)]
