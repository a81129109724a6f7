"""What a program of ours said before it ended, of one start: its log may hold earlier ones."""

from __future__ import annotations

from pathlib import Path

LONGEST = 300
"""Characters of a line that are repeated."""
TAIL = 8000
"""Bytes of the log's end that are looked through."""


def last_words(log: Path, begin: int) -> tuple[str, str]:
    """(cause, remedy) out of what was written from byte `begin` on; empty where nothing was said, or nothing can be read.

    The cause is the error that the command line printed ("wince: ..."), else what a Java program calls an error, else the last line. Our
    logs hold no PHI.
    """
    try:
        with log.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(max(begin, end - TAIL))
            lines = [line.strip()[:LONGEST] for line in stream.read().decode("utf-8", "replace").splitlines()]
    except OSError:
        return "", ""
    causes = [line.removeprefix("wince: ") for line in lines if line.startswith("wince: ")]
    remedies = [line.removeprefix("remedy: ") for line in lines if line.startswith("remedy: ")]
    said = [line for line in lines if line and not line.startswith("at ")]
    java = [line for line in said if any(mark in line for mark in ("ERROR", "FATAL", "Exception:"))]
    return (causes or java or said or [""])[-1], (remedies or [""])[-1]


def size(log: Path) -> int:
    """Where a start's own words will begin, bytes; 0 for a log that is not there yet."""
    try:
        return log.stat().st_size
    except OSError:
        return 0
