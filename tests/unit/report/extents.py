"""Where the marks of a figure lie, with the letters of the font that the PDF carries: wider than what a browser takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import ImageFont

from wince import report
from wince.report.figure import Box, Figure, Picture, Text
from wince.report.figure import Path as Lines

FONTS = {
    bold: ImageFont.truetype(str(Path(report.__file__).parent / "fonts" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), 100)
    for bold in (False, True)
}


def extents(figure: Figure) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, right, bottom of each mark, mm; of lines, of each point."""
    for mark in figure.marks:
        if isinstance(mark, Box | Picture):
            yield mark.x, mark.y, mark.x + mark.w, mark.y + mark.h
        elif isinstance(mark, Lines):
            for line in mark.lines:
                for x, y in line:
                    yield x, y, x, y
        else:
            width = FONTS[mark.bold].getlength(mark.text) * mark.size / 100
            left = mark.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[mark.anchor] * width
            yield left, mark.y - mark.size, left + width, mark.y


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that lie on each other."""
    texts = [mark for mark in figure.marks if isinstance(mark, Text)]
    boxes = list(extents(Figure(figure.width, figure.height, "", list(texts))))
    return [
        (texts[i].text, texts[j].text)
        for i, (a0, b0, a1, b1) in enumerate(boxes)
        for j, (c0, d0, c1, d1) in enumerate(boxes[i + 1 :], i + 1)
        if not (a1 <= c0 + 0.3 or c1 <= a0 + 0.3 or b1 <= d0 + 0.3 or d1 <= b0 + 0.3)
    ]
