"""The report of synthetic results: what it says, that it stays on the page, that nothing gets out or in."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.unit.assess.report import synthetic
from tests.unit.report.extents import extents, overlaps
from tests.unit.report.page import Page
from wince.assess.report import Circumstances, Sheet, Treatment, write
from wince.assess.report.samples import columns, gaps
from wince.assess.report.sections import document
from wince.assess.report.timeline import narrow, timeline
from wince.assess.result import words
from wince.domain.reason import Reason
from wince.report.colours import ALERT, TINT
from wince.report.figure import Box, Text, clock
from wince.report.figure import Path as Lines
from wince.report.grades import tone
from wince.report.html import html
from wince.report.pdf import pdf

PROTOCOL = synthetic.PROTOCOL
LABEL = "research use, not validated, adjunct to a nurse's judgement"
HOSTILE = '"><img src=http://evil.example onerror=alert(1)><svg onload=x()> \u202egnp.\u0000\n\u60a3\u8005 \u05e9\u05dc\u05d5\u05dd &amp; '


def page(result: Any, **more: Any) -> Page:
    return Page(html(document(result, PROTOCOL, **more)))


def pages(result: Any, **more: Any) -> list[str]:
    """Text of each page of the PDF; lines joined."""
    reader = PdfReader(io.BytesIO(pdf(document(result, PROTOCOL, **more))))
    return [" ".join(one.extract_text().split()) for one in reader.pages]


EVERY = {
    "clip": synthetic.clip, "personal": synthetic.personal, "unassessable": synthetic.unassessable, "still": synthetic.still,
}  # fmt: skip


@pytest.fixture(params=EVERY)
def result(request: pytest.FixtureRequest) -> Any:
    return EVERY[request.param]()


def test_every_section_stands_in_both(tmp_path: Path) -> None:
    """HTML and PDF say the same, section by section."""
    titles = [section.title for section in document(synthetic.personal(), PROTOCOL).sections]
    assert titles == [
        "Result", "Timeline", "Alerts and questions", "Key frames", "With and without reference", "Windows",
        "Record sheet", "Protocol and population", "What the numbers mean and what they don't", "Models and hashes",
    ]  # fmt: skip
    seen, printed = page(synthetic.personal()).text, " ".join(pages(synthetic.personal()))
    for title in titles:
        assert title in seen
        assert title in printed
    for said in (
        "high",
        "9.1 s of 30.0 s",
        "Alert: high at 7.2 s",
        "not measured",
        "too dark",
        "face" * 16,
        "c0de" * 16,
        "ab12" * 16,
        "from 18y",
    ):
        assert said in seen, said
        assert said in printed, said
    for said in (*PROTOCOL.population.inclusions, *PROTOCOL.population.exclusions, *PROTOCOL.report.ours):
        assert " ".join(said.split()) in seen
        assert " ".join(said.split()) in printed


def test_a_report_says_of_which_protocol_it_is(result: Any) -> None:
    """On the page and on the first sheet, at the top."""
    said = f"{PROTOCOL.title} (protocol {PROTOCOL.name})"
    assert said in page(result).text
    assert said in pages(result)[0]


def test_nothing_comes_from_outside(result: Any) -> None:
    seen = page(result)
    assert seen.open == []
    for tag, attrs in seen.tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "base", "form"}
        for name, value in attrs.items():
            assert not name.startswith("on")
            if name in {"src", "href"}:
                assert value is not None
                assert value.startswith("data:image/jpeg;base64,")
    text = html(document(result, PROTOCOL))
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"https?://", text)


def test_label_on_every_page(result: Any) -> None:
    assert all(LABEL in text for text in pages(result))
    seen = page(result)
    assert seen.text.count(LABEL) >= 2
    assert any(attrs.get("class") == "running" for attrs in seen.all("div"))


def test_pages_are_few(result: Any) -> None:
    reader = PdfReader(io.BytesIO(pdf(document(result, PROTOCOL))))
    assert 2 <= len(reader.pages) <= 4
    for one in reader.pages:
        assert [round(float(side)) for side in one.mediabox[2:]] == [595, 842]
        assert len(one.extract_text()) > 150


def test_hostile_names_are_text() -> None:
    path = Path("/data") / (HOSTILE.replace("/", "") + ".mp4")
    result = synthetic.clip(path=path, notes=(HOSTILE,))
    seen = page(result)
    assert not seen.all("img")
    assert len(seen.all("svg")) == len(page(synthetic.clip()).all("svg"))
    assert "<img src=http:evil.example onerror=alert(1)>" in seen.text
    assert "<U+202E>" in seen.text
    assert "\u60a3\u8005" in seen.text
    assert "\u202e" not in "".join(seen.words)
    assert "[U+60A3][U+8005]" in pages(result)[0].replace(" ", "")


def test_long_names_break(tmp_path: Path) -> None:
    name = "x" * 240 + ".mp4"
    files = write([synthetic.clip(name), synthetic.failed(name), synthetic.clip("\udcff\udcfe.mp4")], tmp_path, PROTOCOL)
    assert all(len(file.name.encode()) < 100 for file in files)
    assert "x" * 240 in PdfReader(files[3]).pages[0].extract_text().replace("\n", "")
    assert "\ufffd\ufffd.mp4" in Page(files[0].read_text("utf-8")).text


def test_not_assessable_is_no_grade() -> None:
    seen = page(synthetic.unassessable()).text
    said = "too dark (66 % of the frames), no face seen (34 % of the frames)."
    assert f"not assessable Not assessable is not the same as no pain. Why frames were left out: {said}" in seen
    assert "lasted longest:" not in seen
    assert "0.0 s 0 %" not in seen


def test_not_measured_is_never_a_number() -> None:
    figure = timeline(synthetic.clip(), PROTOCOL.scale)
    assert "AU6 cheeks raised: not measured" in figure.alt
    assert "AU9 nose wrinkled: not measured" in figure.alt
    assert [mark.text for mark in figure.marks if isinstance(mark, Text)].count("not measured") == 2
    assert "AU6 cheeks raised not measured" in page(synthetic.still()).text


def test_a_grade_does_not_stand_alone_where_much_was_not_seen() -> None:
    """A clip that was dark for a fifth of its time must not read as quiet at a glance. A few frames are no news."""
    calm = replace(synthetic.clip().plain, highest=0, highest_name="quiet", seconds={"quiet": 24.0})
    assert "quiet; 20 % not assessable No alert was raised." in page(synthetic.clip(alerts=(), plain=calm)).text
    assert "Alert: high; 20 % not assessable" in page(synthetic.clip()).text
    assert "quiet No alert was raised." in page(synthetic.clip(alerts=(), plain=calm, assessable_share=0.95)).text


def test_the_longest_grade_hides_no_alert() -> None:
    """A clip that is quiet for most of its time says what else there was, first thing."""
    said = (
        "Alert: high; 20 % not assessable Alert: high at 7.2 s. Highest grade that held: high, 4.4 s. "
        "Grade that held longest (PEEA's rule): quiet, 14.6 s of 30.0 s; the model's confidence in it is 81 %."
    )
    assert said in page(synthetic.clip()).text
    assert said in pages(synthetic.clip())[0]
    calm = synthetic.clip(alerts=(), plain=replace(synthetic.clip().plain, highest=0, highest_name="quiet", seconds={"quiet": 30.0}))
    assert "No alert was raised. Highest grade that held: quiet, 30.0 s." in page(calm).text


def test_gaps_stay_visible() -> None:
    """No line of the score crosses what was not assessable, and each reason has its own row."""
    result = synthetic.clip()
    found = gaps(columns(result.frames, result.duration_s))
    assert [(round(a, 1), round(b, 1), why) for a, b, why in found] == [(14.0, 19.0, Reason.DARK), (19.0, 20.0, Reason.TURNED)]
    figure = timeline(result, PROTOCOL.scale)
    curve = next(mark for mark in figure.marks if isinstance(mark, Lines) and mark.width == 0.4)
    left, right = 34 + 124 * 14 / 30, 34 + 124 * 20 / 30
    assert len(curve.lines) == 2
    assert all(x <= left + 0.1 or x >= right - 0.1 for line in curve.lines for x, _ in line)
    assert {"too dark", "face turned away"} <= {mark.text for mark in figure.marks if isinstance(mark, Text)}


def test_what_is_not_believed_is_drawn_apart() -> None:
    """A smile and pain at once: the score is shown as a thin line, there is no grade, and the reason has its row."""
    result = synthetic.clip(dark=(99, 99))
    frames = tuple(replace(row, reason=Reason.CONFLICT, grade=None) if 8 <= row.time_s < 10 else row for row in result.frames)
    assert gaps(columns(frames, 30.0)) == [(pytest.approx(8.0), pytest.approx(10.0), Reason.CONFLICT)]
    figure = timeline(replace(result, frames=frames), PROTOCOL.scale)
    thin, bold = (next(mark for mark in figure.marks if isinstance(mark, Lines) and mark.width == pen) for pen in (0.18, 0.4))
    assert len(thin.lines) == 1
    assert len(bold.lines) == 2
    left, right = 34 + 124 * 8 / 30, 34 + 124 * 10 / 30
    assert not [x for line in bold.lines for x, _ in line if left < x < right]


def test_missing_frames_are_a_gap() -> None:
    result = synthetic.clip(dark=(99, 99))
    frames = tuple(row for row in result.frames if not 5 <= row.time_s < 8)
    assert gaps(columns(frames, 30.0)) == [(pytest.approx(5.0), pytest.approx(8.0), Reason.GAP)]
    assert gaps(columns((), 4.0)) == [(0.0, 4.0, Reason.GAP)]


@pytest.mark.parametrize("seconds", [0.4, 3.0, 30.0, 400.0, 36_000.0])
def test_figures_stay_inside(seconds: float) -> None:
    """From two frames to ten hours: nothing is drawn outside, and the size of the figure is bounded."""
    result = synthetic.clip(seconds=seconds, alerts=(), questions=(), assessments=(), key_frames=())
    for figure in (timeline(result, PROTOCOL.scale), narrow(result, PROTOCOL.scale)):
        for x0, y0, x1, y1 in extents(figure):
            assert x0 >= -0.01
            assert x1 <= figure.width + 0.01
            assert y0 >= -0.6
            assert y1 <= figure.height + 0.01
    assert len(html(document(result, PROTOCOL))) < 400_000


def test_texts_do_not_overlap() -> None:
    for result in (synthetic.clip(), synthetic.unassessable()):
        for figure in (timeline(result, PROTOCOL.scale), narrow(result, PROTOCOL.scale)):
            assert overlaps(figure) == []


def test_the_sheet_is_blank_or_given() -> None:
    blank = page(synthetic.clip())
    assert [attrs.get("value") for attrs in blank.all("input") if attrs["type"] == "text"] == [""] * 9
    assert not [attrs for attrs in blank.all("input") if "checked" in attrs]
    given = Sheet(
        date(2026, 3, 4), Circumstances.MOVEMENT, "VAS 6", "ward nurse <b>", patient="P 17", bed="4^A", treatment=Treatment.AFTER,
        treated_with="ice, 10:20",
    )  # fmt: skip
    seen = page(synthetic.clip(), sheet=given)
    assert [attrs.get("value") for attrs in seen.all("input") if attrs["type"] == "text"] == [
        "P 17", "4^A", "2026-03-04", "ice, 10:20", "VAS 6", "", "", "ward nurse <b>", "",
    ]  # fmt: skip
    assert ["checked" in attrs for attrs in seen.all("input") if attrs["type"] == "radio"] == [False, True, False, True, False]
    labels = {attrs.get("for") for attrs in seen.all("label")}
    assert {attrs["id"] for attrs in seen.all("input") if attrs["type"] == "text"} <= labels
    printed = " ".join(pages(synthetic.clip(), sheet=given))
    for said in ("Patient (name or number)", "Bed", "Filmed before or after treatment", "Grade before treatment", "Grade after treatment"):
        assert said in printed
    assert "2026-03-04" in printed
    assert "ward nurse <b>" in printed


def test_readable_without_eyes_and_colour(result: Any) -> None:
    """Every picture has its words, headings are in order, tables have headers, text has contrast."""
    seen = page(result)
    assert seen.all("html")[0]["lang"] == "en"
    assert len(seen.all("h1")) == 1
    assert seen.headings() == [f"s{i}" for i in range(1, len(seen.headings()) + 1)]
    drawn = [attrs for attrs in seen.all("svg") if attrs.get("aria-hidden") != "true"]
    assert all(attrs.get("role") == "img" and len(attrs.get("aria-label") or "") > 15 for attrs in drawn)
    assert drawn
    assert all(attrs.get("scope") in {"col", "row"} for attrs in seen.all("th"))


def test_five_grades_fit() -> None:
    """Another protocol's scale: more grades, longer names."""
    bands = tuple(
        replace(PROTOCOL.scale.grades[0], name=name, min=low)
        for name, low in zip(("none", "mild", "obvious", "severe", "intense beyond words"), (0, 1, 4, 7, 9), strict=True)
    )
    scale = replace(PROTOCOL.scale, low=0, high=10, grades=bands)
    figure = timeline(synthetic.clip(assessments=(), alerts=()), scale)
    assert {"none", "mild", "obvious", "severe"} <= {mark.text for mark in figure.marks if isinstance(mark, Text)}
    for x0, _, x1, y1 in extents(figure):
        assert x0 >= -0.01
        assert x1 <= figure.width + 0.01
        assert y1 <= figure.height


