"""Where `wince assess` shall write is tried before it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.command import Command


@pytest.mark.parametrize("option", ["--report", "--json", "--per-frame"])
def test_assess_asks_for_its_outputs_before_the_work(wince: Command, tmp_path: Path, option: str) -> None:
    """Hours of grading don't end at a folder that nobody may write: the input, which would fail too, isn't looked at."""
    (tmp_path / "file").write_text("x")
    done = wince("assess", tmp_path / "none.mp4", option, tmp_path / "file" / "inner" / "result")
    assert done.code == 7
    assert f"{option}: " in done.err
    assert "Not a directory" in done.err
    assert "remedy: name a place that you may write" in done.err
    assert "none.mp4" not in done.out + done.err
