"""A report as a PDF on A4, from the same document as the HTML. Same document, same bytes: its date is fixed, its fonts ship."""

from __future__ import annotations

import io
import unicodedata
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path as FilePath

from fpdf import FPDF
from fpdf.bidi import BidiParagraph
from fpdf.enums import PathPaintRule, StrokeCapStyle, StrokeJoinStyle, TableBordersLayout
from fpdf.fonts import FontFace, TTFFont

from wince.errors import ResourceError
from wince.report.document import Block, Bullets, Document, Drawing, Facts, Form, Gallery, Headline, Paragraph, Section, Table
from wince.report.figure import RULE, SOFT, Box, Figure, Path, Picture, Text

MADE = datetime(1970, 1, 1, tzinfo=UTC)
"""Creation date of every report: a report says nothing about when it was made, so that equal input gives equal bytes."""
_MARGIN, _TOP, _BOTTOM = 15.0, 16.0, 18.0
_WIDTH = 180.0
_BODY, _SMALL, _LINE = 9.2, 7.8, 4.6
_POINT = 72 / 25.4
_FONT = "dejavu"


def pdf(document: Document) -> bytes:
    """The report as PDF bytes."""
    page = _Page(document)
    for section in document.sections:
        _section(page, section)
    return bytes(page.output())


@cache
def _fonts() -> FilePath:
    return FilePath(str(resources.files("wince.report") / "fonts"))


@cache
def _known() -> frozenset[int]:
    """Code points that the shipped fonts draw."""
    reader = FPDF()
    reader.add_font(_FONT, "", _fonts() / "DejaVuSans.ttf")
    font = reader.fonts[_FONT]
    if not isinstance(font, TTFFont):
        raise ResourceError("a font of the report can't be read", field="DejaVuSans.ttf", remedy="install the package again")
    return frozenset(font.cmap)


def shown(text: str) -> str:
    """Text with what the shipped fonts can't draw as its code point, so that nothing vanishes.

    >>> shown("a.mp4"), shown("\\u5e8a")
    ('a.mp4', '[U+5E8A]')
    """
    whole = "".join(c if ord(c) in _known() else f"[U+{ord(c):04X}]" for c in text)
    return BidiParagraph(whole).get_reordered_string() if any(unicodedata.bidirectional(c) in ("R", "AL") for c in whole) else whole


