"""What lies in the folder of compiled networks is used only where nobody else can have written it, and where it is whole."""

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from wince.models.compiled_folder import CompiledFolder

KEY, OTHER = bytes(range(32)), b"\xff" * 32
NETWORK = b"network " * 1000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "compiled"


def file(place: Path) -> Path:
    (found,) = place.iterdir()
    return found


def test_what_was_kept_comes_back_and_nobody_else_reads_it(place: Path) -> None:
    folder = CompiledFolder(place)
    assert folder.get(KEY) is None
    assert not place.exists()
    folder.put(KEY, NETWORK)
    assert CompiledFolder(place).get(KEY) == NETWORK
    assert folder.get(OTHER) is None
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(file(place).stat().st_mode) == 0o600


def test_a_changed_byte_anywhere_is_seen_and_the_next_one_kept_takes_its_place(place: Path) -> None:
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    good = file(place).read_bytes()
    for at in (0, 30, 60, 90, len(good) // 2, len(good) - 1):
        file(place).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert folder.get(KEY) is None, at
    for cut in (b"", good[:10], good[:-1], good + b"x"):
        file(place).write_bytes(cut)
        assert folder.get(KEY) is None
    folder.put(KEY, NETWORK)
    assert folder.get(KEY) == NETWORK


def test_a_network_under_another_ones_name_is_not_used(place: Path) -> None:
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    found = file(place)
    found.rename(found.with_name(found.name.replace(KEY.hex(), OTHER.hex())))
    assert folder.get(OTHER) is None


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702])
def test_a_folder_that_others_may_write_is_left_alone(place: Path, mode: int) -> None:
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    place.chmod(mode)
    assert folder.get(KEY) is None
    assert not folder.writable()
    folder.put(OTHER, NETWORK)
    assert len(list(place.iterdir())) == 1


def test_a_file_that_others_may_write_is_not_used(place: Path) -> None:
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    file(place).chmod(0o620)
    assert folder.get(KEY) is None


def test_what_belongs_to_another_user_is_not_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert folder.get(KEY) is None
    assert not folder.writable()


def test_links_and_pipes_are_not_followed(place: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    CompiledFolder(elsewhere).put(KEY, NETWORK)
    place.symlink_to(elsewhere)
    folder = CompiledFolder(place)
    assert folder.get(KEY) is None
    folder.put(OTHER, NETWORK)
    assert len(list(elsewhere.iterdir())) == 1
    place.unlink()
    place.mkdir(0o700)
    (place / file(elsewhere).name).symlink_to(file(elsewhere))
    assert folder.get(KEY) is None
    file(place).unlink()
    os.mkfifo(place / file(elsewhere).name, 0o600)
    assert folder.get(KEY) is None


def test_where_nothing_can_be_kept_nothing_is_and_nobody_is_told(place: Path, tmp_path: Path) -> None:
    CompiledFolder(tmp_path / "absent" / "compiled").put(KEY, NETWORK)
    assert not (tmp_path / "absent").exists()
    place.write_text("a file")
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    assert not folder.writable()
    assert folder.get(KEY) is None


def test_a_full_disk_leaves_nothing_half_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CompiledFolder(place)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    folder.put(KEY, NETWORK)
    assert list(place.iterdir()) == []


def test_it_keeps_what_was_used_last_within_its_size(place: Path) -> None:
    keys = [bytes([number]) * 32 for number in range(4)]
    folder = CompiledFolder(place, most_bytes=3 * len(NETWORK) + 1000)
    for age, key in zip((3000, 2000, 1000), keys, strict=False):
        folder.put(key, NETWORK)
        (found,) = place.glob(f"{key.hex()}*")
        os.utime(found, (time.time() - age,) * 2)
    assert folder.get(keys[0]) == NETWORK  # now it is the newest
    folder.put(keys[3], NETWORK)
    assert [folder.get(key) is not None for key in keys] == [True, False, True, True]
    folder.put(OTHER, NETWORK * 2)
    assert folder.get(OTHER) is None
    assert folder.get(keys[3]) == NETWORK


def test_what_was_begun_and_abandoned_goes_and_other_files_stay(place: Path) -> None:
    folder = CompiledFolder(place)
    folder.put(KEY, NETWORK)
    old, new, notes = place / "a.compiled.1.part", place / "b.compiled.2.part", place / "notes"
    for one in (old, new, notes):
        one.write_bytes(b"x")
    os.utime(old, (0, 0))
    os.utime(notes, (0, 0))
    folder.put(OTHER, NETWORK)
    assert not old.exists()
    assert new.exists()
    assert notes.exists()
