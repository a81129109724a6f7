"""A report as a PDF on A4, from the same document as the HTML. Same document, same bytes: its date is fixed, its fonts ship.

page.py     the sheet: fonts, margins, header and footer      blocks.py   sections and blocks on it
drawing.py  a figure on it
"""

from __future__ import annotations

from wince.report.document import Document
from wince.report.pdf.blocks import section
from wince.report.pdf.page import Page

__all__ = ["pdf"]


def pdf(document: Document) -> bytes:
    """The report as PDF bytes."""
    page = Page(document)
    for part in document.sections:
        section(page, part)
    return bytes(page.output())
