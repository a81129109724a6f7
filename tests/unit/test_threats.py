"""The threat model: every border has its table, every control is shown by a test that exists or a page that is linked."""

from __future__ import annotations

import re

import pytest

from tests.support.docs import ROOT
from tests.unit.test_hazards import lacking

TEXT = (ROOT / "docs/explanation/threats.md").read_text()
BORDERS = {title: body for title, _, body in (part.partition("\n") for part in TEXT.split("\n## ")[1:])}
ROWS = [
    (title, [cell.strip() for cell in line.strip().strip("|").split("|")])
    for title, body in BORDERS.items()
    for line in body.splitlines()
    if re.match(r"\| [STRIDE](?:, [STRIDE])* \|", line)
]
WANTED = ("Cameras", "HL7", "gRPC", "Kafka", "PostgreSQL", "EHR", "DICOM", "Operators", "made of", "screen")


def test_every_border_is_there() -> None:
    assert [name for name in WANTED if not any(name in title for title in BORDERS)] == []


@pytest.mark.parametrize(("border", "cells"), ROWS, ids=lambda value: value if isinstance(value, str) else value[1][:40])
def test_a_control_is_shown_by_a_test_or_a_page(border: str, cells: list[str]) -> None:
    _, threat, control, shown, _ = cells
    assert threat
    assert control
    guards = re.findall(r"`(tests/[^`]+)`", shown)
    assert guards or "](" in shown
    assert lacking(guards) == []


def test_every_letter_of_stride_is_looked_at() -> None:
    assert {letter for _, cells in ROWS for letter in re.findall("[STRIDE]", cells[0])} == set("STRIDE")
    assert len(ROWS) > 30
