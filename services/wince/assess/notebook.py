"""A result as a notebook shows it: one piece of HTML that loads nothing, needs no style of its own, and reads well aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import escape

from wince.assess import headline
from wince.assess.report.words import REASONS, file_name, lines, number, share
from wince.domain.frame import US
from wince.domain.window_label import window_label

if TYPE_CHECKING:
    from wince.assess.result import ClipResult

LABEL = "Research use, not validated, adjunct to a nurse's judgement."
MOST_WINDOWS = 60
"""Rows of the table; of more only the number is said."""
_HEADER = ("from", "to", "what", "median", "assessable", "why no grade")


def shown(result: ClipResult) -> str:
    """The headline as a list, then the windows as a table."""
    name = escape(file_name(result.path))
    if result.error:
        return f'<section aria-label="Wince: {name}"><p><strong>{name}</strong>: failed: {escape(lines(result.error))}</p></section>'
    said = "".join(f"<li>{escape(part)}</li>" for part in headline.parts(result.headline))
    notes = "".join(f"<li>Note: {escape(lines(note))}</li>" for note in result.notes)
    label = f"<p><small>Protocol {escape(result.protocol)}. {escape(LABEL)}</small></p>"
    return f'<section aria-label="Wince: {name}"><p><strong>{name}</strong></p><ul>{said}{notes}</ul>{_windows(result)}{label}</section>'


def _windows(result: ClipResult) -> str:
    if not result.assessments:
        return ""
    rows = []
    for one in result.assessments[:MOST_WINDOWS]:
        why = "" if one.reason is None else REASONS[one.reason]
        cells = (f"{one.end_us / US:g} s", window_label(one, result.alerts), number(one.median), share(one.assessable_share), why)
        rows.append(f'<tr><th scope="row">{one.start_us / US:g} s</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADER)
    left = len(result.assessments) - len(rows)
    more = f"<p>{left} more windows: see assessments.</p>" if left else ""
    return f"<table><caption>Windows</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"
