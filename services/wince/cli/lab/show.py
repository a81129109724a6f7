"""Tables of figures as text: a row each, numbers to three digits, an interval beside its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from wince.cli.common import out


def figures(first: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a table: its rows by name, under `first`; every row has the same columns."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in (first, *(next(iter(rows.values()), {}))):
        shown.add_column(column.replace("_", " "), overflow="fold")
    for name, row in rows.items():
        shown.add_row(name, *(cell(value) for value in row.values()))
    out.print(shown)


def cell(value: Any) -> str:
    """One figure as text.

    >>> cell(0.25), cell([0.5, 0.25, 0.75]), cell({"dark": 3, "": 1}), cell(7)
    ('0.250', '0.500 (0.250-0.750)', 'dark 3, none 1', '7')
    """
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list | tuple):
        middle, low, high = value
        return f"{middle:.3f} ({low:.3f}-{high:.3f})"
    if isinstance(value, Mapping):
        return ", ".join(f"{name or 'none'} {count}" for name, count in value.items())
    return str(value)
