"""An installation's nets, read back compiled, give what they gave: every number of a clip."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.face_models import fetched
from wince.assess.engine import Engine
from wince.assess.result import plain
from wince.models import compiled_folder
from wince.models.fetch import path
from wince.models.lock import FACE_MODELS
from wince.protocols import loader
from wince.settings import Settings
from wince.testing.clips import clip

NETS = 3 + 5
"""Detector, mesh, blendshapes; the ensemble, and a head for each of its four members."""


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Path]:
    """A models' folder of its own."""
    fetched()
    before = compiled_folder.of_process()
    folder = tmp_path / "models"
    folder.mkdir()
    for name in FACE_MODELS:
        shutil.copy(path(name), folder)
    yield folder
    compiled_folder._of_process = before


def assessed(models: Path) -> str:
    """Every number, as text."""
    result = Engine(Settings(models_dir=models), loader.load("activity")).assess(clip("bed2"), "x")
    assert len(result.frames) > 100
    return plain.keep(result)


def test_a_clip_read_by_nets_that_were_kept_has_the_same_numbers(models: Path) -> None:
    (models / "compiled").write_text("no folder: nothing is kept")
    without = assessed(models)
    (models / "compiled").unlink()
    first = assessed(models)
    kept = sorted((models / "compiled").iterdir())
    assert len(kept) >= 3  # the ensemble is loaded once a process, where another test may have loaded it
    times = [one.stat().st_ino for one in kept]
    again = assessed(models)
    assert [one.stat().st_ino for one in sorted((models / "compiled").iterdir())] == times
    assert without == first == again


def test_every_net_of_a_command_is_kept(models: Path, tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    with av.open(str(clip("bed1"))) as container:
        next(container.decode(video=0)).to_image().save(picture)

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "wince.cli.main", "assess", str(picture), "--json", "-"],
            env=os.environ | {"WINCE_STATE_DIR": str(tmp_path / "state"), "WINCE_MODELS_DIR": str(models)},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        shutil.rmtree(tmp_path / "state")
        return done.stdout

    first = run()
    kept = {one.name: one.stat().st_ino for one in (models / "compiled").iterdir()}
    assert len(kept) == NETS
    assert run() == first
    assert {one.name: one.stat().st_ino for one in (models / "compiled").iterdir()} == kept
