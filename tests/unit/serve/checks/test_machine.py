"""The state directory must be one that can be written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wince.serve.checks import machine
from wince.settings import Settings


def test_a_state_directory_that_can_not_be_written_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models may lie where nothing can be written: they are there already, or `wince models fetch` says it."""
    settings = Settings(state_dir=tmp_path / "state", models_dir=tmp_path / "models")
    monkeypatch.setattr(machine, "MIN_FREE", 0)
    answers: Callable[[Path, int], bool] = lambda place, _: place != tmp_path  # noqa: E731
    monkeypatch.setattr("wince.serve.checks.machine.os.access", answers)
    state, models = machine.disk(settings)
    assert (state.state, models.state) == ("missing", "ok")
    assert "WINCE_STATE_DIR" in state.found
    assert "write" in state.remedy
