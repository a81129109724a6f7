"""Grades and colours: told apart by shape and by lightness, readable by day, by night and in grey."""

from __future__ import annotations

from itertools import pairwise

import pytest

from wince.report.colours import ALERT, INK, LINK, PALETTE, PAPER, PENS, SHADE, SOFT, TONE_TEXTS, TONES, Colour
from wince.report.grades import badge, shape, text_on, tone


def lightness(colour: str) -> float:
    """Relative luminance, 0-1 (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((lightness(one), lightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [INK, SOFT, LINK, ALERT, *PENS], ids=lambda colour: colour.name)
def test_text_and_lines_have_contrast_by_day_and_by_night(colour: Colour) -> None:
    for ground in (PAPER, SHADE):
        assert contrast(colour.light, ground.light) >= 4.5
        assert contrast(colour.dark, ground.dark) >= 4.5


@pytest.mark.parametrize(("text", "fill"), list(zip(TONE_TEXTS, TONES, strict=True)), ids=lambda colour: colour.name)
def test_what_stands_on_a_grade_has_contrast(text: Colour, fill: Colour) -> None:
    assert contrast(text.light, fill.light) >= 4.5
    assert contrast(text.dark, fill.dark) >= 4.5


@pytest.mark.parametrize("grades", [2, 3, 4, 5])
def test_grades_differ_in_shape_and_keep_their_order_in_grey(grades: int) -> None:
    """In grey print only lightness and shape are left: each is enough."""
    fills = [tone(grade, grades) for grade in range(grades)]
    on_paper = [lightness(fill.light) for fill in fills]
    assert on_paper == sorted(on_paper, reverse=True)
    at_night = [lightness(fill.dark) for fill in fills]
    assert at_night == sorted(at_night)
    for values in (on_paper, at_night):
        assert all((max(one, two) + 0.05) / (min(one, two) + 0.05) >= 1.3 for one, two in pairwise(values))
    outlines = {shape(grade, grades, 0, 0, 10).lines for grade in range(grades)}
    assert len(outlines) == grades
    assert len({text_on(grade, grades).name for grade in range(grades)}) > 1


def test_a_badge_is_an_ornament_inside_its_box() -> None:
    """The grade's name stands beside it, so readers who can't see it lose nothing."""
    for grade in range(6):
        figure = badge(grade, 6)
        assert figure.alt == ""
        for mark in figure.marks:
            for line in mark.lines:  # type: ignore[union-attr]
                assert all(0 <= x <= figure.width and 0 <= y <= figure.height for x, y in line)


def test_colours_are_written_in_full() -> None:
    for colour in PALETTE:
        for value in (colour.light, colour.dark):
            assert len(value) == 7
            assert int(value[1:], 16) >= 0
