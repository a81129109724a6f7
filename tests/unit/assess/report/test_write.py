"""The files of a report: which there are, the same bytes again, and all or none of them."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.assess.report import synthetic
from tests.unit.report.page import Page
from wince.assess.report import write
from wince.errors import ResourceError

PROTOCOL = synthetic.PROTOCOL
MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def test_a_batch_has_an_index(tmp_path: Path) -> None:
    results = [synthetic.clip(), synthetic.unassessable(), synthetic.failed(), synthetic.still(), synthetic.clip()]
    files = write(results, tmp_path / "new" / "report", PROTOCOL)
    assert files[0].name == "index.html"
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == sorted(path.name for path in files)
    seen = Page(files[0].read_text("utf-8"))
    assert "5 inputs: 3 graded, 1 not assessable, 1 failed." in seen.text
    assert f"(protocol {PROTOCOL.name})" in seen.text
    assert "notes.txt – – failed" in seen.text
    assert "not a video or picture; remedy: name an mp4" in seen.text
    links = [attrs["href"] or "" for attrs in seen.all("a")]
    assert len(links) == len(set(links)) == 4
    assert [path.name for path in files[:2]] == ["index.html", "index.pdf"]
    assert all((files[0].parent / link).is_file() for link in links)


def test_one_clip_needs_no_index(tmp_path: Path) -> None:
    assert [path.suffix for path in write([synthetic.clip()], tmp_path, PROTOCOL)] == [".html", ".pdf"]
    assert [path.name for path in write([synthetic.failed()], tmp_path, PROTOCOL)] == ["index.html", "index.pdf"]


def test_same_input_same_bytes(tmp_path: Path) -> None:
    results = [synthetic.personal(), synthetic.still(), synthetic.failed()]
    one, two = (write(results, tmp_path / name, PROTOCOL, made=MADE) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_full_disk_leaves_no_half_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Whatever file the disk fills up at: what was there before stands, nothing new does, and the error says where and what to do."""
    folder = tmp_path / "report"
    before = {path.name: path.read_bytes() for path in write([synthetic.clip()], folder, PROTOCOL)}
    real, calls = os.fsync, iter(range(100))

    def fsync(descriptor: int) -> None:
        if next(calls) == after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ResourceError, match="the disk is full") as caught:
        write([synthetic.personal(), synthetic.still()], folder, PROTOCOL)
    assert str(folder) in caught.value.message
    assert "free space" in caught.value.remedy
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    calls = iter(range(100))
    with pytest.raises(ResourceError):
        write([synthetic.personal(), synthetic.still()], tmp_path / "not" / "yet", PROTOCOL)
    assert not (tmp_path / "not").exists()


def test_a_failed_rename_takes_all_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write([synthetic.clip()], tmp_path, PROTOCOL)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real = os.replace

    def rename(source: Path, target: Path) -> None:
        if target == tmp_path / next(name for name in before if name.endswith("html")) and "before" not in str(source):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(source, target)

    monkeypatch.setattr(os, "replace", rename)
    with pytest.raises(ResourceError, match="Permission denied"):
        write([synthetic.clip(notes=("changed",))], tmp_path, PROTOCOL)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("x")
    with pytest.raises(ResourceError, match="no report was written") as caught:
        write([synthetic.clip()], tmp_path / "report" / "inner", PROTOCOL)
    assert caught.value.remedy
