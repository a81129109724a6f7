"""Sections and blocks on pages: how high each is, where a page may end, and how it is set."""

from __future__ import annotations

from wince.report.colours import INK, SOFT
from wince.report.document import Block, Bullets, Drawing, Facts, Form, Gallery, Headline, Paragraph, Section, Table
from wince.report.figure import Figure
from wince.report.pdf.drawing import draw
from wince.report.pdf.page import BODY, BOTTOM, LINE, MARGIN, SMALL, WIDTH, Page, fit, rgb, shown
from wince.report.pdf.table import table

_GAP = 3.0
"""Between figures of a gallery, mm."""
_LEAST = 0.9
"""By how much a figure is shrunk at most."""
_NAME = 45.0
"""Of the column with the names of facts, mm."""


def section(page: Page, part: Section) -> None:
    """Put a section below what is there; its heading never ends a page."""
    heights = [_height(page, block) for block in part.blocks]
    whole = sum(heights)
    page.room(13 + (whole if whole < 110 else _first(part, heights)))
    page.ln(5)
    page.set_draw_color(*rgb(INK))
    page.set_line_width(0.4)
    page.line(MARGIN, page.get_y(), MARGIN + WIDTH, page.get_y())
    page.ln(1.5)
    page.pen(BODY * 1.2, bold=True)
    page.start_section(part.title)
    page.say(part.title, 6)
    page.ln(1)
    for block in part.blocks:
        _block(page, block)


def _first(part: Section, heights: list[float]) -> float:
    """What must stand under a heading on the same page: all up to the first block that can break."""
    need = 0.0
    for block, height in zip(part.blocks, heights, strict=True):
        if isinstance(block, Table | Bullets | Facts):
            return need + min(height, 25.0)
        if isinstance(block, Gallery):
            return need + max(figure.height for figure in block.figures[: block.across])
        need += height
        if isinstance(block, Drawing):
            return need - (1 - _LEAST) * block.figure.height
    return need


def _lines(page: Page, text: str, width: float, size: float, height: float = LINE) -> float:
    page.pen(size)
    height_mm = page.multi_cell(width, height, shown(text), align="L", dry_run=True, output="HEIGHT")
    return float(height_mm)  # type: ignore[arg-type]


def _height(page: Page, block: Block) -> float:
    """Height that a block takes, mm; of tables an estimate."""
    match block:
        case Headline():
            return 30 + _lines(page, block.lead, WIDTH, BODY)
        case Paragraph():
            return _lines(page, block.text, WIDTH, BODY) + 1.5
        case Bullets():
            return sum(_lines(page, item, WIDTH - 5, BODY) for item in block.items) + 1.5
        case Facts():
            return sum(_fact(page, *row) + 0.8 for row in block.rows)
        case Table():
            return 12 + 6.0 * len(block.rows)
        case Drawing():
            return block.figure.height + 2 + _lines(page, block.caption, WIDTH, SMALL, 3.8)
        case Gallery():
            return sum(max(figure.height for figure in row) + 2 for row in _rows(block))
        case Form():
            return 10.0 * len(block.entries)


def _block(page: Page, block: Block) -> None:
    match block:
        case Headline():
            _headline(page, block)
        case Paragraph():
            page.pen(BODY)
            page.say(block.text)
            page.ln(1.5)
        case Bullets():
            for item in block.items:
                page.room(_lines(page, item, WIDTH - 5, BODY))
                page.cell(5, LINE, "\N{BULLET}")
                page.say(item, width=WIDTH - 5)
            page.ln(1.5)
        case Facts():
            _facts(page, block)
        case Table():
            table(page, block)
        case Drawing():
            scale = _shrunk(page, block)
            page.room(_height(page, block) - (1 - scale) * block.figure.height)
            draw(page, block.figure, MARGIN + (1 - scale) * block.figure.width / 2, page.get_y(), scale)
            page.set_y(page.get_y() + block.figure.height * scale + 1)
            page.pen(SMALL, colour=SOFT)
            page.say(block.caption, 3.8)
            page.ln(1)
        case Gallery():
            _gallery(page, block)
        case Form():
            _form(page, block)


