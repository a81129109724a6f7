"""The command line under test, away from the user's own settings and state."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.command import Command
from tests.unit.cli.command import command as call
from wince.models import fetch


@pytest.fixture
def cache() -> Path:
    """Where the models of this machine lie, before a test says otherwise."""
    return fetch.cache_folder()


@pytest.fixture
def wince(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`wince`, with a state directory of the test's and no other setting than the models' folder."""
    for name in [name for name in os.environ if name.startswith("WINCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WINCE_MODELS_DIR", str(cache))
    yield from call(monkeypatch, capsys)
