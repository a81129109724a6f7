"""`wince push` as a user runs it, into capture's gRPC service over its cameras."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.support.cameras import Leases, Register, Runner
from wince.api.capture.v1.capture_service_pb2 import PushFramesRequest
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.cli import push_source
from wince.clients import capture
from wince.codec.frame import frame_to_message
from wince.domain.camera import CameraSpec
from wince.domain.frame import Beat, Frame
from wince.pipeline.capture.cameras import CameraPlan, Cameras
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.push import PushSource
from wince.pipeline.capture.servicer import CaptureServicer, registration
from wince.rpc.config import RpcSettings
from wince.rpc.server import ServerThread
from wince.testing.clips import clip

PLANS = [CameraPlan(CameraSpec("pushed", "")), CameraPlan(CameraSpec("read", "rtsp://cam.example/1"))]


class Replica:
    """Capture's cameras behind its gRPC service."""

    def __init__(self, register: Register, me: str) -> None:
        self.runners: list[Runner] = []
        self.cameras = Cameras(self._open, self._run, Leases(register, me))
        self.cameras.set_list(PLANS)
        self.server = ServerThread([registration(CaptureServicer(self.cameras, self.cameras))], RpcSettings()).start()

    def _open(self, plan: CameraPlan, owned: Callable[[], bool]) -> Source:
        return PushSource(plan.spec.source, rate_hz=5, owned=owned)

    def _run(self, source: Source, plan: CameraPlan) -> Runner:
        runner = Runner(source)
        if plan.spec.source == "pushed":
            self.runners.append(runner)
        return runner

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def messages(self) -> list[Frame | Beat]:
        return [message for runner in self.runners for message in runner.messages]

    def frames(self) -> list[Frame]:
        return [message for message in self.messages() if isinstance(message, Frame)]

    def stop(self) -> None:
        self.cameras.drain()
        self.server.stop()


@pytest.fixture
def replicas() -> Iterator[tuple[Replica, Replica]]:
    """Two; the first owns the cameras."""
    register = Register()
    first, second = Replica(register, "first"), Replica(register, "second")
    first.cameras.tick()
    yield first, second
    for one in (first, second):
        one.stop()


def started(*arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
    command = [sys.executable, "-m", "wince.cli.main", "push", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_clip_is_pushed_in_its_own_time(replicas: Sequence[Replica]) -> None:
    """Refused by the replica that does not own the camera, it goes to the one that does; Ctrl-C ends it."""
    first, second = replicas
    process = started(str(clip("bed1")), "--camera", "pushed", "--to", second.address, "--to", first.address)
    wait(lambda: len(first.frames()) >= 8)
    process.send_signal(signal.SIGINT)
    code, _, err = said(process)
    assert code == 130, err
    frames = first.frames()
    assert frames[0].pixels.shape == (480, 640, 3)
    assert frames[0].pixels.std() > 10
    assert all(abs(frame.time_us - wall_us()) < 90_000_000 for frame in frames)
    beats = len(first.messages()) - len(frames)
    wait(lambda: len(first.messages()) - len(first.frames()) >= beats + 2)
    assert second.frames() == []


def test_a_short_clip_to_its_end(replicas: Sequence[Replica], tmp_path: Path) -> None:
    """The picture of one second, twice a second: what was sent is what was taken."""
    from wince.testing.peers.rtsp import looped

    film = looped(clip("bed1"), tmp_path / "short.mp4", seconds=2)
    process = started(str(film), "--camera", "pushed", "--to", replicas[0].address, "--rate", "2", "--json")
    code, out, err = said(process)
    assert code == 0, err
    told = json.loads(out)
    assert (told["frames"], told["accepted"], told["dropped"], told["streams"]) == (4, 4, 0, 1)
    wait(lambda: len(replicas[0].frames()) == 4)


def test_a_push_goes_on_at_the_replica_that_takes_over(replicas: Sequence[Replica]) -> None:
    """The one that was pushed to drains in the middle: the next takes the camera, and what could not be sent meanwhile is counted."""
    first, second = replicas
    stopped = threading.Event()
    playing = push_source.source(str(clip("bed1")), "pushed", rate_hz=5)
    messages = itertools.takewhile(lambda _: not stopped.is_set(), playing)
    told: list[capture.Pushed] = []
    target = capture.Target((first.address, second.address))
    thread = threading.Thread(target=lambda: told.append(capture.push(target, messages, RpcSettings())), daemon=True)
    thread.start()
    wait(lambda: len(first.frames()) >= 3)
    first.stop()
    wait(lambda: len(second.frames()) >= 5)
    stopped.set()
    thread.join(60)
    assert told[0].streams >= 2
    assert first.frames()[-1].time_us < second.frames()[0].time_us
    assert told[0].sent + told[0].dropped >= told[0].frames


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--camera", "other", "--to", "{address}"], 3, "no such camera"),
        (["--camera", "read", "--to", "{address}"], 3, "read, not pushed"),
        (["--camera", "pushed", "--to", "capture.example:7421"], 2, "unencrypted"),
        (["--camera", "pushed", "--to", "nowhere"], 2, "HOST:PORT"),
        (["--camera", "pushed", "--to", "{address}", "--tls"], 2, "authority"),
        (["--camera", "pushed", "--to", "{address}", "--rate", "0"], 2, "--rate"),
    ],
)
def test_what_can_t_be_pushed_is_said(replicas: Sequence[Replica], arguments: list[str], code: int, word: str) -> None:
    process = started(str(clip("bed1")), *(one.format(address=replicas[0].address) for one in arguments))
    found, _, err = said(process)
    assert found == code, err
    assert word in err


def frame(number: int, **changed: object) -> PushFramesRequest:
    values = {"source": "pushed", "sequence": number, "time_us": wall_us(), "pixels": np.zeros((32, 32, 3), np.uint8), **changed}
    return PushFramesRequest(frame=frame_to_message(Frame(**values)))  # type: ignore[arg-type]


def test_a_foreign_client_that_sends_what_it_may_not(replicas: Sequence[Replica]) -> None:
    """Each wrong frame ends its stream with a status that names the field; the camera can be pushed again."""
    with grpc.insecure_channel(replicas[0].address) as channel:
        stub = CaptureServiceStub(channel)
        for bad in (frame(2, source="read"), frame(1), frame(2, time_us=1), PushFramesRequest()):
            with pytest.raises(grpc.RpcError) as found:
                list(stub.PushFrames(iter([frame(1), bad]), timeout=60))
            assert found.value.code() is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]
        answers = list(stub.PushFrames(iter([frame(1)]), timeout=60))
        assert answers[-1].accepted == 1


def test_one_client_at_a_time(replicas: Sequence[Replica]) -> None:
    hold = threading.Event()

    def first() -> Iterator[PushFramesRequest]:
        yield frame(1)
        hold.wait(60)

    with grpc.insecure_channel(replicas[0].address) as channel:
        stub = CaptureServiceStub(channel)
        call = stub.PushFrames(first(), timeout=60)
        try:
            wait(replicas[0].frames)
            with pytest.raises(grpc.RpcError) as found:
                list(stub.PushFrames(iter([frame(5)]), timeout=60))
            assert found.value.code() is grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined]
        finally:
            hold.set()
            list(call)