def _shrunk(page: Page, block: Drawing) -> float:
    """How much smaller a figure is drawn so that it stands on this page instead of the next; 1 where that isn't worth it."""
    left = page.h - BOTTOM - page.get_y() - (_height(page, block) - block.figure.height)
    return scale if _LEAST <= (scale := left / block.figure.height) < 1.0 else 1.0


def _headline(page: Page, block: Headline) -> None:
    page.pen(21, bold=True)
    indent = 0.0
    if block.badge is not None:
        indent = 9.0
        draw(page, block.badge, MARGIN, page.get_y() + 1.6, 7.0 / block.badge.width)
    page.set_x(MARGIN + indent)
    page.say(block.big, 10, WIDTH - indent)
    page.pen(BODY)
    page.say(block.lead)
    page.ln(2)
    top, width = page.get_y(), WIDTH / max(5, len(block.numbers))
    for i, (value, what) in enumerate(block.numbers):
        page.set_xy(MARGIN + i * width, top)
        page.pen(14, bold=True)
        page.cell(width, 6.5, shown(value), align="L")
        page.set_xy(MARGIN + i * width, top + 6.5)
        page.pen(SMALL, colour=SOFT)
        page.cell(width, 4, fit(page, shown(what), width - 1), align="L")
    page.set_xy(MARGIN, top + 12)


def _fact(page: Page, name: str, value: str) -> float:
    """Height of one fact, mm."""
    return max(_lines(page, name, _NAME - 2, BODY), _lines(page, value, WIDTH - _NAME, BODY))


def _facts(page: Page, block: Facts) -> None:
    for name, value in block.rows:
        height = _fact(page, name, value)
        page.room(height)
        top = page.get_y()
        page.pen(BODY, colour=SOFT)
        page.say(name, width=_NAME - 2)
        page.pen(BODY)
        page.set_xy(MARGIN + _NAME, top)
        page.say(value, width=WIDTH - _NAME)
        page.set_y(top + height + 0.8)


def _gallery(page: Page, block: Gallery) -> None:
    for row in _rows(block):
        height = max(figure.height for figure in row)
        page.room(height + 2)
        for j, figure in enumerate(row):
            down = height - figure.height if block.across == 3 else 0.0
            draw(page, figure, MARGIN + j * (WIDTH + _GAP) / block.across, page.get_y() + down)
        page.set_y(page.get_y() + height + 2)


def _rows(block: Gallery) -> list[tuple[Figure, ...]]:
    return [block.figures[i : i + block.across] for i in range(0, len(block.figures), block.across)]


def _form(page: Page, block: Form) -> None:
    for entry in block.entries:
        page.room(10)
        page.ln(3.5)
        top = page.get_y()
        page.pen(BODY)
        page.cell(70, 5, fit(page, shown(entry.name), 68))
        page.set_draw_color(*rgb(INK))
        page.set_line_width(0.25)
        x = MARGIN + 70
        for choice in entry.choices:
            page.rect(x, top + 0.8, 3.2, 3.2)
            if choice == entry.value:
                page.line(x + 0.5, top + 1.3, x + 2.7, top + 3.5)
                page.line(x + 0.5, top + 3.5, x + 2.7, top + 1.3)
            page.set_xy(x + 5, top)
            page.cell(30, 5, shown(choice))
            x += 35
        if not entry.choices:
            page.set_xy(x, top)
            page.multi_cell(WIDTH - 70, 5, shown(entry.value), align="L", new_x="LMARGIN", new_y="NEXT")
            below = max(page.get_y(), top + 5)
            page.line(x, below, MARGIN + WIDTH, below)
            page.set_y(below - 5)
        page.set_xy(MARGIN, page.get_y() + 5.5 if not entry.choices else top + 6)
    page.ln(2)
