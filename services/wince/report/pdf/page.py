"""The sheet of A4 that blocks are put onto: fonts that ship, margins, the title on later pages, the label on every page."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path as FilePath

from fpdf import FPDF, ViewerPreferences
from fpdf.bidi import BidiParagraph
from fpdf.fonts import TTFFont

from wince.errors import ResourceError
from wince.report.colours import INK, RULE, SOFT, Colour
from wince.report.document import Document

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""Creation date of a document that does not say when it was made: equal documents give equal bytes."""
MARGIN, TOP, BOTTOM = 15.0, 16.0, 18.0
"""Left and right, above and below, mm."""
WIDTH = 180.0
"""Of what stands between the margins, mm."""
BODY, SMALL, LINE = 9.2, 7.8, 4.6
"""Sizes of type, points; height of a line of BODY, mm."""
POINT = 72 / 25.4
"""Points in a millimetre."""
_FONT = "dejavu"


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


class Page(FPDF):
    """A document's pages, begun with its title, subtitle and label."""

    def __init__(self, document: Document) -> None:
        super().__init__("portrait", "mm", "A4")
        self._document = document
        self.add_font(_FONT, "", _fonts() / "DejaVuSans.ttf")
        self.add_font(_FONT, "B", _fonts() / "DejaVuSans-Bold.ttf")
        self.set_margins(MARGIN, TOP)
        self.c_margin = 0.0
        self.set_auto_page_break(True, BOTTOM)
        self.set_creation_date(document.made or UNDATED)
        self.set_lang("en")
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.set_title(shown(document.title))
        self.set_creator("Wince")
        self.set_subject(shown(document.label))
        self.set_draw_color(*rgb(RULE))
        self.add_page()
        self.pen(BODY * 1.65, bold=True)
        self.say(document.title, 7)
        self.pen(BODY, colour=SOFT)
        self.say(document.subtitle)
        if document.date:
            self.say(f"Report made on {document.date}")
        self.ln(2)
        self._box(document)

    def _box(self, document: Document) -> None:
        """The label, and below it what the reader has before them."""
        top = self.get_y()
        self.set_y(top + 1.4)
        for text, bold in ((document.label, True), (document.intro, False)):
            if text:
                self.pen(BODY, bold=bold)
                self.set_x(MARGIN + 2)
                self.say(text, width=WIDTH - 4)
        self.ln(1.4)
        self.set_draw_color(*rgb(INK))
        self.set_line_width(0.4)
        self.rect(MARGIN, top, WIDTH, self.get_y() - top)

    def pen(self, size: float, *, bold: bool = False, colour: Colour = INK) -> None:
        """Size in points."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*rgb(colour))

    def say(self, text: str, height: float = LINE, width: float = WIDTH) -> None:
        """Text over several lines, breaking anywhere where a word is longer than a line."""
        self.multi_cell(width, height, shown(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def room(self, height: float) -> None:
        """A new page where less is left than that (and the page isn't empty)."""
        if self.get_y() + height > self.h - BOTTOM and self.get_y() > TOP + 1:
            self.add_page()

    def header(self) -> None:
        """Later pages say what they belong to."""
        if self.page_no() > 1:
            self.set_y(8)
            self.pen(SMALL, colour=SOFT)
            self.cell(WIDTH, 4, fit(self, shown(self._document.title), WIDTH))
            self.set_y(TOP)

    def footer(self) -> None:
        """The label, the date and the number on every page."""
        self.set_y(-BOTTOM + 5)
        self.set_draw_color(*rgb(SOFT))
        self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())
        self.pen(SMALL)
        self.ln(1.5)
        date = f"{self._document.date}   " if self._document.date else ""
        right = self.get_string_width(f"{date}page {self.page_no()} of 999")
        self.cell(WIDTH - right, 4, fit(self, shown(self._document.label), WIDTH - right - 4))
        self.cell(right, 4, f"{date}page {self.page_no()} of {{nb}}")


def fit(page: FPDF, text: str, width: float) -> str:
    """A text cut to a width, mm."""
    if page.get_string_width(text) <= width:
        return text
    while text and page.get_string_width(text + "\N{HORIZONTAL ELLIPSIS}") > width:
        text = text[:-1]
    return text + "\N{HORIZONTAL ELLIPSIS}"


def rgb(colour: Colour) -> tuple[int, int, int]:
    """As on paper: red, green, blue, 0 to 255."""
    return int(colour.light[1:3], 16), int(colour.light[3:5], 16), int(colour.light[5:7], 16)
