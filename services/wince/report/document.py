"""A report as data: sections of blocks. HTML and PDF are rendered from the same, so they say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from wince.report.figure import Figure


@dataclass(frozen=True, slots=True)
class Headline:
    """What a reader must know first."""

    big: str
    """The grade, or that there is none."""
    lead: str
    """One sentence on it."""
    numbers: tuple[tuple[str, str], ...]
    """(value, what it is), a handful."""
    badge: Figure | None = None
    """The mark of the grade, before its name."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and their values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table that holds more than text."""

    text: str
    link: str = ""
    """Name of a file beside the page that the text leads to; empty: none."""
    badge: Figure | None = None
    """A small mark before the text."""
    figure: Figure | None = None
    """Drawn above the text, as wide as the column."""
    thumb: bytes = b""
    """A small JPEG before the text, at most 128 pixels wide; empty: none."""
    rank: float | None = None
    """By what a reader sorts the column; None: by the text, and last where the column has ranks."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header."""

    caption: str
    """Empty where the section's title says it already."""
    header: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    """Text alone may stand for its cell. The first cell of a row names it."""
    widths: tuple[float, ...]
    """Relative widths of the columns."""
    sortable: bool = False
    """Whether a reader of the page can sort it by any column."""


def text(cell: Cell | str) -> str:
    """What a cell says."""
    return cell if isinstance(cell, str) else cell.text


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure over the whole width with a caption."""

    figure: Figure
    caption: str
    narrow: Figure | None = None
    """The same for a narrow screen, where the letters of the wide one would be too small; None: the same one."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small figures side by side."""

    figures: tuple[Figure, ...]
    across: Literal[2, 3] = 3
    """How many stand in a row: three of 58 mm (pictures, on one line), or two of 88 mm (charts, below one line)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a form: given, or to be filled in."""

    name: str
    value: str = ""
    """Given value; empty: a blank."""
    choices: tuple[str, ...] = ()
    """Boxes to tick; `value` is the ticked one. Empty: free text."""


@dataclass(frozen=True, slots=True)
class Form:
    """Lines that a person fills in."""

    entries: tuple[Entry, ...]


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip

Block = Headline | Paragraph | Bullets | Facts | Table | Drawing | Gallery | Form


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]
    aside: bool = False
    """Stands beside the others where the screen is wide enough. Sections of this kind come last."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    label: str
    """Stands on every page."""
    sections: Sequence[Section]
    intro: str = ""
    """What the reader has before them, in a few sentences; stands in the label's box."""
    made: datetime | None = None
    """When the report was made, with its time zone; None: it does not say."""

    @property
    def date(self) -> str:
        """The day and minute it was made, for people; empty where it does not say.

        >>> from datetime import UTC
        >>> Document("t", "s", "l", (), made=datetime(2026, 3, 4, 5, 6, tzinfo=UTC)).date
        '4 March 2026, 05:06 UTC'
        """
        if self.made is None:
            return ""
        zone = self.made.strftime("%Z") or "UTC"
        return f"{self.made.day} {_MONTHS[self.made.month - 1]} {self.made.year}, {self.made:%H:%M} {zone}"
