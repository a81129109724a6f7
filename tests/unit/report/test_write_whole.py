"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wince.errors import ResourceError
from wince.report.write_whole import write_whole


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b.json", b"one")
    write_whole(tmp_path / "a" / "b.json", b"two")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "a").iterdir()] == [("b.json", b"two")]


def test_the_user_says_who_may_read_and_no_other_thread_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process' umask holds, and is never lifted: files of other threads, keys among them, would be open to everybody meanwhile."""
    (tmp_path / "plain").touch()
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("lifted"))
    write_whole(tmp_path / "x.json", b"one")
    assert (tmp_path / "x.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("there")
    write_whole(tmp_path / "link", b"one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_bytes() == b"one"


def test_standard_output_by_its_name_is_written_to(tmp_path: Path) -> None:
    """Also where it is a file; the system's name for it is not replaced."""
    before = os.readlink("/dev/stdout")
    code = "import sys; from pathlib import Path; from wince.report import write_whole as it; it.write_whole(Path('/dev/stdout'), b'one')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"one"
    assert os.readlink("/dev/stdout") == before


def test_what_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="can't be written") as caught:
        write_whole(tmp_path / "file" / "x.json", b"one")
    assert caught.value.remedy
