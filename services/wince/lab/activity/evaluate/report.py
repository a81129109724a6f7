"""Tables of several scorers as JSON, as a page of HTML and as the same in PDF."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from wince.lab.activity.evaluate.table import Figure
from wince.report import figure as drawn
from wince.report.document import Block, Document, Facts, Gallery, Paragraph, Section, Table
from wince.report.html import html
from wince.report.pdf import pdf
from wince.report.write_all import write_all

LABEL = "Drawn faces of a generator, no patients: no figure here says how well pain is graded"
NOTICE = (
    "Drawn faces with known action units of a generator. Not FACS codes, not patients: no figure here says how well pain is graded. "
    "Intervals: 95 %, persons resampled."
)
SIDE_BY_SIDE = 3
"""Scorers in one table: more would not fit on a page."""

Plots = Mapping[str, Sequence[drawn.Figure]]
"""Figures by the heading that they stand under."""


def write(folder: Path, tables: dict[str, dict[str, Figure]], about: dict[str, Any], plots: Plots | None = None) -> None:
    """Write scorer.json, scorer.html and scorer.pdf, all or none. Raises ResourceError where they can't be written."""
    content = {"notice": NOTICE, **about, "scorers": {k: {f: _plain(v) for f, v in t.items()} for k, t in tables.items()}}
    report = document(tables, about, plots or {}, datetime.now().astimezone())
    with write_all(folder, field="OUT") as put:
        put("scorer.json", (json.dumps(content, indent=1) + "\n").encode())
        put("scorer.html", html(report).encode())
        put("scorer.pdf", pdf(report))


def document(tables: dict[str, dict[str, Figure]], about: dict[str, Any], plots: Plots, made: datetime | None = None) -> Document:
    """The report: what was measured on what, figures down and scorers across, then the plots. `made`: the date that it bears."""
    sections = [
        Section("What was measured", (Paragraph(NOTICE), Facts(tuple(_facts(about))))),
        Section("Figures", tuple(_tables(tables))),
        *(Section(heading, (Gallery(tuple(figures), across=2),)) for heading, figures in plots.items()),
    ]
    return Document("Scorers on drawn faces", f"{len(tables)} scorers, one test part", LABEL, sections, made=made)


def _tables(tables: dict[str, dict[str, Figure]]) -> list[Block]:
    names = list(tables)
    groups = [names[i : i + SIDE_BY_SIDE] for i in range(0, len(names), SIDE_BY_SIDE)]
    return [
        Table(
            "Value and 95 % interval; stills: how many it rests on", ("figure", *group, "stills"),
            tuple(_row(figure, [tables[name][figure] for name in group]) for figure in tables[group[0]]), (5, *[4] * len(group), 1.5),
        )
        for group in groups
    ]  # fmt: skip


def _row(name: str, figures: Sequence[Figure]) -> tuple[str, ...]:
    """A figure's name, each scorer's value, and on how many stills they rest: one number where it is the same for all."""
    counts = [str(figure.n) for figure in figures]
    return (name, *(value(figure) for figure in figures), counts[0] if len(set(counts)) == 1 else ", ".join(counts))


def _facts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values; of a table within, a row each."""
    rows: list[tuple[str, str]] = []
    for name, content in about.items():
        if isinstance(content, dict):
            rows += [(f"{name}: {part.replace('_', ' ')}", _text(inner)) for part, inner in content.items()]
        else:
            rows.append((name, _text(content)))
    return rows


def _text(content: Any) -> str:
    return ", ".join(f"{name} {inner}" for name, inner in content.items()) if isinstance(content, dict) else str(content)


def _plain(figure: Figure) -> dict[str, float | None]:
    return {key: None if not math.isfinite(value) else round(value, 4) for key, value in asdict(figure).items()}


def value(figure: Figure) -> str:
    """A value and its interval, or "-".

    >>> value(Figure(0.5, 0.25, 0.75, 12))
    '0.500 (0.250-0.750)'
    """
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})" if math.isfinite(figure.value) else "-"


def cell(figure: Figure) -> str:
    """The same with the number of stills, for a line of text.

    >>> cell(Figure(0.5, 0.25, 0.75, 12))
    '0.500 (0.250-0.750), n 12'
    """
    return f"{value(figure)}, n {figure.n}" if math.isfinite(figure.value) else "-"
