"""A status for people and for machines."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from wince.cli.common import to_json
from wince.serve.status.collect import Status
from wince.serve.status.interface import Row, State
from wince.version import VERSION

SCHEMA = 1
"""Of the document; raised where a key goes or changes its meaning, not where one is added."""
STYLES = {State.OK: "green", State.WARNING: "yellow", State.BAD: "bold red", State.UNKNOWN: "dim"}


def document(status: Status) -> dict[str, Any]:
    """As docs/reference/status.md describes it."""
    at = datetime.fromtimestamp(status.at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"schema": SCHEMA, "at": at, "wince": VERSION, "state": status.state.value, "rows": [_plain(row) for row in status.rows]}


def line(status: Status) -> str:
    """The document as one line."""
    return to_json(document(status))


def table(status: Status) -> Group:
    """A table with a block for each subject; below it what needs a person, with the remedy."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for number in range(5):
        made.add_column(overflow="fold", no_wrap=number < 2)  # a subject and its state stay whole on a narrow terminal
    before = ""
    for row in status.rows:
        subject = "" if row.subject == before else row.subject
        before = row.subject
        mark = Text(row.state.value, STYLES[row.state])
        made.add_row(Text(subject, "bold"), mark, Text(row.what), Text(row.said or row.reason), Text(age(row.age_s), "dim"))
    return Group(made, *_remarks(status))


def age(seconds: float | None) -> str:
    """How long, in the largest unit that says it.

    >>> age(None), age(-0.2), age(3.2), age(200), age(7300), age(200_000)
    ('', '0 s', '3 s', '3 min', '2 h', '2 d')
    """
    if seconds is None:
        return ""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length * (2 if unit == "d" else 1):
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"  # a clock that is a moment behind the frames'


def _remarks(status: Status) -> list[Text]:
    wrong = [row for row in status.rows if row.state is not State.OK]
    said = []
    for row in wrong:
        who = row.what if row.what == row.subject else f"{row.subject} {row.what}"
        text = Text.assemble((f"{who}: ", STYLES[row.state]), row.reason or row.said)
        if row.remedy:
            text.append(f"\n  remedy: {row.remedy}")
        said.append(text)
    return [Text(""), *said] if said else []


def _plain(row: Row) -> dict[str, Any]:
    return asdict(row) | {"state": row.state.value, "age_s": None if row.age_s is None else round(row.age_s, 3)}
