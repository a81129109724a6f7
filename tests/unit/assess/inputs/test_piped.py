"""Standard input as a file that lasts as long as the call, and no longer than it may be."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from wince.assess.inputs import gather
from wince.assess.inputs.piped import check_piped, piped
from wince.errors import ConfigError, MediaError


def test_what_is_piped_in_is_this_account_s_and_goes_with_the_call() -> None:
    with piped(["-"], io.BytesIO(b"\xff\xd8\xff picture")) as path:
        assert path is not None
        assert path.read_bytes() == b"\xff\xd8\xff picture"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        (one,) = gather(["-", "-"], path).files
        assert (one.path, one.file, one.problem) == (Path("standard-input"), path, None)
    assert not path.parent.exists()


def test_nothing_is_read_where_nobody_asked() -> None:
    with piped(["a.mp4"], io.BytesIO(b"x")) as path:
        assert path is None


def test_too_much_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(MediaError, match="more than 1000 bytes are piped in"), piped(["-"], io.BytesIO(bytes(1001)), most=1000):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_and_nothing_at_all_are_named() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(ConfigError, match="nothing is piped in") as caught:
        check_piped(["-"], Terminal())
    check_piped(["a.mp4"], Terminal())
    assert "wince assess -" in caught.value.remedy
    with piped(["-"], io.BytesIO()) as path:
        (one,) = gather(["-"], path).files
        assert one.problem is not None
        assert "empty" in one.problem.message
