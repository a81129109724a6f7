"""SQL of a page: rows behind the last one of the page before, in an order that no later write changes."""

from __future__ import annotations

from collections.abc import Sequence


def behind(columns: Sequence[str], after: Sequence[object] | None, descending: bool) -> tuple[str, list[object], str]:
    """(what is added to a condition, its parameters, what to order by). `columns`: together they name one row.

    >>> behind(("a.start_us", "a.id"), (7, "x"), True)
    (' AND (a.start_us, a.id) < (%s, %s)', [7, 'x'], 'a.start_us DESC, a.id DESC')
    """
    order = ", ".join(f"{column} DESC" if descending else column for column in columns)
    if after is None:
        return "", [], order
    row = ", ".join(["%s"] * len(columns))
    return f" AND ({', '.join(columns)}) {'<' if descending else '>'} ({row})", list(after), order
