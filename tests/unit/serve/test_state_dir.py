"""Who can read what lies in the state directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wince.serve.state_dir import CLOSED, Places
from wince.settings import Settings


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_its_folders_are_open_to_their_owner_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Places.of(Settings(state_dir=tmp_path / "state")).make()
    finally:
        os.umask(before)
    assert {path.name for path in (tmp_path / "state").iterdir()} == set(CLOSED)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o700}


def test_a_folder_of_an_earlier_release_is_closed(tmp_path: Path) -> None:
    """Crops and record numbers in Kafka's log segments could be read by every user of the machine."""
    segment = tmp_path / "kafka" / "node0" / "00000000.log"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"crop")
    for folder in (segment.parent, segment.parent.parent):
        folder.chmod(0o755)
    Places.of(Settings(state_dir=tmp_path)).make()
    assert (tmp_path / "kafka").stat().st_mode & 0o777 == 0o700
    assert segment.read_bytes() == b"crop"
