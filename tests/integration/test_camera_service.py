"""`wince serve capture` over a real camera and a real database, with a detect that only counts: list, move, stop, push."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from wince.api.capture.v1 import capture_pb2
from wince.api.capture.v1.capture_service_pb2 import ListCamerasRequest, StopCameraRequest
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest, DetectFacesResponse
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceServicer, add_DetectServiceServicer_to_server
from wince.cli import push_source
from wince.clients import capture
from wince.clients.cameras import CamerasClient
from wince.domain.binding import bed_of
from wince.domain.camera import CameraState
from wince.domain.reason import Reason
from wince.errors import ResourceError
from wince.rpc.config import RpcSettings
from wince.serve import process
from wince.serve.service import Deps
from wince.settings import load
from wince.store import stays
from wince.store.database import Database
from wince.testing.clips import clip
from wince.testing.peers.rtsp import RtspPeer, looped

LIST = """
[[cameras]]
id = "network"
bed = "{bed}"
url = "{url}"
region = [0.0, 0.0, 0.5, 1.0]
[[cameras]]
id = "pushed"
bed = "ICU^9^A"
push = true
[[cameras]]
id = "file"
bed = "ICU^8^A"
path = "{path}"
"""


class Counting(DetectServiceServicer):
    """Answers each request, and keeps what it was but for pixels."""

    def __init__(self) -> None:
        self.frames: dict[str, list[int]] = {}
        self.beats: dict[str, list[capture_pb2.Beat]] = {}
        self.regions: dict[str, float] = {}

    def DetectFaces(self, requests: Iterator[DetectFacesRequest], context: Any) -> Iterator[DetectFacesResponse]:
        for request in requests:
            if request.WhichOneof("item") == "frame":
                self.frames.setdefault(request.frame.source, []).append(request.frame.time_us)
                if request.HasField("region"):
                    self.regions[request.frame.source] = request.region.x1
            else:
                self.beats.setdefault(request.beat.source, []).append(request.beat)
                if request.HasField("region"):
                    self.regions[request.beat.source] = request.region.x1
            yield DetectFacesResponse()


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def detect() -> Iterator[tuple[Counting, str]]:
    servicer, server = Counting(), grpc.server(ThreadPoolExecutor(8))
    add_DetectServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None)


@pytest.mark.peer
def test_capture_as_a_service(detect: tuple[Counting, str], database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, address = detect
    film = looped(clip("bed1"), tmp_path / "camera.mp4", seconds=300)
    peer = RtspPeer(film)
    try:
        peer.start()
    except ResourceError as error:
        pytest.skip(error.diagnostics())
    file = tmp_path / "wince.toml"
    file.write_text(LIST.format(bed="ICU^1^A", url=peer.url, path=film))
    for name, value in {"CONFIG": file, "PG_DSN": database_dsn, "DETECT": address, "STATE_DIR": tmp_path}.items():
        monkeypatch.setenv(f"WINCE_{name}", str(value))
    settings = load()
    with ExitStack() as stack:
        stack.callback(peer.kill)
        running = process.Running(process.build("capture", Deps(settings, stack)), settings)
        stack.callback(running.stop)
        running.start()
        wait(lambda: len(seen.frames.get("network", ())) >= 5 and len(seen.frames.get("file", ())) >= 5)
        wait(lambda: len(seen.beats.get("pushed", ())) >= 2)
        assert seen.regions["network"] == 0.5
        assert "pushed" not in seen.frames
        now_us = time.time_ns() // 1000
        assert all(now_us - at < 60_000_000 for at in seen.frames["file"] + seen.frames["network"])

        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{running.port}"))
        stub = CaptureServiceStub(channel)
        states = {camera.source: camera.state for camera in stub.ListCameras(ListCamerasRequest(), timeout=60).cameras}
        assert states == {
            "network": capture_pb2.CAMERA_STATE_RUNNING,
            "pushed": capture_pb2.CAMERA_STATE_STALLED,
            "file": capture_pb2.CAMERA_STATE_RUNNING,
        }
        listed = CamerasClient([f"127.0.0.1:{running.port}"], RpcSettings())
        stack.callback(listed.close)
        given = {camera.spec.source: camera for camera in listed.cameras()}
        assert given["pushed"].state is CameraState.STALLED
        assert given["pushed"].activity.reason is Reason.NO_FRAME
        for name in ("network", "file"):
            wait(lambda name=name: 3 < {one.spec.source: one for one in listed.cameras()}[name].activity.rate_hz < 8)
            activity = {one.spec.source: one for one in listed.cameras()}[name].activity
            assert activity.frames >= 5
            assert activity.last_frame_age_us is not None
            assert activity.last_frame_age_us < 60_000_000
            assert not activity.failure

        short = push_source.source(str(looped(clip("bed1"), tmp_path / "short.mp4", seconds=3)), "pushed", rate_hz=5)
        told = capture.push(capture.Target((f"127.0.0.1:{running.port}",)), short, RpcSettings())
        assert told.accepted == told.frames == 15
        wait(lambda: len(seen.frames.get("pushed", ())) >= 10)

        frames = len(seen.frames["network"])
        file.write_text(LIST.format(bed="ICU^2^A", url=peer.url, path=film) + "\n")
        with Database(database_dsn, size=1) as database:

            def bed() -> str | None:
                with database.transaction() as tx:
                    found = bed_of(stays.watches(tx, ["network"]), "network", time.time_ns() // 1000, 1 << 62)
                return found and found.bed

            wait(lambda: bed() == "ICU^2^A")
        wait(lambda: len(seen.frames["network"]) >= frames + 5)
        beats = [beat.time_us for beat in seen.beats["network"]]
        assert all(after - before == 1_000_000 for before, after in itertools.pairwise(beats)), "the move cost no beat"

        stub.StopCamera(StopCameraRequest(source="network"), timeout=60)
        wait(lambda: seen.beats["network"][-1].ended)
        assert not seen.beats["pushed"][-1].ended
    wait(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith(("camera-", "link-"))])
