"""A change counts when the file stands still, however it was written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wince.serve.watched_file import WatchedFile


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def renamed(path: Path, text: str) -> None:
    """As an editor does; with the old file's times, as `cp -p` and rsync may leave them."""
    before = path.stat()
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(path)


def config_map(path: Path, text: str) -> None:
    """As Kubernetes mounts it: the file is a link through `..data`, which is swapped for one to another folder."""
    folder = path.parent / f"..{len(list(path.parent.iterdir()))}"
    folder.mkdir()
    (folder / path.name).write_text(text)
    link = path.parent / "..data_tmp"
    link.symlink_to(folder.name)
    link.replace(path.parent / "..data")
    if not path.is_symlink():
        path.unlink()
        path.symlink_to(f"..data/{path.name}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "wince.toml"
    made.write_text("one")
    return made


@pytest.fixture
def file(path: Path) -> WatchedFile:
    made = WatchedFile(lambda: str(path))
    made.begin()
    return made


@pytest.mark.parametrize("write", [in_place, renamed, config_map])
def test_a_change_counts_once_when_it_stood_for_a_look(file: WatchedFile, path: Path, write: Callable[[Path, str], None]) -> None:
    assert not file.settled()
    for text in ("two", "six"):  # of one length
        write(path, text)
        assert not file.settled()
        assert file.settled()
        assert file.taken()
        assert not file.settled()


def test_a_file_that_is_being_written_does_not_count(file: WatchedFile, path: Path) -> None:
    with path.open("w") as stream:
        assert not file.settled()
        stream.write("tw")
        stream.flush()
        assert not file.settled()
        stream.write("o")
    assert not file.settled()
    assert file.settled()


def test_one_that_changes_while_it_is_read_counts_later(file: WatchedFile, path: Path) -> None:
    path.write_text("two")
    file.settled()
    assert file.settled()
    path.write_text("three")
    assert not file.taken()
    assert not file.settled()
    assert file.settled()
    assert file.taken()


def test_a_file_that_goes_and_comes(file: WatchedFile, path: Path) -> None:
    path.unlink()
    assert not file.settled()
    assert file.settled()
    assert file.taken()
    assert not file.settled()
    path.write_text("one")
    assert not file.settled()
    assert file.settled()


def test_no_file_at_all_never_changes() -> None:
    file = WatchedFile(lambda: None)
    file.begin()
    assert not file.settled()
    assert file.taken()
