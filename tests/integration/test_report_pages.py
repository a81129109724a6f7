"""Reports in Chromium, as readers see them: on a phone, a tablet and a desk, by day, by night and printed; axe looks at each, too."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

from tests.support import screenshots
from tests.unit.assess.report import synthetic
from tests.unit.report.test_chart import FIGURES
from wince.assess.report import write
from wince.assess.report.batch import index
from wince.report.document import Document, Facts, Gallery, Paragraph, Section
from wince.report.html import html
from wince.testing.peers import browser
from wince.testing.peers.browser import Look, PageFaults, look

pytestmark = [pytest.mark.peer, pytest.mark.skipif(bool(browser.available()), reason=browser.available() or "a browser is here")]

PROTOCOL = synthetic.PROTOCOL
ROOT = Path(__file__).resolve().parents[2]
MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
WIDTHS = (360, 768, 1440)
SHEET = 680
"""Pixels between the margins of A4."""
NAMES = (
    "Bett 3 Frühdienst Müller-Lüdenscheidt (Übergabe).mp4", "x" * 200 + ".mp4", "שלום מיטה 4.mov", "ward a/" + "long_name_" * 15 + ".mkv",
    "bed.mp4", "患者 7.mp4",
)  # fmt: skip


def batch(count: int) -> list[Any]:
    made = (synthetic.clip, synthetic.unassessable, synthetic.still, synthetic.failed)
    found = [made[number % 4](f"{number:03d} {NAMES[number % len(NAMES)]}") for number in range(count)]
    return [replace(result, alerts=()) if number % 3 else result for number, result in enumerate(found)]


def two_faces() -> Any:
    note = "up to 2 faces were seen at once; none is chosen where it is not clear whose is the patient's"
    return replace(synthetic.personal(), faces=2, notes=(note,))


KINDS = {
    "pain": lambda: [synthetic.clip()], "two faces": lambda: [two_faces()], "dark": lambda: [synthetic.unassessable()],
    "picture": lambda: [synthetic.still()], "failed": lambda: [synthetic.failed()], "batch": lambda: batch(12),
    "an hour": lambda: [synthetic.clip(seconds=3600.0)], "half a second": lambda: [synthetic.clip(seconds=0.4)],
}  # fmt: skip
WHOLE = ("pain", "batch")
"""Opened in every way; the others in three that differ most."""


def page(kind: str, folder: Path) -> Path:
    """The page that a reader opens first."""
    return write(KINDS[kind](), folder / kind, PROTOCOL, made=MADE)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_overlaps_or_leaves_the_page_and_axe_finds_nothing(kind: str, tmp_path: Path) -> None:
    """Nor is a letter too small to read, a name broken into letters, or anything asked for from outside."""
    path = page(kind, tmp_path)
    ways = [(width, dark) for width in WIDTHS for dark in (False, True)] if kind in WHOLE else [(360, True), (1440, False)]
    looks = [*(Look(path, width, dark=dark) for width, dark in ways), Look(path, SHEET, print=True)]
    seen = look(looks)
    assert {(one.width, one.dark, one.print): found.faults for one, found in zip(looks, seen, strict=True) if found.faults} == {}
    assert all("not validated" in found.text for found in seen)


def test_a_page_of_the_scorers_evaluation_reads_as_well(tmp_path: Path) -> None:
    facts = Facts((("corpus", "drawn"), ("persons", "600")))
    sections = [Section("What was measured", (Paragraph("Drawn faces."), facts)), Section("Plots", (Gallery(tuple(FIGURES.values()), 2),))]
    path = tmp_path / "scorer.html"
    path.write_text(html(Document("Scorers on drawn faces", "3 scorers", "Drawn faces, no patients", sections, made=MADE)))
    looks = [Look(path, 360, dark=True), Look(path, 1440), Look(path, SHEET, print=True)]
    assert [found.faults for found in look(looks)] == [{}, {}, {}]


def test_a_dark_screen_is_dark_and_paper_is_light(tmp_path: Path) -> None:
    path, shots = page("pain", tmp_path), [tmp_path / f"{number}.png" for number in range(3)]
    ways: list[dict[str, Any]] = [{}, {"dark": True}, {"dark": True, "print": True}]
    look([Look(path, 360, 640, axe=False, whole=False, shot=shot, **way) for shot, way in zip(shots, ways, strict=True)])
    light, dark, printed = (ImageStat.Stat(Image.open(shot).convert("L")).median[0] for shot in shots)
    assert light > 240
    assert dark < 40
    assert printed > 240


def order(seen: PageFaults) -> list[str]:
    """The inputs of a batch from the top."""
    lines = [line.strip() for line in seen.text.splitlines()]
    return [name for line in lines for name in ("calm.mp4", "night.mp4", "pain.mp4", "notes.txt") if line.startswith(name)]


def test_a_batch_is_sorted_by_mouse_and_by_keys_and_reads_without_scripts(tmp_path: Path) -> None:
    """What has no number comes last either way round."""
    calm = replace(synthetic.clip("calm.mp4"), alerts=(), plain=replace(synthetic.clip().plain, highest=0, highest_name="quiet", peak=1.2))
    made = [synthetic.unassessable("night.mp4"), calm, synthetic.failed("notes.txt"), synthetic.clip("pain.mp4")]
    path = write(made, tmp_path / "batch", PROTOCOL, made=MADE)[0]
    peak = {"click": "thead th:nth-child(6) button"}
    tabs = ({"press": "Tab"},) * 4
    ways: list[dict[str, Any]] = [
        {"scripts": False}, {"steps": (peak,)}, {"steps": (peak, peak)}, {"steps": (*tabs, {"press": "Enter"})},
        {"steps": (peak,), "width": 360},
    ]  # fmt: skip
    seen = look([Look(path, axe=False, **way) for way in ways])
    assert [found.faults for found in seen] == [{}] * 5
    down, up = ["pain.mp4", "calm.mp4", "night.mp4", "notes.txt"], ["calm.mp4", "pain.mp4", "night.mp4", "notes.txt"]
    assert [order(found) for found in seen] == [["night.mp4", "calm.mp4", "notes.txt", "pain.mp4"], down, up, down, down]


def test_a_sorted_batch_is_as_good_as_an_unsorted_one(tmp_path: Path) -> None:
    path = page("batch", tmp_path)
    steps = ({"click": "thead th:nth-child(4) button"},)
    assert [found.faults for found in look([Look(path, width, steps=steps) for width in WIDTHS])] == [{}, {}, {}]


def test_five_hundred_clips_are_one_page_that_opens(tmp_path: Path) -> None:
    """Their pictures are small; nothing is drawn in more detail than a row shows."""
    results = batch(500)
    path = tmp_path / "index.html"
    path.write_text(html(index(results, ["x.html"] * len(results), PROTOCOL, MADE)))
    assert path.stat().st_size < 500 * 9_000
    (seen,) = look([Look(path, axe=False)])
    assert seen.faults == {}
    assert "499 " in seen.text


def test_what_is_wrong_with_a_page_is_seen(tmp_path: Path) -> None:
    """The instrument itself: each kind of fault, made on purpose."""
    path = tmp_path / "bad.html"
    path.write_text(
        '<!DOCTYPE html><html><head><title>bad</title></head><body><main><h1>bad</h1><p style="width:2000px">wide</p>'
        '<p style="position:absolute;top:200px;left:0">one text</p><p style="position:absolute;top:202px;left:4px">on another</p>'
        '<p style="width:1ch;overflow-wrap:anywhere">lettersletters</p><p style="font-size:6px">small</p><img src="http://127.0.0.1:9/x.png">'
        "<script>throw new Error('no')</script></main></body></html>"
    )
    (seen,) = look([Look(path)])
    assert {name for name, found in seen.faults.items() if found} == {"beyond", "overlaps", "letters", "small", "axe", "console"}
    assert any(found.startswith("html-has-lang") for found in seen.axe)
    assert any(found.startswith("image-alt") for found in seen.axe)


def test_the_pictures_in_the_docs_can_be_made_again(tmp_path: Path) -> None:
    """`make screenshots`, from the clips that ship: as many, as small, of the same size as those that are committed."""
    subprocess.run([sys.executable, "-m", "tests.support.screenshots", tmp_path], check=True, cwd=ROOT, timeout=280)
    for name in screenshots.NAMES:
        made, kept = tmp_path / f"{name}.png", ROOT / "docs" / "images" / f"{name}.png"
        assert made.stat().st_size < screenshots.MOST_BYTES
        with Image.open(made) as one, Image.open(kept) as other:
            assert one.size == other.size
