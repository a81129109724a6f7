"""The conformance statement is what the code's tables say."""

from pathlib import Path

from wince.dicom.scp import tables
from wince.domain.study import Held
from wince.pipeline.capture.studies import statement

PAGE = Path(__file__).resolve().parents[4] / "docs/reference/dicom-conformance.md"


def test_the_page_is_made_of_the_tables_as_they_are() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text() == statement.page()


def test_every_class_syntax_status_and_reason_stands_in_it() -> None:
    said = PAGE.read_text()
    for uid in (*tables.STORAGE_CLASSES, *tables.VIDEO_SYNTAXES, *tables.PICTURE_SYNTAXES, tables.COMMITMENT, tables.VERIFICATION):
        assert f"`{uid}`" in said
    assert all(f"`{int(one.status):04X}`" in said for one in tables.STATUSES)
    assert all(f"`{reason.value}`" in said for reason in Held)
    assert {one.status for one in tables.STATUSES} >= {
        status for status in tables.Status if status == 0 or int(status) >> 12 in (0xA, 0xB, 0xC)
    }
