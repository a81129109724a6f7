"""Cameras as they are, to the wire and back."""

import pytest

from wince.api.capture.v1 import capture_pb2
from wince.codec.camera import camera_from_message, camera_to_message
from wince.domain.camera import CameraActivity, CameraSpec, CameraState, CameraStatus
from wince.domain.reason import Reason
from wince.errors import MessageError


@pytest.mark.parametrize("state", CameraState)
def test_round_trip(state: CameraState) -> None:
    spec = CameraSpec("cam-1", "rtsp://cam.example/1", 5.0, 90, (0.1, 0.2, 0.8, 0.9))
    for activity in (CameraActivity(), CameraActivity(17, 0, 4.9), CameraActivity(3, 9_000_000, 0.0, Reason.NO_FRAME, "login")):
        status = CameraStatus(spec, state, activity)
        assert camera_from_message(capture_pb2.Camera.FromString(camera_to_message(status).SerializeToString())) == status


def test_what_is_wrong_is_named() -> None:
    message = camera_to_message(CameraStatus(CameraSpec("cam-1", ""), CameraState.RUNNING, CameraActivity(1, 1)))
    message.activity.reason = 999  # type: ignore[assignment]
    with pytest.raises(MessageError) as caught:
        camera_from_message(message)
    assert caught.value.field == "activity.reason"