class _Page(FPDF):
    def __init__(self, document: Document) -> None:
        super().__init__("portrait", "mm", "A4")
        self._document = document
        self.add_font(_FONT, "", _fonts() / "DejaVuSans.ttf")
        self.add_font(_FONT, "B", _fonts() / "DejaVuSans-Bold.ttf")
        self.set_margins(_MARGIN, _TOP)
        self.c_margin = 0.0
        self.set_auto_page_break(True, _BOTTOM)
        self.set_creation_date(MADE)
        self.set_lang("en")
        self.set_title(shown(document.title))
        self.set_creator("Wince")
        self.set_subject(shown(document.label))
        self.set_draw_color(RULE)
        self.add_page()
        self.pen(_BODY * 1.65, bold=True)
        self.say(document.title, 7)
        self.pen(_BODY, colour=SOFT)
        self.say(document.subtitle)
        self.ln(2)
        self.pen(_BODY, bold=True)
        self.set_draw_color(*_rgb("#1c2430"))
        self.multi_cell(_WIDTH, 7, shown(document.label), border=1, align="L", new_x="LMARGIN", new_y="NEXT", padding=(0, 2))

    def pen(self, size: float, *, bold: bool = False, colour: str = "#1c2430") -> None:
        """Size in points."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*_rgb(colour))

    def say(self, text: str, height: float = _LINE, width: float = _WIDTH) -> None:
        """Text over several lines, breaking anywhere where a word is longer than a line."""
        self.multi_cell(width, height, shown(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def room(self, height: float) -> None:
        """A new page where less is left than that (and the page isn't empty)."""
        if self.get_y() + height > self.h - _BOTTOM and self.get_y() > _TOP + 1:
            self.add_page()

    def header(self) -> None:
        """Later pages say what they belong to."""
        if self.page_no() > 1:
            self.set_y(8)
            self.pen(_SMALL, colour=SOFT)
            self.cell(_WIDTH, 4, _fit(self, shown(self._document.title), _WIDTH))
            self.set_y(_TOP)

    def footer(self) -> None:
        """The label on every page."""
        self.set_y(-_BOTTOM + 5)
        self.set_draw_color(*_rgb(SOFT))
        self.line(_MARGIN, self.get_y(), _MARGIN + _WIDTH, self.get_y())
        self.pen(_SMALL)
        self.ln(1.5)
        number = self.get_string_width(f"page {self.page_no()} of 9")
        self.cell(_WIDTH - number, 4, _fit(self, shown(self._document.label), _WIDTH - 26))
        self.cell(number, 4, f"page {self.page_no()} of {{nb}}")


def _fit(page: FPDF, text: str, width: float) -> str:
    """A text cut to a width, mm."""
    if page.get_string_width(text) <= width:
        return text
    while text and page.get_string_width(text + "\N{HORIZONTAL ELLIPSIS}") > width:
        text = text[:-1]
    return text + "\N{HORIZONTAL ELLIPSIS}"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _section(page: _Page, section: Section) -> None:
    heights = [_height(page, block) for block in section.blocks]
    whole = sum(heights)
    page.room(13 + (whole if whole < 110 else _first(section, heights)))
    page.ln(5)
    page.set_draw_color(*_rgb("#1c2430"))
    page.set_line_width(0.4)
    page.line(_MARGIN, page.get_y(), _MARGIN + _WIDTH, page.get_y())
    page.ln(1.5)
    page.pen(_BODY * 1.2, bold=True)
    page.start_section(section.title)
    page.say(section.title, 6)
    page.ln(1)
    for block in section.blocks:
        _block(page, block)


def _first(section: Section, heights: list[float]) -> float:
    """What must stand under a heading on the same page: all up to the first block that can break."""
    need = 0.0
    for block, height in zip(section.blocks, heights, strict=True):
        if isinstance(block, Table | Bullets | Facts):
            return need + min(height, 25.0)
        if isinstance(block, Gallery):
            return need + max(figure.height for figure in block.figures[:3])
        need += height
        if isinstance(block, Drawing):
            return need
    return need


def _lines(page: _Page, text: str, width: float, size: float, height: float = _LINE) -> float:
    page.pen(size)
    found = page.multi_cell(width, height, shown(text), align="L", dry_run=True, output="HEIGHT")
    return float(found)  # type: ignore[arg-type]


def _height(page: _Page, block: Block) -> float:
    """Height that a block takes, mm; of tables an estimate."""
    match block:
        case Headline():
            return 30 + _lines(page, block.lead, _WIDTH, _BODY)
        case Paragraph():
            return _lines(page, block.text, _WIDTH, _BODY) + 1.5
        case Bullets():
            return sum(_lines(page, item, _WIDTH - 5, _BODY) for item in block.items) + 1.5
        case Facts():
            return sum(_lines(page, value, _WIDTH - 45, _BODY) + 0.8 for _, value in block.rows)
        case Table():
            return 12 + 6.0 * len(block.rows)
        case Drawing():
            return block.figure.height + 2 + _lines(page, block.caption, _WIDTH, _SMALL, 3.8)
        case Gallery():
            rows = [block.figures[i : i + 3] for i in range(0, len(block.figures), 3)]
            return sum(max(figure.height for figure in row) + 2 for row in rows)
        case Form():
            return 10.0 * len(block.entries)


def _block(page: _Page, block: Block) -> None:
    match block:
        case Headline():
            _headline(page, block)
        case Paragraph():
            page.pen(_BODY)
            page.say(block.text)
            page.ln(1.5)
        case Bullets():
            for item in block.items:
                page.room(_lines(page, item, _WIDTH - 5, _BODY))
                page.cell(5, _LINE, "\N{BULLET}")
                page.say(item, width=_WIDTH - 5)
            page.ln(1.5)
        case Facts():
            _facts(page, block)
        case Table():
            _table(page, block)
        case Drawing():
            page.room(_height(page, block))
            _figure(page, block.figure, _MARGIN, page.get_y())
            page.set_y(page.get_y() + block.figure.height + 1)
            page.pen(_SMALL, colour=SOFT)
            page.say(block.caption, 3.8)
            page.ln(1)
        case Gallery():
            _gallery(page, block)
        case Form():
            _form(page, block)


def _headline(page: _Page, block: Headline) -> None:
    page.pen(21, bold=True)
    page.say(block.big, 10)
    page.pen(_BODY)
    page.say(block.lead)
    page.ln(2)
    top, width = page.get_y(), _WIDTH / max(5, len(block.numbers))
    for i, (value, what) in enumerate(block.numbers):
        page.set_xy(_MARGIN + i * width, top)
        page.pen(14, bold=True)
        page.cell(width, 6.5, shown(value), align="L")
        page.set_xy(_MARGIN + i * width, top + 6.5)
        page.pen(_SMALL, colour=SOFT)
        page.cell(width, 4, _fit(page, shown(what), width - 1), align="L")
    page.set_xy(_MARGIN, top + 12)


def _facts(page: _Page, block: Facts) -> None:
    for name, value in block.rows:
        page.room(_lines(page, value, _WIDTH - 45, _BODY))
        top = page.get_y()
        page.pen(_BODY, colour=SOFT)
        page.cell(45, _LINE, _fit(page, shown(name), 43))
        page.pen(_BODY)
        page.set_xy(_MARGIN + 45, top)
        page.say(value, width=_WIDTH - 45)
        page.ln(0.8)


def _table(page: _Page, block: Table) -> None:
    if block.caption:
        page.pen(_SMALL, colour=SOFT)
        page.say(block.caption, 4.2)
    page.pen(_SMALL)
    page.set_draw_color(*_rgb(RULE))
    page.set_fill_color(255)
    page.set_line_width(0.2)
    total = sum(block.widths)
    with page.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES, col_widths=tuple(_WIDTH * w / total for w in block.widths), line_height=3.9,
        text_align="LEFT", v_align="TOP", headings_style=FontFace(emphasis="BOLD"), padding=(0.9, 1.5, 0.9, 0),
    ) as table:  # fmt: skip
        for cells in (block.header, *block.rows):
            row = table.row()
            for cell in cells:
                row.cell(shown(cell))
    page.ln(2)


