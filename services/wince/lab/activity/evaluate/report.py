"""Tables of several scorers as JSON and as one HTML page without anything from elsewhere."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wince.errors import ResourceError
from wince.lab.activity.evaluate.table import Figure

NOTICE = (
    "Drawn faces with known action units of a generator. Not FACS codes, not patients: no figure here says how well pain is graded. "
    "Intervals: 95 %, persons resampled."
)
STYLE = "svg{margin:1em .6em 0 0;font-size:11px} body{font:15px sans-serif} "
STYLE += "table{border-collapse:collapse} td,th{padding:.3em .7em;border:1px solid #bbb;text-align:right}"


def write(folder: Path, tables: dict[str, dict[str, Figure]], about: dict[str, Any], plots: Sequence[str] = ()) -> None:
    """Write scorer.json and scorer.html. Raises ResourceError where they can't be written."""
    content = {"notice": NOTICE, **about, "scorers": {k: {f: _plain(v) for f, v in t.items()} for k, t in tables.items()}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("scorer.json", json.dumps(content, indent=1) + "\n"), ("scorer.html", page(tables, about, plots))):
            part = folder / f"{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(folder / name)
    except OSError as error:
        raise ResourceError(f"the report can't be written ({type(error).__name__})", field=str(folder)) from error


def _plain(figure: Figure) -> dict[str, float | None]:
    return {key: None if not math.isfinite(value) else round(value, 4) for key, value in asdict(figure).items()}


def cell(figure: Figure) -> str:
    """ ".943 (.931-.955), n 512" or "-".

    >>> cell(Figure(0.5, 0.25, 0.75, 12))
    '0.500 (0.250-0.750), n 12'
    """
    if not math.isfinite(figure.value):
        return "-"
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f}), n {figure.n}"


def page(tables: dict[str, dict[str, Figure]], about: dict[str, Any], plots: Sequence[str] = ()) -> str:
    """The HTML page: figures down, scorers across, then the plots (SVG texts)."""
    names = list(tables)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)

    def row(figure: str) -> str:
        cells = "".join(f"<td>{html.escape(cell(tables[name][figure]))}</td>" for name in names)
        return f'<tr><th scope="row">{html.escape(figure)}</th>{cells}</tr>'

    rows = "".join(row(figure) for figure in tables[names[0]])
    facts = "".join(f"<li>{html.escape(str(key))}: {html.escape(str(value))}</li>" for key, value in about.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Scorers on drawn faces</title><style>{STYLE}</style>'
        f"<h1>Scorers on drawn faces</h1><p>{html.escape(NOTICE)}</p><ul>{facts}</ul>"
        f"<table><thead><tr><th>figure</th>{head}</tr></thead><tbody>{rows}</tbody></table>{''.join(plots)}</html>\n"
    )