def test_every_reason_fits() -> None:
    """Each reason has words, and a row of the timeline holds them."""
    frames = tuple(synthetic.frame(i / 5, reason) for i, reason in enumerate(Reason))
    figure = timeline(synthetic.clip(frames=frames, seconds=len(frames) / 5, assessments=(), alerts=()), PROTOCOL.scale)
    assert set(words.REASONS.values()) <= {mark.text for mark in figure.marks if isinstance(mark, Text)}
    assert min(x0 for x0, *_ in extents(figure)) >= 0


def test_a_window_with_an_alert_in_it_is_not_quiet() -> None:
    """In the table the alert stands first, without a confidence that is another grade's; in the figure the bar is the alert's."""
    result = synthetic.clip(assessments=tuple(synthetic.window(start, 0) for start in range(0, 30, 5)))
    seen = page(result).text
    assert "5.0 s to 10.0 s alert high (longest quiet) 4.1 9.8 100 % \N{EN DASH}" in seen
    assert "10.0 s to 15.0 s alert high (longest quiet)" in seen
    assert "15.0 s to 20.0 s quiet 4.1 9.8 100 % 80 %" in seen
    outlined = [mark for mark in timeline(result, PROTOCOL.scale).marks if isinstance(mark, Box) and mark.stroke is ALERT]
    assert [mark.fill for mark in outlined] == [tone(2, 3), tone(2, 3)]


