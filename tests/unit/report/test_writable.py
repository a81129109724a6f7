"""Whether a result can be written is asked before the work; nothing of the question is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from wince.errors import ResourceError
from wince.report.writable import try_file, try_folder


def test_what_is_tried_is_taken_away_again(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "old.json").write_text("old")
    try_folder(tmp_path / "kept", field="--report")
    try_folder(tmp_path / "new" / "deeper", field="--report")
    try_file(tmp_path / "other" / "a.json", field="--json")
    try_file(tmp_path / "old.json", field="--json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


def test_devices_are_left_alone() -> None:
    try_file(Path("/dev/stdout"), field="--json")


def test_what_can_t_be_written_is_named_with_its_option(tmp_path: Path) -> None:
    """A folder below a file, which even root can't make; a folder where a file is wanted."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="can't be written: Not a directory") as report:
        try_folder(tmp_path / "file" / "inner", field="--report")
    with pytest.raises(ResourceError, match="can't be written: Not a directory") as json:
        try_file(tmp_path / "file" / "inner" / "a.json", field="--json")
    with pytest.raises(ResourceError, match="is a folder") as table:
        try_file(tmp_path, field="--per-frame")
    assert [one.value.field for one in (report, json, table)] == ["--report", "--json", "--per-frame"]
    assert all(one.value.remedy for one in (report, json, table))
