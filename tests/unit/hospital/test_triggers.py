"""One table says what each event means; the reference page shows it."""

from __future__ import annotations

from pathlib import Path

from wince.hospital.triggers import CANCELS, NEEDS_BED, TRIGGERS, Meaning, meaning, shown, table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "hl7.md"


def test_the_reference_page_holds_the_table() -> None:
    """`make docs` writes it."""
    text = PAGE.read_text("utf-8")
    assert table() in text
    assert shown(text) == text


def test_what_is_not_in_the_table_means_nothing() -> None:
    assert meaning("A99") is Meaning.IGNORED
    assert meaning("Z01") is Meaning.IGNORED


def test_what_a_cancellation_takes_back_is_in_the_table() -> None:
    assert set(CANCELS.values()) | NEEDS_BED <= set(TRIGGERS)
    assert {TRIGGERS[trigger][1] for trigger in CANCELS.values()} == {
        Meaning.MOVE, Meaning.END, Meaning.AWAY, Meaning.COME_BACK, Meaning.ARRIVE,
    }  # fmt: skip
