"""A report as one HTML file: nothing from outside, prints on A4 with the label on every page. A page with a table that readers may sort
has one script, named in the policy by its hash; without scripts the table reads the same.

The words of HTML and SVG stand in `templates/`: page.html, page.css, sort.js, figure.svg, and one file of `blocks/` per kind of block.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wince.report.colours import PALETTE
from wince.report.document import Cell, Document, Drawing, Gallery, Section, Table
from wince.report.figure import Figure, Path, Point

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
"""The file can load nothing, run nothing and send nothing, whatever a file's name says; `script-src` is added for our own script."""
_SHORT = 10
"""Rows of a table that is kept on one page."""
_COLUMNS, _MANY = 3, 7
"""Most of a table that a narrow screen, and one of middle width, shows as a table."""


def html(document: Document) -> str:
    """The report as HTML 5. The templates escape every text; a name that they don't know is an error."""
    script = _script() if any(isinstance(block, Table) and block.sortable for part in document.sections for block in part.blocks) else ""
    policy = POLICY + (f"; script-src '{_digest(script)}'" if script else "")
    return _templates().get_template("page.html").render(document=document, policy=policy, script=Markup(script), palette=PALETTE)  # noqa: S704 - ours


def svg(figure: Figure) -> Markup:
    """The figure as one `<svg>` element that scales with its container; its alternative text is its label."""
    return Markup(_templates().get_template("figure.svg").render(figure=figure))  # noqa: S704 - the template has escaped it


@cache
def _script() -> str:
    """The script that sorts tables, as it stands between its tags."""
    return _templates().get_template("sort.js").render()


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("wince.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"kind": _kind, "svg": svg, "mm": _mm, "pen": _pen, "cell": _cell, "base64": _base64}
    made.tests["whole"] = _whole
    made.tests |= {"wide": _wide, "many": lambda table: len(table.header) > _MANY, "pictured": _pictured}
    return made


def _kind(part: object) -> str:
    """Of a block or mark: the name of its class, small."""
    return type(part).__name__.lower()


def _cell(part: Cell | str) -> Cell:
    return Cell(part) if isinstance(part, str) else part


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _wide(table: Table) -> bool:
    """Whether a narrow screen shows its rows as cards: more columns than fit side by side there."""
    return len(table.header) > _COLUMNS


def _pictured(table: Table) -> bool:
    """Whether names of rows stand beside pictures; then all keep that place, so that they stand below each other."""
    return any(_cell(row[0]).thumb for row in table.rows if row)


def _whole(section: Section) -> bool:
    """Whether a section is kept on one page."""
    long = any(isinstance(block, Table) and len(block.rows) > _SHORT for block in section.blocks)
    return not long and not any(isinstance(block, Gallery | Drawing) for block in section.blocks)


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
