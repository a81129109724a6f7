"""What `wince assess` prints after its work."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

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


def test_a_long_reason_of_a_failed_file_leaves_the_table_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal of 60 columns it would be a column of single words; it is a line of its own below the table."""
    bad = synthetic.failed()
    console = Console(width=60, soft_wrap=True)
    for row in rows(Batch((synthetic.clip(), bad), 0), Inputs((), ()), synthetic.PROTOCOL):
        console.print(row)
    said = capsys.readouterr().out
    assert f"{bad.path.name}: failed: {bad.error}" in said
    assert len(said[: said.index(": failed: ")].splitlines()) <= 8, said
    assert "see" in said


@pytest.mark.parametrize("results", [1, 2], ids=["clip", "batch"])
def test_no_file_s_name_commands_the_terminal(results: int) -> None:
    """Escape sequences, line ends, overrides of direction and broken bytes are shown, not sent."""
    name = "a\x1b[31m\n\u202e\udcff.mp4"
    many = (synthetic.clip(name), synthetic.failed())[:results]
    console = Console(width=400, file=io.StringIO(), record=True, markup=False)
    for row in rows(Batch(many, 0), Inputs((), (Path(name),)), synthetic.PROTOCOL):
        console.print(row, markup=False)
    said = console.export_text(styles=False)
    assert said.count("a<U+001B>[31m<U+000A><U+202E>\ufffd.mp4") == 2
    assert not {"\x1b", "\u202e", "\udcff"} & set(said)
