"""The camera list while others write its file: nothing that a look may fall into ends a camera that nobody took away."""

import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.unit.serve.test_watched_file import config_map, in_place, renamed
from tests.unit.telemetry.test_metrics import value
from wince.errors import Unavailable
from wince.pipeline.capture.cameras import CameraPlan
from wince.serve import camera_list
from wince.serve.camera_list import CameraList
from wince.serve.service import Deps
from wince.settings import Settings
from wince.telemetry import logs

ONE = '[[cameras]]\nid = "c1"\nbed = "ICU^1^A"\npush = true\n'
TWO = ONE + ONE.replace("c1", "c2").replace("^1^", "^2^")
UNUSABLE = {
    "empty": "",
    "nothing of cameras": 'site = "house"\n',
    "cut in the middle": TWO[:-10],
    "no TOML": TWO + "[[",
    "a nesting that its parser dies of": "x = " + "[" * 20_000 + "]" * 20_000,
    "a key that there is not": TWO + 'colour = "red"\n',
    "too large": TWO + "#" * (1 << 20),
    "bytes": "\x00\x01",
}


class Taken:
    """Stands for capture's cameras: keeps every list."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []

    def set_list(self, plans: Sequence[CameraPlan]) -> None:
        self.lists.append([one.spec.source for one in plans])


class World:
    """A list over a file, without a database; its own thread doesn't run."""

    def __init__(self, path: Path, stream: io.StringIO) -> None:
        self.path, self.taken, self._stream = path, Taken(), stream
        with ExitStack() as stack:
            self.list = CameraList(self.taken, None, read=Deps(Settings(), stack).cameras)  # type: ignore[arg-type]
        self.list._again = True
        self.list.look()

    def looks(self, count: int = 3) -> None:
        for _ in range(count):
            self.list.look()

    def errors(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    path = tmp_path / "wince.toml"
    path.write_text(TWO)
    monkeypatch.setenv("WINCE_CONFIG", str(path))
    monkeypatch.setattr(camera_list, "bind", lambda *_: [])
    hook, stream = threading.excepthook, io.StringIO()
    logs.configure("warning", json=True, stream=stream)
    made = World(path, stream)
    assert made.taken.lists == [["c1", "c2"]]
    yield made
    logs.configure()
    threading.excepthook = hook


@pytest.mark.parametrize("write", [in_place, renamed, config_map])
def test_a_change_is_followed_however_it_is_written(world: World, write: Callable[[Path, str], None]) -> None:
    write(world.path, ONE)
    world.looks()
    write(world.path, TWO)
    world.looks()
    assert world.taken.lists == [["c1", "c2"], ["c1"], ["c1", "c2"]]
    assert world.errors() == []


def test_a_look_between_emptying_and_writing_ends_nothing(world: World) -> None:
    """What `nano`, `cp` and `>` do."""
    with world.path.open("w") as stream:
        world.list.look()
        stream.write(ONE)
        stream.flush()
        world.list.look()
        stream.write(TWO.removeprefix(ONE))
    world.looks()
    assert world.taken.lists == [["c1", "c2"]]
    assert world.errors() == []


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_can_t_be_used_changes_nothing_and_is_told_once(world: World, text: str) -> None:
    world.path.write_text(text)
    world.looks(5)
    assert world.taken.lists == [["c1", "c2"]]
    assert [one["event"] for one in world.errors()] == ["the camera list is wrong; the last good one stays"]
    assert value("wince_camera_list_wrong") == 1
    world.path.write_text(ONE)
    world.looks()
    assert world.taken.lists[1:] == [["c1"]]
    assert value("wince_camera_list_wrong") == 0


def test_a_file_that_is_gone_changes_nothing(world: World) -> None:
    world.path.unlink()
    world.looks(5)
    assert world.taken.lists == [["c1", "c2"]]
    assert len(world.errors()) == 1
    world.path.write_text(ONE)
    world.looks()
    assert world.taken.lists[1:] == [["c1"]]


def test_every_camera_ends_where_the_file_says_so(world: World) -> None:
    world.path.write_text("cameras = []\n")
    world.looks()
    assert world.taken.lists[1:] == [[]]
    world.path.write_text("")  # there is nothing that it could end
    world.looks()
    assert world.errors() == []


def test_sighup_reads_at_once_but_ends_nothing_by_an_empty_file(world: World) -> None:
    world.path.write_text(ONE)
    world.list.reload()
    world.list.look()
    assert world.taken.lists[1:] == [["c1"]]
    world.path.write_text("")
    world.list.reload()
    world.list.look()
    assert world.taken.lists[1:] == [["c1"]]
    assert len(world.errors()) == 1


def test_a_database_that_is_away_is_waited_for_and_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list that was read is kept, whatever becomes of the file meanwhile."""

    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(camera_list, "bind", away)
    world.path.write_text(ONE)
    world.looks(6)
    assert len(world.errors()) == 1
    world.path.write_text("")
    world.list.look()
    monkeypatch.setattr(camera_list, "bind", lambda *_: [])
    world.list.look()
    assert world.taken.lists[1:] == [["c1"]]


def test_what_nobody_foresaw_ends_the_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread is watched; a file that its parser dies of is not such a case."""
    monkeypatch.setattr(camera_list, "LOOK_S", 0.01)
    world.list.start()
    world.path.write_text(UNUSABLE["a nesting that its parser dies of"])
    until(lambda: value("wince_camera_list_wrong") == 1)
    assert world.list.failed() is None
    monkeypatch.setattr(camera_list, "bind", lambda *_: os.fstat("Musterfrau"))  # type: ignore[arg-type]
    world.path.write_text(ONE)
    until(world.list.failed)
    assert isinstance(world.list.failed(), TypeError)
    world.list.stop()
    assert "Musterfrau" not in str(world.errors())


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)
