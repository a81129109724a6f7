"""What a program of another party printed: the part of it that stands in our error."""

from __future__ import annotations

LINES = 3
LONGEST = 500
"""Characters; the end of a longer text is kept."""


def last_lines(said: str, lines: int = LINES) -> str:
    """The last lines that are not empty, in one; empty where nothing was said.

    >>> last_lines("creating\\n\\nerror: no space\\n")
    'creating | error: no space'
    """
    spoken = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(spoken[-lines:])[-LONGEST:]
