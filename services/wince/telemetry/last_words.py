"""What a program of another party said last: the part of its output that stands in our error."""

from __future__ import annotations

import os
from pathlib import Path

LINES = 3
LONGEST = 500
"""Characters; the end of a longer text is kept."""
_TAIL = 8192
"""Bytes of a file's end that are looked at."""


def last_words(said: str, lines: int = LINES) -> str:
    """The last lines that are not empty, in one line; empty where nothing was said.

    >>> last_words("creating\\n\\nerror: no space\\n")
    'creating | error: no space'
    """
    spoken = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(spoken[-lines:])[-LONGEST:]


def last_of(log: Path, lines: int = LINES) -> str:
    """The same from the end of a log; empty where there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL))
            return last_words(stream.read().decode("utf-8", "replace"), lines)
    except OSError:
        return ""


def said_in(log: Path) -> str:
    """A remedy for whoever has to act: the log's last words and its name, or that nothing was said; never a file that isn't there."""
    words = last_of(log)
    if words:
        return f"it said last: {words} (more in {log})"
    return f"it said nothing (its log {log} is empty)" if log.is_file() else "it said nothing"
