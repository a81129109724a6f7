"""The page: every text is text whatever it holds, a template that names what isn't there fails, figures keep their marks."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime

import jinja2
import pytest

from tests.unit.report.page import Page
from wince.report.colours import INK, PALETTE, PAPER
from wince.report.document import (
    Block,
    Bullets,
    Cell,
    Document,
    Drawing,
    Entry,
    Facts,
    Form,
    Gallery,
    Headline,
    Paragraph,
    Section,
    Table,
)
from wince.report.figure import Box, Figure, Path, Picture, Text
from wince.report.html import _templates, html, svg

HOSTILE = "</p><script>alert('x')</script><img src=x onerror=\"y()\"> {{ 7 * 7 }} {% raw %} &amp; Mütze שלום &lt;"
FIGURE = Figure(58, 20, HOSTILE, [Box(0, 0, 9, 9, PAPER, INK), Path((((1.0, 1.0), (2.004, 3.0)),)), Text(1, 2, HOSTILE)])
BLOCKS: tuple[Block, ...] = (
    Headline(HOSTILE, HOSTILE, ((HOSTILE, HOSTILE),)),
    Paragraph(HOSTILE),
    Bullets((HOSTILE,)),
    Facts(((HOSTILE, HOSTILE),)),
    Table(HOSTILE, (HOSTILE, HOSTILE), ((Cell(HOSTILE, HOSTILE, FIGURE, FIGURE), HOSTILE),), (1, 2)),
    Drawing(FIGURE, HOSTILE),
    Gallery((FIGURE,)),
    Form((Entry(HOSTILE, HOSTILE), Entry(HOSTILE, HOSTILE, (HOSTILE, "no")))),
)


def words(page: Page) -> str:
    return re.sub(r"\s+", " ", " ".join(page.words))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
def test_a_text_is_never_markup(block: Block) -> None:
    """Tags, quotes, braces of a template, entities and right-to-left letters come out as they went in, in every kind of block."""
    plain = html(Document("t", "s", "l", [Section("h", (block,))]))
    page = Page(plain)
    assert page.open == []
    assert not page.all("script")
    assert not page.all("img")
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    shown = [words(page), *(value or "" for _, attrs in page.tags for value in attrs.values())]
    assert any(HOSTILE in one for one in shown)
    assert "49" not in words(page)


def test_title_subtitle_label_and_heading_are_texts_too() -> None:
    page = Page(html(Document(HOSTILE, HOSTILE, HOSTILE, [Section(HOSTILE, ())])))
    assert not page.all("script")
    assert words(page).count(HOSTILE) == 6, "title twice, subtitle, heading, label above and on every printed page"


def test_a_link_is_a_file_beside_the_page() -> None:
    """A name that looks like another address stays a name."""
    page = Page(html(Document("t", "s", "l", [Section("h", (Table("", ("a",), ((Cell("a", '"x: y#é?.html'),),), (1,)),))])))
    assert [attrs["href"] for attrs in page.all("a")] == ["%22x%3A%20y%23%C3%A9%3F.html"]


def test_a_template_that_names_what_is_not_there_fails() -> None:
    """A mistyped name in a template is an error of the test run, no empty place on a page."""
    with pytest.raises(jinja2.UndefinedError):
        _templates().from_string("{{ block.caption }}").render(block=Paragraph("x"))


def test_every_kind_of_block_and_mark_has_its_template() -> None:
    assert {f"blocks/{type(block).__name__.lower()}.html" for block in BLOCKS} == {
        name for name in _templates().list_templates() if name.startswith("blocks/")
    }
    marks = (Box(0, 0, 1, 1), Path((((0.0, 0.0),),)), Text(0, 0, "x"), Picture(0, 0, 1, 1, b"jpeg"))
    page = Page(svg(Figure(10, 10, "four marks", list(marks))))
    assert [tag for tag, _ in page.tags] == ["svg", "rect", "path", "text", "image"]
    assert page.all("path")[0]["d"] == "M0 0h0"
    assert page.all("image")[0]["href"] == "data:image/jpeg;base64,anBlZw=="


def test_a_short_section_stays_on_one_page() -> None:
    def table(rows: int) -> Section:
        return Section("h", (Table("", ("a",), (("x",),) * rows, (1,)),))

    page = Page(
        html(Document("t", "s", "l", [table(10), table(11), Section("h", (Gallery((FIGURE,)),)), Section("h", (Drawing(FIGURE, ""),))]))
    )
    assert [attrs.get("class") for attrs in page.all("section")] == ["whole", None, None, None]


def test_a_page_with_a_table_to_sort_has_one_script_that_its_policy_names_by_hash() -> None:
    """No other script runs, whatever a name holds; a page without such a table has none at all."""

    def page(sortable: bool) -> str:
        return html(Document("t", "s", "l", [Section("h", (Table("", ("a",), ((HOSTILE,),), (1,), sortable=sortable),))]))

    text = page(True)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [attrs["content"] or "" for attrs in Page(text).all("meta") if attrs.get("http-equiv")]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1]
    assert "<script" not in page(False)
    assert "script-src" not in page(False)


def test_every_colour_has_its_twin_for_the_dark_and_print_stays_light() -> None:
    text = html(Document("t", "s", "l", [Section("h", (Drawing(FIGURE, "c"),))]))
    light, dark = text.split("@media screen and (prefers-color-scheme: dark)")[:2]
    for colour in PALETTE:
        assert f"--{colour.name}: {colour.light};" in light
        assert f"--{colour.name}: {colour.dark};" in dark.split("} }")[0]
    assert len({colour.name for colour in PALETTE}) == len(PALETTE)
    drawn = {value for _, attrs in Page(text).tags for name, value in attrs.items() if name in ("fill", "stroke")}
    assert drawn == {"var(--paper)", "var(--ink)", "none"}


def test_the_date_stands_on_the_page_and_in_its_head() -> None:
    made = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    page = Page(html(Document("t", "s", "l", (), made=made)))
    assert "Report made on 4 March 2026, 05:06 UTC" in page.text
    assert [attrs["content"] for attrs in page.all("meta") if attrs.get("name") == "dcterms.created"] == ["2026-03-04T05:06:00+00:00"]
    assert "Report made" not in html(Document("t", "s", "l", ()))


def test_a_cell_carries_what_a_reader_sorts_by() -> None:
    table = Table("", ("a", "b"), ((Cell("x", rank=2.5), "y"),), (1, 1), sortable=True)
    page = Page(html(Document("t", "s", "l", [Section("h", (table,))])))
    assert [attrs.get("data-rank") for attrs in (*page.all("th"), *page.all("td"))] == [None, None, "2.5", None]


def test_sections_that_stand_aside_come_last_and_keep_their_numbers() -> None:
    page = Page(html(Document("t", "s", "l", [Section("one", ()), Section("two", (), aside=True)])))
    assert page.headings() == ["s1", "s2"]
    assert [attrs["class"] for attrs in page.all("div") if "sections" in (attrs.get("class") or "")] == ["sections beside"]
