"""Charts: nothing outside of the figure, no text on another, and lines that can be told apart without colour."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from tests.unit.report.extents import extents, overlaps
from tests.unit.report.page import Page
from wince.report.chart import DASHES, WIDTH, Line, bars, chart
from wince.report.colours import PENS
from wince.report.document import Document, Gallery, Section
from wince.report.figure import Box, Figure, Path
from wince.report.html import html, svg
from wince.report.pdf import pdf

NAMES = ("ridge on blendshapes + own calm face", "ridge on points + own calm face", "ensemble + own calm face", "a", "b", "c")
CURVES = [Line(name, ((0, 0), (0.1 * n, 0.5), (1, 1))) for n, name in enumerate(NAMES)]
FIGURES = {
    "roc": chart("Pain against distractors, gated", ("false positives", 0, 1), ("sensitivity", 0, 1), CURVES),
    "dots": chart("Beyond", ("truth", 0, 16), ("estimate - truth", -8, 8), [Line("", ((-3, 99), (20, -99), (float("nan"), 1)), dots=True)]),
    "bars": bars("PSPI error by condition", "mean absolute, 0 to 16", [("upside down", 12.34), ("plain", 0.0), ("0-10 degrees", 1.0)]),
    "nothing": bars("Nobody", "mean", []),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_all_is_inside_and_no_text_on_another(figure: Figure) -> None:
    assert figure.width == WIDTH
    for x0, y0, x1, y1 in extents(figure):
        assert -0.01 <= x0 <= x1 <= figure.width + 0.01
        assert -0.01 <= y0 <= y1 <= figure.height + 0.01
    assert overlaps(figure) == []
    assert len(figure.alt) > 10


def test_lines_differ_without_colour() -> None:
    assert len(set(DASHES)) == len(DASHES) == len(PENS)
    drawn = [mark.dash for mark in FIGURES["roc"].marks if isinstance(mark, Path) and mark.width == 0.4]
    assert len(drawn) == 2 * len(CURVES)
    dashes = {attrs.get("stroke-dasharray") for attrs in Page(svg(FIGURES["roc"])).all("path")}
    assert {" ".join(f"{length:g}" for length in dash) or None for dash in DASHES} <= dashes


def test_bars_are_as_long_as_their_numbers() -> None:
    assert [round(mark.w, 2) for mark in FIGURES["bars"].marks if isinstance(mark, Box)] == [48, 0, 3.89]


def test_two_stand_in_a_row_on_page_and_sheet() -> None:
    report = Document("t", "s", "l", [Section("h", (Gallery((FIGURES["roc"], FIGURES["bars"]), across=2),))])
    assert [attrs for attrs in Page(html(report)).all("div") if attrs.get("class") == "gallery two"]
    assert "PSPI error by condition" in PdfReader(io.BytesIO(pdf(report))).pages[0].extract_text()
