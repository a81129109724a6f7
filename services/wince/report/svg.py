"""A figure as inline SVG: no script, no style sheet, nothing from outside."""

from __future__ import annotations

import base64
from html import escape

from wince.report.figure import Box, Figure, Mark, Path, Picture, Text


def svg(figure: Figure) -> str:
    """The figure as one `<svg>` element that scales with its container; its alternative text is its label."""
    body = "".join(_mark(mark) for mark in figure.marks)
    box = f'viewBox="0 0 {_n(figure.width)} {_n(figure.height)}"'
    return f'<svg role="img" aria-label="{escape(figure.alt)}" {box}>{body}</svg>'


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _mark(mark: Mark) -> str:
    match mark:
        case Box():
            stroke = f' stroke="{mark.stroke}" stroke-width="{_n(mark.width)}"' if mark.stroke else ""
            at = f'x="{_n(mark.x)}" y="{_n(mark.y)}" width="{_n(mark.w)}" height="{_n(mark.h)}"'
            return f'<rect {at} fill="{mark.fill or "none"}"{stroke}/>'
        case Path():
            pen = f'stroke="{mark.stroke}" stroke-width="{_n(mark.width)}" stroke-linecap="round" stroke-linejoin="round"'
            return f'<path d="{"".join(_line(line, mark.fill is not None) for line in mark.lines)}" fill="{mark.fill or "none"}" {pen}/>'
        case Text():
            anchor = f' text-anchor="{mark.anchor}"' if mark.anchor != "start" else ""
            weight = ' font-weight="700"' if mark.bold else ""
            at = f'x="{_n(mark.x)}" y="{_n(mark.y)}" font-size="{_n(mark.size)}"'
            return f'<text {at} fill="{mark.colour}"{anchor}{weight}>{escape(mark.text)}</text>'
        case Picture():
            data = base64.b64encode(mark.jpeg).decode("ascii")
            at = f'x="{_n(mark.x)}" y="{_n(mark.y)}" width="{_n(mark.w)}" height="{_n(mark.h)}"'
            return f'<image {at} preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>'


def _line(points: tuple[tuple[float, float], ...], closed: bool) -> str:
    if not points:
        return ""
    first, *rest = points
    if not rest:
        return f"M{_n(first[0])} {_n(first[1])}h0"
    return f"M{_n(first[0])} {_n(first[1])}L" + " ".join(f"{_n(x)} {_n(y)}" for x, y in rest) + ("Z" if closed else "")
