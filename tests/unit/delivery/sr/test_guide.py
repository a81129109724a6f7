"""The reference page is as `make docs` writes it."""

from pathlib import Path

from wince.delivery.sr.guide import page

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "dicom-sr.md"


def test_the_page_is_as_make_docs_writes_it() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"
