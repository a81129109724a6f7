"""A figure on a page: the same marks as in the SVG."""

from __future__ import annotations

import io
from dataclasses import replace

from fpdf.enums import PathPaintRule, StrokeCapStyle, StrokeJoinStyle

from wince.report.colours import INK, PAPER
from wince.report.figure import Box, Figure, Mark, Path, Picture, Text
from wince.report.pdf.page import POINT, Page, rgb, shown


def draw(page: Page, figure: Figure, x0: float, y0: float, scale: float = 1.0) -> None:
    """Draw a figure with its top left corner at (x0, y0), mm, larger or smaller by `scale`."""
    for mark in figure.marks if scale == 1.0 else [_scaled(mark, scale) for mark in figure.marks]:
        match mark:
            case Picture():
                page.image(io.BytesIO(mark.jpeg), x0 + mark.x, y0 + mark.y, mark.w, mark.h, alt_text=shown(figure.alt))
            case Box():
                style = ("D" if mark.stroke else "") + ("F" if mark.fill else "")
                page.set_draw_color(*rgb(mark.stroke or INK))
                page.set_fill_color(*rgb(mark.fill or PAPER))
                page.set_line_width(mark.width)
                page.rect(x0 + mark.x, y0 + mark.y, mark.w, mark.h, style=style or "D")
            case Text():
                page.pen(mark.size * POINT, bold=mark.bold, colour=mark.colour)
                text = shown(mark.text)
                back = {"start": 0.0, "middle": 0.5, "end": 1.0}[mark.anchor] * page.get_string_width(text)
                if text:
                    page.text(x0 + mark.x - back, y0 + mark.y, text)
            case Path():
                _path(page, mark, x0, y0)


def _path(page: Page, mark: Path, x0: float, y0: float) -> None:
    """Lines with round ends, dashes with straight ones, as in the SVG."""
    rule = PathPaintRule.STROKE if mark.fill is None else PathPaintRule.STROKE_FILL_NONZERO
    with page.new_path(paint_rule=rule) as path:
        path.style.stroke_color = mark.stroke.light
        path.style.stroke_width = mark.width
        path.style.stroke_cap_style = StrokeCapStyle.BUTT if mark.dash else StrokeCapStyle.ROUND
        if mark.dash:
            path.style.stroke_dash_pattern = mark.dash
        path.style.stroke_join_style = StrokeJoinStyle.ROUND
        path.style.fill_color = None if mark.fill is None else mark.fill.light
        path.style.auto_close = mark.fill is not None
        for first, *rest in mark.lines:
            path.move_to(x0 + first[0], y0 + first[1])
            for x, y in rest or [first]:
                path.line_to(x0 + x, y0 + y)


def _scaled(mark: Mark, by: float) -> Mark:
    """The mark as in a figure of another size."""
    match mark:
        case Path():
            lines = tuple(tuple((x * by, y * by) for x, y in line) for line in mark.lines)
            return replace(mark, lines=lines, width=mark.width * by, dash=tuple(length * by for length in mark.dash))
        case Text():
            return replace(mark, x=mark.x * by, y=mark.y * by, size=mark.size * by)
        case Box():
            return replace(mark, x=mark.x * by, y=mark.y * by, w=mark.w * by, h=mark.h * by, width=mark.width * by)
        case Picture():
            return replace(mark, x=mark.x * by, y=mark.y * by, w=mark.w * by, h=mark.h * by)
