"""The watched folder, into which anybody may have put anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.dicom.wire import VL
from wince.dicom.scp.interface import Received
from wince.dicom.scp.tables import EXPLICIT, Status
from wince.dicom.spool import Room, Spool
from wince.errors import MessageError
from wince.pipeline.capture.studies import folder as folders
from wince.pipeline.capture.studies.folder import WatchFolder


class World:
    """A folder, and what was kept of it. The clock goes on by a minute with each look."""

    def __init__(self, root: Path) -> None:
        self.folder, self.shelf, self.kept, self.now, self.status = root / "in", root / "shelf", list[bytes](), 0.0, Status.SUCCESS
        self.folder.mkdir()
        self.shelf.mkdir()
        self.meanwhile = lambda: None
        self.watch = WatchFolder(self.folder, self, Room(self.shelf, 1 << 20, 0), describe, 1.0, lambda: self.now)

    def keep(self, received: Received) -> Status:
        self.kept.append(received.path.read_bytes())
        self.meanwhile()
        return self.status

    def kept_references(self) -> list[bool]:
        return []

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            self.now += 2.0
            self.watch.look()

    def put(self, name: str, content: bytes = b"object") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def describe(spool: Spool) -> tuple[str, str, str, str]:
    if b"object" not in spool.path.read_bytes():
        raise MessageError("no object", field="object", remedy="")
    return VL, "1.2.3", EXPLICIT, "1.2"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_what_has_the_name_of_a_file_since_is_not_deleted_with_it(world):
    path = world.put("a.dcm", b"object 1")

    def replaced() -> None:
        if len(world.kept) == 1:
            (world.folder / ".next").write_bytes(b"object 2")
            os.replace(world.folder / ".next", path)

    world.meanwhile = replaced
    world.look()
    assert path.read_bytes() == b"object 2"
    world.look()
    assert world.kept == [b"object 1", b"object 2"]
    assert not path.exists()


def test_nothing_is_moved_through_a_link(world, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tokens").write_text("ours")
    (world.folder / "refused").symlink_to(elsewhere)
    (world.folder / "link.dcm").symlink_to(elsewhere / "tokens")
    world.put("tokens", b"junk")
    world.put("whole.dcm")
    world.look()
    assert (elsewhere / "tokens").read_text() == "ours"
    assert sorted(path.name for path in elsewhere.iterdir()) == ["tokens"]
    assert world.kept == [b"object"]
    world.look()
    assert world.kept == [b"object"]  # the one that can't be moved away waits, and stops nobody


def test_a_file_that_was_refused_before_stays(world):
    for content in (b"junk 1", b"junk 2"):
        world.put("a.dcm", content)
        world.look()
    assert sorted(path.read_bytes() for path in (world.folder / "refused").iterdir()) == [b"junk 1", b"junk 2"]


def test_what_can_not_be_read_or_taken_away_keeps_nobody_else_out(world, monkeypatch):
    monkeypatch.setattr(folders, "AT_ONCE", 3)
    for number in range(20):
        (world.folder / f".hidden{number}").touch()
        (world.folder / f"a folder {number}").mkdir()
        os.mkfifo(world.folder / f"a pipe {number}")
    theirs = [world.put(f"a{number}.dcm", b"object of theirs") for number in range(5)]
    opened = os.open

    def refusing(path: os.PathLike[str], *more: int) -> int:  # root reads every file, so the system can't be asked to say no
        if path in theirs:
            raise PermissionError(13, "Permission denied")
        return opened(path, *more)

    monkeypatch.setattr(os, "open", refusing)
    world.put("z.dcm")
    world.look(6)
    assert world.kept == [b"object"]


def test_what_can_not_be_deleted_is_not_taken_again_and_again(world, monkeypatch):
    path = world.put("a.dcm")
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: refuse(self, path))
    world.look(6)
    assert world.kept == [b"object"]
    assert path.exists()


def refuse(path: Path, theirs: Path) -> None:
    if path == theirs:
        raise PermissionError(13, "Permission denied")
    os.unlink(path)