def _gallery(page: _Page, block: Gallery) -> None:
    for i in range(0, len(block.figures), 3):
        row = block.figures[i : i + 3]
        height = max(figure.height for figure in row)
        page.room(height + 2)
        for j, figure in enumerate(row):
            _figure(page, figure, _MARGIN + j * (_WIDTH + 3) / 3, page.get_y() + height - figure.height)
        page.set_y(page.get_y() + height + 2)


def _form(page: _Page, block: Form) -> None:
    for entry in block.entries:
        page.room(10)
        page.ln(3.5)
        top = page.get_y()
        page.pen(_BODY)
        page.cell(70, 5, _fit(page, shown(entry.name), 68))
        page.set_draw_color(*_rgb("#1c2430"))
        page.set_line_width(0.25)
        x = _MARGIN + 70
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
            page.multi_cell(_WIDTH - 70, 5, shown(entry.value), align="L", new_x="LMARGIN", new_y="NEXT")
            below = max(page.get_y(), top + 5)
            page.line(x, below, _MARGIN + _WIDTH, below)
            page.set_y(below - 5)
        page.set_xy(_MARGIN, page.get_y() + 5.5 if not entry.choices else top + 6)
    page.ln(2)


def _figure(page: _Page, figure: Figure, x0: float, y0: float) -> None:
    """Draw a figure with its top left corner at (x0, y0), mm."""
    for mark in figure.marks:
        match mark:
            case Picture():
                page.image(io.BytesIO(mark.jpeg), x0 + mark.x, y0 + mark.y, mark.w, mark.h, alt_text=shown(figure.alt))
            case Box():
                style = ("D" if mark.stroke else "") + ("F" if mark.fill else "")
                page.set_draw_color(*_rgb(mark.stroke or "#000000"))
                page.set_fill_color(*_rgb(mark.fill or "#ffffff"))
                page.set_line_width(mark.width)
                page.rect(x0 + mark.x, y0 + mark.y, mark.w, mark.h, style=style or "D")
            case Text():
                page.pen(mark.size * _POINT, bold=mark.bold, colour=mark.colour)
                text = shown(mark.text)
                back = {"start": 0.0, "middle": 0.5, "end": 1.0}[mark.anchor] * page.get_string_width(text)
                if text:
                    page.text(x0 + mark.x - back, y0 + mark.y, text)
            case Path():
                _path(page, mark, x0, y0)


def _path(page: _Page, mark: Path, x0: float, y0: float) -> None:
    """Lines with round ends, as in the SVG."""
    rule = PathPaintRule.STROKE if mark.fill is None else PathPaintRule.STROKE_FILL_NONZERO
    with page.new_path(paint_rule=rule) as path:
        path.style.stroke_color = mark.stroke
        path.style.stroke_width = mark.width
        path.style.stroke_cap_style = StrokeCapStyle.ROUND
        path.style.stroke_join_style = StrokeJoinStyle.ROUND
        path.style.fill_color = mark.fill
        path.style.auto_close = mark.fill is not None
        for first, *rest in mark.lines:
            path.move_to(x0 + first[0], y0 + first[1])
            for x, y in rest or [first]:
                path.line_to(x0 + x, y0 + y)
