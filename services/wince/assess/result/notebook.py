"""A result as a notebook shows it: one piece of HTML that loads nothing, needs no style of its own, and reads well aloud."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import escape

from wince.assess.result.headline import parts
from wince.assess.result.values import Headline
from wince.assess.result.words import REASONS, file_name, lines, number, share
from wince.domain.assessment import Alert, Assessment
from wince.domain.frame import US
from wince.domain.window_label import window_label

LABEL = "Research use, not validated, adjunct to a nurse's judgement."
MOST_WINDOWS = 60
"""Rows of the table; of more only the number is said."""
_HEADER = ("from", "to", "what", "median", "assessable", "why no grade")


def failed(path: Path, error: str) -> str:
    """An input that could not be assessed, and why."""
    name = escape(file_name(path))
    return f'<section aria-label="Wince: {name}"><p><strong>{name}</strong>: failed: {escape(lines(error))}</p></section>'


def shown(path: Path, protocol: str, headline: Headline, windows: Sequence[Assessment], notes: Sequence[str]) -> str:
    """The headline as a list, then the windows as a table."""
    name = escape(file_name(path))
    said = "".join(f"<li>{escape(part)}</li>" for part in parts(headline))
    noted = "".join(f"<li>Note: {escape(lines(note))}</li>" for note in notes)
    label = f"<p><small>Protocol {escape(protocol)}. {escape(LABEL)}</small></p>"
    table = _table(windows, headline.alerts)
    return f'<section aria-label="Wince: {name}"><p><strong>{name}</strong></p><ul>{said}{noted}</ul>{table}{label}</section>'


def _table(windows: Sequence[Assessment], alerts: Sequence[Alert]) -> str:
    if not windows:
        return ""
    rows = []
    for one in windows[:MOST_WINDOWS]:
        why = "" if one.reason is None else REASONS[one.reason]
        cells = (f"{one.end_us / US:g} s", window_label(one, alerts), number(one.median), share(one.assessable_share), why)
        rows.append(f'<tr><th scope="row">{one.start_us / US:g} s</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADER)
    left = len(windows) - len(rows)
    more = f"<p>{left} more windows: see assessments.</p>" if left else ""
    return f"<table><caption>Windows</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"
