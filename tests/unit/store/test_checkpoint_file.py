"""Files of checkpoints, keys and notes that are none: named, and never waited for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wince.errors import IntegrityError, WinceError
from wince.store import checkpoint_file, checkpoints, verification

READERS: dict[str, Callable[[Path], object]] = {
    "read": checkpoint_file.read,
    "newest": checkpoint_file.newest,
    "identity": checkpoint_file.identity,
    "key": checkpoints.existing_key,
    "note": lambda file: verification.read_note(file, ""),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reads", READERS.values(), ids=READERS)
def test_a_pipe_under_its_name_is_named(reads: Callable[[Path], object], tmp_path: Path) -> None:
    """Nobody writes into it: whoever opened it plainly would wait for ever."""
    file = tmp_path / "pipe"
    os.mkfifo(file, 0o600)
    with pytest.raises(WinceError, match="no regular file"):
        reads(file)


@pytest.mark.parametrize("line", [
    '{"seq": Infinity, "head": "", "root": "", "at": "", "signature": "", "key": ""}',
    '{"seq": 1, "head": 7, "root": "", "at": "", "signature": "", "key": ""}',
    "[" * 100_000 + "]" * 100_000,
    "7",
    "{}",
])  # fmt: skip
def test_a_line_that_is_none_is_an_alarm(line: str, tmp_path: Path) -> None:
    file = tmp_path / "points"
    file.write_text(f"{line}\n{line}\n")
    with pytest.raises(IntegrityError, match="line 1 is no checkpoint"):
        checkpoint_file.read(file)
    assert checkpoint_file.newest(file) is None
    with pytest.raises(IntegrityError, match="is no note"):
        verification.read_note(file, "")
