"""Results that are kept: given again as they were, or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.unit.assess.report import synthetic
from wince.assess.done import Done
from wince.assess.result import plain


def test_what_was_kept_comes_again(tmp_path: Path) -> None:
    result = synthetic.clip(key_frames=())
    done = Done(tmp_path / "kept", "context")
    done.put(result)
    assert done.problem is None
    again = done.get(result.source, result.path)
    assert again is not None
    assert plain.keep(again) == plain.keep(result)
    assert Done(tmp_path / "kept", "another").get(result.source, result.path) is None


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    """A disk that flips bytes or loses the end costs the time to assess again, and ends nothing."""
    result = synthetic.still()
    done = Done(tmp_path, "context")
    done.put(result)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 200)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        again = done.get(result.source, result.path)
        assert again is None or plain.keep(again) == plain.keep(result)
        file.write_bytes(whole[:at])
        assert done.get(result.source, result.path) is None


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"frames": 1}', "\u0000"])
def test_a_file_that_holds_something_else_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    result = synthetic.still()
    done = Done(tmp_path, "context")
    done.put(result)
    (file,) = tmp_path.iterdir()
    file.write_bytes(gzip.compress(text.encode()))
    assert done.get(result.source, result.path) is None
