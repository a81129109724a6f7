"""A report as one HTML file: nothing from outside, no script, prints on A4 with the label on every page.

The words of HTML and SVG stand in `templates/`: page.html, page.css, figure.svg, and one file of `blocks/` per kind of block.
"""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wince.report.document import Document, Gallery, Section, Table
from wince.report.figure import Figure, Path, Point

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
"""The file can load nothing, run nothing and send nothing, whatever a file's name says."""
_SHORT = 10
"""Rows of a table that is kept on one page."""


def html(document: Document) -> str:
    """The report as HTML 5. The templates escape every text; a name that they don't know is an error."""
    return _templates().get_template("page.html").render(document=document, policy=POLICY)


def svg(figure: Figure) -> Markup:
    """The figure as one `<svg>` element that scales with its container; its alternative text is its label."""
    return Markup(_templates().get_template("figure.svg").render(figure=figure))  # noqa: S704 - the template has escaped it


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("wince.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"kind": _kind, "svg": svg, "mm": _mm, "pen": _pen, "base64": lambda data: base64.b64encode(data).decode("ascii")}
    made.tests["whole"] = _whole
    return made


def _kind(part: object) -> str:
    """Of a block or mark: the name of its class, small."""
    return type(part).__name__.lower()


def _whole(section: Section) -> bool:
    """Whether a section is kept on one page."""
    long = any(isinstance(block, Table) and len(block.rows) > _SHORT for block in section.blocks)
    return not long and not any(isinstance(block, Gallery) for block in section.blocks)


def _mm(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _pen(path: Path) -> str:
    """A path's data: move, then lines; a line of one point is a dot of the pen's width."""
    return "".join(_line(line, path.fill is not None) for line in path.lines)


def _line(points: tuple[Point, ...], closed: bool) -> str:
    if not points:
        return ""
    first, *rest = points
    if not rest:
        return f"M{_mm(first[0])} {_mm(first[1])}h0"
    return f"M{_mm(first[0])} {_mm(first[1])}L" + " ".join(f"{_mm(x)} {_mm(y)}" for x, y in rest) + ("Z" if closed else "")
