"""A figure as a short list of marks, in millimetres: drawn once, rendered the same to SVG (html.py) and to PDF (pdf/drawing.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wince.report.colours import HATCH, INK, Colour

Point = tuple[float, float]
"""(x, y) in millimetres from the figure's top left corner, y downwards."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; filled, outlined or both."""

    x: float
    y: float
    w: float
    h: float
    fill: Colour | None = None
    stroke: Colour | None = None
    width: float = 0.2
    """Of the outline, mm."""


@dataclass(frozen=True, slots=True)
class Path:
    """Lines of one pen. A line of one point is a dot of the pen's width."""

    lines: tuple[tuple[Point, ...], ...]
    stroke: Colour = INK
    width: float = 0.3
    fill: Colour | None = None
    """Fills each line as a polygon."""
    dash: tuple[float, ...] = ()
    """Lengths of pen and gap in turn, mm; empty: one line."""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float = 2.6
    """Height of the letters' em, mm (2.6 mm = 7.4 pt)."""
    anchor: str = "start"
    """start, middle or end: where `x` lies in the text."""
    bold: bool = False
    colour: Colour = INK


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG stretched into a rectangle."""

    x: float
    y: float
    w: float
    h: float
    jpeg: bytes


Mark = Box | Path | Text | Picture


@dataclass(slots=True)
class Figure:
    """What is drawn, and what it shows in words for readers who can't see it."""

    width: float
    height: float
    alt: str
    """Text alternative: what the picture shows. Empty: an ornament, which the words beside it say, too."""
    marks: list[Mark] = field(default_factory=list)

    def add(self, *marks: Mark) -> None:
        """Draw on top of what is there."""
        self.marks.extend(marks)


def hatch(x: float, y: float, w: float, h: float, *, step: float = 1.4, stroke: Colour = HATCH, width: float = 0.18) -> Path:
    """Diagonal lines that fill a rectangle: "nothing is known here", also in grey. Lines of all rectangles lie on one grid."""
    lines: list[tuple[Point, ...]] = []
    low, high = x + y, x + w + y + h
    c = (int(low / step) + 1) * step
    while c < high:
        first = (x, c - x) if c - x <= y + h else (c - (y + h), y + h)
        last = (c - y, y) if c - y <= x + w else (x + w, c - (x + w))
        lines.append((first, last))
        c += step
    return Path(tuple(lines), stroke, width)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, at most `most` + 1 of them, the ends among them where they are round.

    >>> ticks(0, 16, 4)
    [0.0, 5.0, 10.0, 15.0]
    """
    span = max(high - low, 1e-9)
    scale = 1e-6
    while True:
        for factor in (1.0, 2.0, 5.0):
            step = factor * scale
            if span / step <= most:
                first = -(-low // step)
                return [round((first + i) * step, 9) for i in range(most + 1) if (first + i) * step <= high + 1e-9]
        scale *= 10


def clock(seconds: float, total: float) -> str:
    """Media time for people, as fine as the total length asks for.

    >>> clock(7.5, 22), clock(75, 600), clock(3723, 7200)
    ('7.5 s', '1:15', '1:02:03')
    """
    if total < 120:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if total >= 3600 else f"{whole // 60}:{whole % 60:02d}"


def time_ticks(total: float, most: int = 10) -> list[float]:
    """Ticks of a time axis from 0: whole seconds, minutes or hours."""
    for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400):
        if total / step <= most:
            return [i * float(step) for i in range(int(total / step + 1e-9) + 1)]
    return ticks(0, total, most)


def spread(points: Sequence[Point]) -> tuple[Point, ...]:
    """Points rounded to a hundredth of a millimetre: smaller files, equal in every renderer."""
    return tuple((round(x, 2), round(y, 2)) for x, y in points)
