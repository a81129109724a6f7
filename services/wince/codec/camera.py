"""CameraStatus <-> wince.api.capture.v1.Camera."""

from wince.api.capture.v1 import capture_pb2 as pb
from wince.codec import checks, reason
from wince.codec.capture import region_from_message, region_to_message
from wince.domain.camera import CameraActivity, CameraSpec, CameraState, CameraStatus
from wince.errors import MessageError

FASTEST_HZ = 30
_TO = {
    CameraState.CONNECTING: pb.CAMERA_STATE_CONNECTING,
    CameraState.RUNNING: pb.CAMERA_STATE_RUNNING,
    CameraState.STALLED: pb.CAMERA_STATE_STALLED,
    CameraState.STOPPED: pb.CAMERA_STATE_STOPPED,
    CameraState.ELSEWHERE: pb.CAMERA_STATE_UNSPECIFIED,
}
_FROM: dict[int, CameraState] = {number: state for state, number in _TO.items()}


def camera_to_message(status: CameraStatus) -> pb.Camera:
    """Domain to protobuf."""
    spec, activity = status.spec, status.activity
    return pb.Camera(
        source=spec.source,
        uri=spec.uri,
        frames_per_second=spec.rate_hz or None,
        rotation=spec.rotation,
        region=None if spec.region is None else region_to_message(spec.region),
        state=_TO[status.state],
        activity=pb.CameraActivity(
            frames=activity.frames,
            last_frame_age_us=activity.last_frame_age_us,
            frames_per_second=activity.rate_hz,
            reason=reason.to_message(activity.reason),
            failure=activity.failure,
        ),
    )


def camera_from_message(message: pb.Camera) -> CameraStatus:
    """Protobuf to domain; MessageError names the field that is wrong."""
    activity = message.activity
    age_us = checks.moment(activity.last_frame_age_us, "activity.last_frame_age_us") if activity.HasField("last_frame_age_us") else None
    return CameraStatus(
        spec_from_message(message),
        _FROM.get(message.state, CameraState.ELSEWHERE),
        CameraActivity(
            activity.frames, age_us, activity.frames_per_second, reason.from_message(activity.reason, "activity.reason"), activity.failure
        ),
    )


def spec_from_message(message: pb.Camera) -> CameraSpec:
    """How it is read; MessageError names the field that is wrong."""
    checks.within(message.frames_per_second, 0, FASTEST_HZ, "frames_per_second")
    if message.rotation not in (0, 90, 180, 270):
        raise MessageError("must be 0, 90, 180 or 270", field="rotation")
    if len(message.uri) > 2048:
        raise MessageError("must have at most 2048 characters", field="uri")
    region = region_from_message(message.region) if message.HasField("region") else None
    return CameraSpec(checks.source(message.source), message.uri, message.frames_per_second, message.rotation, region)