@pytest.mark.parametrize("draw", [timeline, narrow])
def test_score_grades_windows_and_units_share_one_axis(draw: Any) -> None:
    """Every line lies between the same two ends, and a moment lies at the same place in each."""
    result = synthetic.clip(dark=(99, 99))
    figure = draw(result, PROTOCOL.scale)
    curves = [mark for mark in figure.marks if isinstance(mark, Lines) and mark.width in (0.35, 0.4)]
    assert len(curves) == 1 + 4
    ends = [(curve.lines[0][0][0], curve.lines[-1][-1][0]) for curve in curves]
    assert len(set(ends)) == 1
    peaks = {min(curve.lines[0], key=lambda point: point[1])[0] for curve in curves[:2]}
    assert max(peaks) - min(peaks) < 0.5
    tinted = [mark for mark in figure.marks if isinstance(mark, Box) and mark.fill is TINT]
    assert [round(box.h) for box in tinted] == [round(tinted[0].h)]
    assert tinted[0].h > figure.height / 2


def test_a_report_says_in_words_what_it_is(result: Any) -> None:
    for said in (page(result).text, pages(result)[0]):
        assert "It is for research and is not validated" in said


def test_no_report_tells_where_files_lay() -> None:
    """Neither of the input, nor of what a note names; not in a PDF's properties."""
    folder = Path("/mnt/ward 3/Mrs Example")
    result = synthetic.clip(path=folder / "bed 1.mp4", notes=(f"reference {folder}/calm.png is too short; see /var/lib/x/y.toml",))
    made = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    found = PdfReader(io.BytesIO(pdf(document(result, PROTOCOL, made=made))))
    printed = " ".join(" ".join(one.extract_text().split()) for one in found.pages)
    for text in (html(document(result, PROTOCOL)), printed, str(found.metadata)):
        assert "Mrs Example" not in text
        assert "/mnt" not in text
        assert "/var" not in text
    assert "calm.png is too short; see y.toml" in printed
    assert found.metadata is not None
    assert found.metadata.title == "bed 1.mp4"
    assert found.metadata.creation_date == made
    assert printed.count("4 March 2026, 05:06 UTC") == len(found.pages) + 1


def test_long_tables_cut_no_row() -> None:
    """Every row of sixty windows stands on one page, below the header of that page."""
    windows = tuple(synthetic.window(start * 5, start % 3) for start in range(60))
    printed = [text for text in pages(synthetic.clip(seconds=300.0, assessments=windows)) if "peak assessable confidence" in text]
    assert len(printed) >= 2
    for start in range(60):
        row = f"{clock(start * 5, 300)} to {clock(start * 5 + 5, 300)} "
        assert sum(row in text for text in printed) == 1, row
