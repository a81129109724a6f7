"""What `wince assess` prints after its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.assess.report import synthetic
from wince.assess.batch import Batch
from wince.assess.inputs import Inputs
from wince.assess.result import ClipResult
from wince.cli.assess_show import rows


@pytest.mark.parametrize("results", [(synthetic.clip(),), (synthetic.clip(), synthetic.failed())], ids=["clip", "batch"])
def test_the_last_line_says_of_which_protocol_it_is_and_its_label(results: tuple[ClipResult, ...]) -> None:
    """Of one clip and of a batch: the number is never without its protocol."""
    *_, last = rows(Batch(results, 0), Inputs((), ()), synthetic.PROTOCOL)
    assert last == f"{synthetic.PROTOCOL.title} (protocol activity): {synthetic.PROTOCOL.report.label}"


def test_files_passed_over_are_named_and_counted() -> None:
    passed = tuple(Path(f"note{n}.txt") for n in range(7))
    said = [row for row in rows(Batch((synthetic.clip(),), 0), Inputs((), passed), synthetic.PROTOCOL) if isinstance(row, str)]
    assert any("7 (note0.txt, " in row and row.endswith(", ...)") for row in said)
