"""The documentation in plain English: no words that only its author can unpack, no number that begins with a point."""

from __future__ import annotations

import re

import pytest

from tests.support.docs import FENCE, ROOT, pages

QUOTED = ("docs/reference/protocols.md",)
"""Holds figures as the studies print them; a test compares them with the protocols' files."""
NUMBER = re.compile(r"(?<![\w./-])\.\d")
WORDS = re.compile(r"\b(?:anew|so long|so often|so many|such as are|is told of|are told of|what of it|has it that)\b", re.IGNORECASE)


def faults(text: str) -> list[str]:
    prose = re.sub(r"`[^`]*`", "", FENCE.sub("", text))
    return [f"{text.count(chr(10), 0, text.find(match[0])) + 1}: {match[0]}" for match in [*NUMBER.finditer(prose), *WORDS.finditer(prose)]]


@pytest.mark.parametrize("page", [page for page in pages() if page not in QUOTED])
def test_a_page_is_plain(page: str) -> None:
    assert faults((ROOT / page).read_text()) == []


def test_what_is_not_plain_is_found() -> None:
    assert faults("it takes .4 s") == ["1: .4"]
    assert faults("a\nis drawn anew") == ["2: anew"]
    assert faults("0.4 s, `x .4`, v1.2, a/.5") == []
