"""Cameras as rows: by the word of the replica that reads each."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.rpc import served
from tests.unit.serve.status.looks import look
from wince.domain.camera import CameraActivity, CameraSpec, CameraState, CameraStatus
from wince.domain.reason import Reason
from wince.pipeline.capture.servicer import CaptureServicer, registration
from wince.serve.status.cameras import cameras
from wince.serve.status.interface import State


class Control:
    """Cameras as a test wants them."""

    def __init__(self, *found: CameraStatus) -> None:
        self.found = found

    def cameras(self) -> Sequence[CameraStatus]:
        return self.found


def camera(source: str, state: CameraState, uri: str = "rtsp://cam.example/1", **activity: object) -> CameraStatus:
    return CameraStatus(CameraSpec(source, uri), state, CameraActivity(**activity))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (camera("a", CameraState.RUNNING, frames=50, last_frame_age_us=100_000, rate_hz=5.0), State.OK, "5.0 frames a second"),
        (camera("a", CameraState.RUNNING, last_frame_age_us=60_000_000, reason=Reason.NO_FRAME), State.WARNING, "no_frame"),
        (camera("a", CameraState.CONNECTING), State.WARNING, "no picture yet"),
        (camera("a", CameraState.CONNECTING, failure="login"), State.BAD, "login_file"),
        (camera("a", CameraState.STALLED, failure="stalled"), State.BAD, "restart the camera"),
        (camera("a", CameraState.STALLED, uri=""), State.WARNING, "wince push PATH --camera a"),
        (camera("a", CameraState.STOPPED), State.WARNING, "somebody stopped it"),
        (camera("a", CameraState.STOPPED, uri="/clips/a.mp4"), State.OK, "played to the end"),
        (camera("a", CameraState.ELSEWHERE), State.BAD, "no replica"),
    ],
)
def test_one_camera(tmp_path: Path, status: CameraStatus, state: State, words: str) -> None:
    with served(registration(CaptureServicer(Control(status), Control()))) as server:  # type: ignore[arg-type]
        (row,) = cameras(look(tmp_path, services={"capture": [f"127.0.0.1:{server.port}"]}))
    assert (row.what, row.state) == ("a", state)
    assert words in f"{row.said} {row.reason} {row.remedy}"
    assert row.figures["state"] == status.state.value


def test_the_replica_that_reads_a_camera_is_believed_and_one_that_is_away_is_said(tmp_path: Path) -> None:
    here = Control(camera("a", CameraState.RUNNING, last_frame_age_us=1, rate_hz=5.0), camera("b", CameraState.ELSEWHERE))
    there = Control(camera("a", CameraState.ELSEWHERE), camera("b", CameraState.RUNNING, last_frame_age_us=1, rate_hz=4.0))
    with served(registration(CaptureServicer(here, here))) as one, served(registration(CaptureServicer(there, there))) as other:  # type: ignore[arg-type]
        both = [f"127.0.0.1:{one.port}", f"127.0.0.1:{other.port}"]
        assert [(row.what, row.state) for row in cameras(look(tmp_path, services={"capture": both}))] == [("a", State.OK), ("b", State.OK)]
        port = other.port
    with served(registration(CaptureServicer(here, here))) as one:  # type: ignore[arg-type]
        half = [f"127.0.0.1:{one.port}", f"127.0.0.1:{port}"]
        rows = {row.what: row.state for row in cameras(look(tmp_path, services={"capture": half}))}
    assert rows == {"a": State.OK, "b": State.UNKNOWN, "capture": State.UNKNOWN}
