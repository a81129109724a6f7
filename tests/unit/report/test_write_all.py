"""A report's files, all or none: order, errors of the writer, errors of the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wince.errors import ResourceError
from wince.report.write_all import write_all


def test_all_are_there_once_it_ends_and_none_before(tmp_path: Path) -> None:
    with write_all(tmp_path / "a" / "b", field="OUT") as put:
        put("one", b"1")
        put("two", b"2")
        assert not [path for path in (tmp_path / "a" / "b").iterdir() if path.name in {"one", "two"}]
    assert {path.name: path.read_bytes() for path in (tmp_path / "a" / "b").iterdir()} == {"one": b"1", "two": b"2"}


def test_an_error_of_the_writer_leaves_what_was_there(tmp_path: Path) -> None:
    """Also where it is no error of the disk: nothing new, no temporary folder, no folder that was made for it."""
    (tmp_path / "one").write_bytes(b"before")

    def fail(folder: Path) -> None:
        with write_all(folder, field="OUT") as put:
            put("one", b"after")
            raise ZeroDivisionError

    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(ZeroDivisionError):
            fail(folder)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"before"}


def test_the_error_names_the_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="the disk is full") as caught, write_all(tmp_path, field="OUT") as put:
        put("one", b"1")
    assert caught.value.field == "OUT"
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []
