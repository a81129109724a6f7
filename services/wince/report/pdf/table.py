"""Tables on sheets: no row is cut by the end of a page, and the header stands again on the next."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from wince.report.colours import RULE, SOFT, Colour
from wince.report.document import Cell, Table
from wince.report.pdf.drawing import draw
from wince.report.pdf.page import MARGIN, SMALL, WIDTH, Page, rgb, shown

_LINE = 3.9
"""Height of a line, mm."""
_PAD, _BETWEEN = 0.9, 1.5
"""Above and below a row, and right of a cell, mm."""
_THUMB = (11.0, 8.25)
"""Width and height of a thumbnail, mm."""
_BADGE = 2.6
"""Side of the mark before a text, mm."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a column stands."""

    x: float
    width: float


def table(page: Page, block: Table) -> None:
    """Put a table below what is there, over as many pages as it takes."""
    total, x = sum(block.widths), MARGIN
    places: list[_Place] = []
    for width in block.widths:
        places.append(_Place(x, WIDTH * width / total - _BETWEEN))
        x += WIDTH * width / total
    header = [Cell(name) for name in block.header]
    head = _height(page, header, places, bold=True)
    if block.caption:
        page.room(5 + head + (_height(page, _cells(block.rows[0]), places) if block.rows else 0))
        page.pen(SMALL, colour=SOFT)
        page.say(block.caption, 4.2)
    for number, row in enumerate(block.rows):
        cells = _cells(row)
        height = _height(page, cells, places)
        before = page.page_no()
        page.room(height if number else head + height)
        if number == 0 or page.page_no() != before:
            _row(page, header, places, head, bold=True, rule=SOFT)
        _row(page, cells, places, height)
    page.ln(2)


def _cells(row: Sequence[Cell | str]) -> list[Cell]:
    return [Cell(part) if isinstance(part, str) else part for part in row]


def _height(page: Page, cells: Sequence[Cell], places: Sequence[_Place], *, bold: bool = False) -> float:
    page.pen(SMALL, bold=bold)
    return max(_cell_height(page, cell, place) for cell, place in zip(cells, places, strict=True)) + 2 * _PAD


def _cell_height(page: Page, cell: Cell, place: _Place) -> float:
    text = 0.0
    if cell.text:
        taken = page.multi_cell(_room(cell, place), _LINE, shown(cell.text), align="L", dry_run=True, output="HEIGHT")
        text = float(taken)  # type: ignore[arg-type]
    figure = 0.0 if cell.figure is None else cell.figure.height * min(1.0, place.width / cell.figure.width) + 0.8
    return max(text + figure, _THUMB[1] if cell.thumb else 0.0)


def _room(cell: Cell, place: _Place) -> float:
    """Width that is left for a cell's text, mm."""
    return place.width - (_THUMB[0] + 1.5 if cell.thumb else 0.0) - (_BADGE + 1.0 if cell.badge else 0.0)


def _row(page: Page, cells: Sequence[Cell], places: Sequence[_Place], height: float, *, bold: bool = False, rule: Colour = RULE) -> None:
    """Set one row whose height is known and fits."""
    top = page.get_y()
    for cell, place in zip(cells, places, strict=True):
        x, y = place.x, top + _PAD
        if cell.thumb:
            page.image(io.BytesIO(cell.thumb), x, y, *_THUMB, keep_aspect_ratio=True, alt_text=shown(cell.text))
            x += _THUMB[0] + 1.5
        if cell.figure is not None:
            scale = min(1.0, place.width / cell.figure.width)
            draw(page, cell.figure, x, y, scale)
            y += cell.figure.height * scale + 0.8
        if cell.badge is not None:
            draw(page, cell.badge, x, y + (_LINE - _BADGE) / 2, _BADGE / cell.badge.width)
            x += _BADGE + 1.0
        page.pen(SMALL, bold=bold)
        page.set_xy(x, y)
        if cell.text:
            page.multi_cell(_room(cell, place), _LINE, shown(cell.text), align="L")
    page.set_xy(MARGIN, top + height)
    page.set_draw_color(*rgb(rule))
    page.set_line_width(0.2)
    page.line(MARGIN, top + height, MARGIN + WIDTH, top + height)
