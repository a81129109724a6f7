"""What each exit code says: `wince --help` lists them, docs/reference/exit-codes.md explains them. `make docs` writes that file:

python -m wince.cli.exit_codes docs/reference/exit-codes.md
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExitCode:
    """What a command can end with."""

    number: int
    name: str
    """In `wince --help`."""
    meaning: str
    """When a command ends with it, and what to do."""


EXIT_CODES = (
    ExitCode(0, "done", "The command did what it should. A clip that is not assessable is a result."),
    ExitCode(
        1, "something needs a person",
        "An input of `wince assess` failed; `wince status`, `doctor` or `config check` found something; a census differs; a message was"
        " refused again; an audit trail is empty. Also an error that nobody foresaw: please report it.",
    ),
    ExitCode(2, "usage", "An option or argument can't be used as it was given. The message names it; `-h` shows what there is."),
    ExitCode(
        3, "input", "What came from outside is wrong: a video, a protocol's file, a corpus, a message, a number that nobody has.",
    ),
    ExitCode(
        4, "configuration",
        "A setting (variable or file) or the camera list is wrong, or there is no installation to look at. `wince config check` tries all.",
    ),
    ExitCode(5, "model file", "A model is absent, changed, or of another version. `wince models fetch` fetches and verifies them."),
    ExitCode(6, "another party", "The EHR, Kafka, a listener or a download gave no answer, or a definite no. What waits is kept."),
    ExitCode(7, "this machine", "A full disk, a port that is taken, a missing permission, too little memory."),
    ExitCode(8, "database", "PostgreSQL can't be reached or refused."),
    ExitCode(9, "broken promise", "The audit chain doesn't hold, or other content stands under a known id. Nothing is tried again."),
    ExitCode(129, "closed terminal", "SIGHUP: the terminal was closed. The command ended in order and said what is kept."),
    ExitCode(130, "interrupted", "SIGINT: Ctrl-C. The command ended in order and said what is kept."),
    ExitCode(143, "terminated", "SIGTERM: the machine or a supervisor ended it. The command ended in order and said what is kept."),
)  # fmt: skip


def in_one_line() -> str:
    """Numbers and names, for the foot of `wince --help`.

    >>> in_one_line()[:16]
    '0 done, 1 someth'
    """
    return ", ".join(f"{one.number} {one.name}" for one in EXIT_CODES)


def page() -> str:
    """docs/reference/exit-codes.md."""
    rows = "\n".join(f"| {one.number} | {one.name} | {one.meaning} |" for one in EXIT_CODES)
    return (
        "# Exit codes\n\nMade by `make docs` from the code: don't edit. All commands use the same codes.\n"
        "With `--json` an error of Wince's own is also "
        'an object on standard output: `{"error": ..., "message": ..., "field": ..., "remedy": ...}`.\n\n'
        f"| code | name | meaning |\n|---|---|---|\n{rows}\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
