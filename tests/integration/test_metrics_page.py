"""Prometheus asks a `wince serve capture` that runs: what its cameras and its calls did is on the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.test_services_memory import free_port
from wince.api.capture.v1.capture_service_pb2 import StopCameraRequest
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest, DetectFacesResponse
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceServicer, add_DetectServiceServicer_to_server
from wince.cli import push_source
from wince.clients import capture as pushing
from wince.rpc.config import RpcSettings
from wince.testing.clips import clip
from wince.testing.peers.rtsp import looped

LIST = """
[[cameras]]
id = "bed-1"
bed = "ICU^1^A"
push = true
[[cameras]]
id = "_2"
bed = "ICU^2^A"
push = true
"""


class Detect(DetectServiceServicer):
    """Answers each request."""

    def DetectFaces(self, requests: Iterator[DetectFacesRequest], context: object) -> Iterator[DetectFacesResponse]:
        for _ in requests:
            yield DetectFacesResponse()


@pytest.fixture
def detect() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(8))
    add_DetectServiceServicer_to_server(Detect(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


class Capture:
    """The service as a process; reads what it says until it is asked."""

    def __init__(self, environment: dict[str, str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
        command = [sys.executable, "-m", "wince.cli.main", "serve", "capture"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=own | environment)
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(self.process.stderr)

    def port(self, event: str) -> int | None:
        """Of the line that says so."""
        assert self.process.poll() is None, self.said
        return next((json.loads(line)["port"] for line in tuple(self.said) if f'"{event}"' in line), None)

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self._thread.join(10)


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_running_capture_tells_what_its_cameras_did(detect: str, database_dsn: str, tmp_path: Path) -> None:
    """Fifteen frames pushed into one camera; the other, whose id looks like none, is `other`."""
    file = tmp_path / "wince.toml"
    file.write_text(LIST)
    settings = {"CONFIG": file, "PG_DSN": database_dsn, "DETECT": detect, "STATE_DIR": tmp_path, "LOG_JSON": "true", "METRICS_PORT": 0}
    capture = Capture({f"WINCE_{name}": str(value) for name, value in {**settings, "RPC__PORT": free_port()}.items()})
    try:
        wait(lambda: capture.port("serves"))
        address, page = f"127.0.0.1:{capture.port('serves')}", capture.port("answers Prometheus")

        def scraped() -> dict[tuple[str, str], float]:
            text = urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=30).read().decode()
            samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
            return {(one.name, ",".join(one.labels.values())): one.value for one in samples}

        wait(lambda: ("wince_camera_queued", "bed-1") in scraped() and ("wince_camera_queued", "other") in scraped())
        assert scraped()["wince_camera_pictures_total", "bed-1"] == 0
        short = push_source.source(str(looped(clip("bed1"), tmp_path / "short.mp4", seconds=3)), "bed-1", rate_hz=5)
        assert pushing.push(pushing.Target((address,)), short, RpcSettings()).accepted == 15
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError):
            CaptureServiceStub(channel).StopCamera(StopCameraRequest(source="none"), timeout=60)
        ended = ("wince_camera_frames_total", "wince_camera_dropped_total", "wince_camera_late_total")
        wait(lambda: sum(scraped()[name, "bed-1"] for name in ended) >= 10)
        wait(lambda: ("wince_rpc_calls_total", "CaptureService.StopCamera,NOT_FOUND") in scraped())
        found = scraped()
        assert found["wince_camera_pictures_total", "bed-1"] + found["wince_camera_late_total", "bed-1"] >= 15
        assert found["wince_camera_connects_total", "bed-1"] == 1
        assert found["wince_camera_pictures_total", "other"] == 0
        assert found["wince_rpc_calls_total", "CaptureService.StopCamera,NOT_FOUND"] == 1
        assert found["wince_rpc_calls_total", "CaptureService.PushFrames,OK"] == 1
        assert found["wince_rpc_seconds_count", "CaptureService.PushFrames"] == 1
    finally:
        code = capture.stop()
    assert code == 0, capture.said
