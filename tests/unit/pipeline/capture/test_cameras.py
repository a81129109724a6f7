"""The cameras of a replica, over leases in memory and runners that only take."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.cameras import Leases, Register, Runner
from wince.domain.camera import CameraSpec, CameraState
from wince.domain.frame import Beat, Frame
from wince.domain.reason import Reason
from wince.errors import ConfigError
from wince.pipeline.capture.cameras import TAKE, CameraPlan, Cameras
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.interface import CameraExists, CameraTaken, Source, UnknownCamera
from wince.pipeline.capture.live import LiveSource
from wince.pipeline.capture.push import PushSource


class Replica:
    def __init__(self, register: Register, me: str = "a") -> None:
        self.runners: list[tuple[str, Runner]] = []
        self.opened: list[LiveSource] = []
        self.now_s = 0.0
        self.cameras = Cameras(self.open, self.run, Leases(register, me), steady=lambda: self.now_s)

    def open(self, plan: CameraPlan, owned: Callable[[], bool]) -> Source:
        kind = LiveSource if plan.spec.uri else PushSource
        self.opened.append(kind(plan.spec.source, rate_hz=5, owned=owned))
        return self.opened[-1]

    def run(self, source: Source, plan: CameraPlan) -> Runner:
        self.runners.append((plan.spec.source, Runner(source)))
        return self.runners[-1][1]

    def states(self) -> dict[str, CameraState]:
        return {one.spec.source: one.state for one in self.cameras.cameras()}


def plans(*names: str, uri: str = "rtsp://cam.example/") -> list[CameraPlan]:
    return [CameraPlan(CameraSpec(name, uri and uri + name)) for name in names]


@pytest.fixture
def register() -> Register:
    return Register()


def test_replicas_share_and_a_drained_one_s_cameras_are_taken_over(register: Register) -> None:
    a, b = Replica(register, "a"), Replica(register, "b")
    names = [f"cam-{number:02}" for number in range(2 * TAKE)]
    for one in (a, b):
        one.cameras.set_list(plans(*names))
    a.cameras.tick()
    b.cameras.tick()
    assert len(a.runners) == len(b.runners) == TAKE
    assert set(a.states().values()) == {CameraState.CONNECTING, CameraState.ELSEWHERE}
    a.cameras.drain()
    b.cameras.tick()
    assert len(b.runners) == 2 * TAKE
    assert not any(runner.is_alive() for _, runner in a.runners)
    assert not any(message.ended for _, runner in a.runners for message in runner.messages if isinstance(message, Beat))
    b.cameras.drain()
    assert register.owners == {}


def test_a_camera_that_can_not_be_read_says_why(register: Register) -> None:
    """It is this replica's, and no other's: it tries again, and is told why it failed; once it can be read that is forgotten."""
    a = Replica(register)
    broken = [True]

    def opened(plan: CameraPlan, owned: Callable[[], bool]) -> Source:
        if broken[0]:
            raise ConfigError("no such file", field="path")
        return a.open(plan, owned)

    a.cameras = Cameras(opened, a.run, Leases(register, "a"), steady=lambda: a.now_s)
    a.cameras.set_list(plans("cam"))
    a.cameras.tick()
    (status,) = a.cameras.cameras()
    assert (status.state, status.activity.failure) == (CameraState.CONNECTING, "no such file")
    broken[0] = False
    a.now_s += 60
    a.cameras.tick()
    assert a.cameras.cameras()[0].activity.failure == ""
    a.cameras.drain()


def test_a_camera_that_is_lost_ends_at_once(register: Register) -> None:
    a = Replica(register)
    a.cameras.set_list(plans("cam"))
    a.cameras.tick()
    register.owners["cam"] = "b"
    a.cameras.tick()
    assert not a.runners[0][1].is_alive()
    assert a.states() == {"cam": CameraState.ELSEWHERE}


def test_a_database_that_is_away_starts_nothing_and_harms_nothing(register: Register) -> None:
    a = Replica(register)
    register.broken = True
    a.cameras.set_list(plans("cam"))
    a.cameras.tick()
    assert a.runners == []
    register.broken = False
    a.now_s += 60
    a.cameras.tick()
    register.broken = True
    a.cameras.tick()
    assert a.runners[0][1].is_alive()
    a.cameras.drain()


def test_a_road_that_breaks_begins_again_after_a_wait(register: Register) -> None:
    a = Replica(register)
    a.cameras.set_list(plans("cam"))
    a.cameras.tick()
    runner = a.runners[0][1]
    runner.fail.set()
    a.opened[-1].offer(wall_us(), np.zeros((4, 4, 3), np.uint8))
    runner.join(30)
    a.cameras.tick()
    a.cameras.tick()
    assert len(a.runners) == 1
    a.now_s += 60
    a.cameras.tick()
    assert len(a.runners) == 2
    a.cameras.drain()


def test_a_new_list_touches_only_what_changed(register: Register) -> None:
    a = Replica(register)
    a.cameras.set_list(plans("one", "two", "three"))
    a.cameras.tick()
    first = dict(a.runners)
    a.cameras.set_list([*plans("one", "four"), *plans("two", uri="rtsp://new.example/")])
    a.cameras.tick()
    assert first["one"].is_alive()
    assert not first["two"].is_alive()
    assert not first["three"].is_alive()
    assert sorted(a.states()) == ["four", "one", "two"]
    assert [name for name, _ in a.runners[3:]] == ["four", "two"]
    assert "three" not in register.owners
    ended = [message for message in first["three"].messages if isinstance(message, Beat) and message.ended]
    assert len(ended) == 1
    with pytest.raises(ConfigError):
        a.cameras.set_list(plans("one", uri="rtsp://user:secret@cam/"))
    assert first["one"].is_alive()
    a.cameras.drain()


def test_start_stop_and_list(register: Register) -> None:
    a, b = Replica(register, "a"), Replica(register, "b")
    spec = CameraSpec("cam", "rtsp://cam.example/1")
    assert a.cameras.start(spec).state is CameraState.CONNECTING
    assert a.cameras.start(spec).state is CameraState.CONNECTING
    assert len(a.runners) == 1
    with pytest.raises(CameraExists):
        a.cameras.start(CameraSpec("cam", "rtsp://cam.example/2"))
    with pytest.raises(CameraTaken):
        b.cameras.start(spec)
    assert b.cameras.cameras() == []
    with pytest.raises(UnknownCamera):
        a.cameras.stop("other")
    assert a.cameras.stop("cam").state is CameraState.STOPPED
    last = a.runners[0][1].messages[-1]
    assert isinstance(last, Beat)
    assert last.ended
    a.cameras.tick()
    assert len(a.runners) == 1
    with pytest.raises(CameraTaken):
        b.cameras.start(spec)
    assert a.cameras.start(spec).state is CameraState.CONNECTING
    a.cameras.drain()
    assert b.cameras.start(spec).state is CameraState.CONNECTING
    b.cameras.drain()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (CameraSpec("", "rtsp://a/b"), "source"),
        (CameraSpec("a", "ftp://a/b"), "uri"),
        (CameraSpec("a", "rtsp://u:p@a/b"), "uri"),
        (CameraSpec("a", "rtsp://a/b", rate_hz=31), "frames_per_second"),
        (CameraSpec("a", "rtsp://a/b", rate_hz=float("nan")), "frames_per_second"),
        (CameraSpec("a", "rtsp://a/b", rotation=45), "rotation"),
        (CameraSpec("a", "rtsp://a/b", region=(0, 0, 2, 1)), "region"),
    ],
)
def test_what_can_t_be_started(register: Register, spec: CameraSpec, field: str) -> None:
    with pytest.raises(ConfigError) as found:
        Replica(register).cameras.start(spec)
    assert found.value.field == field


def test_pushing(register: Register) -> None:
    a, b = Replica(register, "a"), Replica(register, "b")
    for one in (a, b):
        one.cameras.set_list([*plans("pushed", uri=""), *plans("read")])
    a.cameras.tick()
    with pytest.raises(UnknownCamera):
        a.cameras.open_push("other")
    with pytest.raises(ConfigError):
        a.cameras.open_push("read")
    with pytest.raises(CameraTaken):
        b.cameras.open_push("pushed")
    push = a.cameras.open_push("pushed")
    push.push(Frame("pushed", 1, wall_us(), np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(CameraTaken):
        a.cameras.open_push("pushed")
    push.close()
    a.cameras.stop("pushed")
    with pytest.raises(CameraTaken):
        a.cameras.open_push("pushed")
    runner = next(runner for name, runner in a.runners if name == "pushed")
    assert sum(isinstance(message, Frame) for message in runner.messages) == 1
    assert [counters.frames for counters in a.cameras.counters() if counters.source == "pushed"] == [1]
    a.cameras.drain()


def test_a_camera_that_must_not_be_looked_at_is_not_opened_and_says_why(register: Register) -> None:
    """Switched off while it runs: its reader is closed, and beats with the reason take its place until it may be looked at again."""
    a = Replica(register)
    why: list[Reason | None] = [None]
    a.cameras = Cameras(a.open, a.run, Leases(register, "a"), why_not=lambda _plan: why[0], steady=lambda: a.now_s)
    a.cameras.set_list(plans("cam"))
    a.cameras.tick()
    assert len(a.opened) == 1
    why[0] = Reason.CONSENT
    a.cameras.tick()
    assert a.opened[0].closed
    a.cameras.tick()
    assert (len(a.opened), len(a.runners)) == (1, 2)
    deadline = time.monotonic() + 60
    while not any(isinstance(one, Beat) and one.reason is Reason.CONSENT for one in list(a.runners[1][1].messages)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not any(isinstance(one, Frame) for one in a.runners[1][1].messages)
    why[0] = None
    a.cameras.tick()
    a.cameras.tick()
    assert (len(a.opened), a.opened[1].closed) == (2, False)
    a.cameras.drain()


def test_nobody_pushes_a_camera_that_must_not_be_looked_at(register: Register) -> None:
    a = Replica(register)
    a.cameras = Cameras(a.open, a.run, Leases(register, "a"), why_not=lambda _plan: Reason.OFF, steady=lambda: a.now_s)
    a.cameras.set_list(plans("cam", uri=""))
    with pytest.raises(CameraTaken, match="must not be looked at"):
        a.cameras.open_push("cam")
    assert a.opened == []
    a.cameras.drain()
