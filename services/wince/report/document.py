"""A report as data: sections of blocks. HTML and PDF are rendered from the same, so they say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
class Table:
    """Rows under a header."""

    caption: str
    """Empty where the section's title says it already."""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    """Relative widths of the columns."""
    links: tuple[str, ...] = ()
    """Target of each row's first cell, a file's name; empty where none. Empty: no links."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure over the whole width with a caption."""

    figure: Figure
    caption: str


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


Block = Headline | Paragraph | Bullets | Facts | Table | Drawing | Gallery | Form


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    label: str
    """Stands on every page."""
    sections: Sequence[Section]
