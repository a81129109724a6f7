"""Face <-> wince.api.detect.v1.Face. Arrays travel as little-endian bytes."""

import numpy as np

from wince.api.detect.v1 import detect_pb2 as pb
from wince.codec import checks, reason
from wince.domain.face import Face, Pose, Quality
from wince.errors import MessageError

LANDMARKS = (478, 3)
"""Shape of the face mesh's points."""
FEATURES = (128, 8, 8)
"""Shape of the face mesh's inner feature map."""
GREY = (64, 64)
"""Shape of the grey region."""
MAX_CROP = 256 * 1024
"""Largest crop, bytes."""
_MAX_MEASURE = 1e12


def pose_to_message(pose: Pose) -> pb.Pose:
    """Domain to protobuf."""
    return pb.Pose(yaw=pose.yaw, pitch=pose.pitch, roll=pose.roll)


def pose_from_message(message: pb.Pose) -> Pose:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return Pose(
        yaw=checks.within(message.yaw, -180, 180, "pose.yaw"),
        pitch=checks.within(message.pitch, -180, 180, "pose.pitch"),
        roll=checks.within(message.roll, -180, 180, "pose.roll"),
    )


def _quality_from_message(message: pb.Quality) -> Quality:
    return Quality(
        size_px=checks.within(message.size_px, 0, _MAX_MEASURE, "quality.size_px"),
        brightness=checks.within(message.brightness, 0, 255, "quality.brightness"),
        sharpness=checks.within(message.sharpness, 0, _MAX_MEASURE, "quality.sharpness"),
        occlusion=checks.within(message.occlusion, 0, 1, "quality.occlusion"),
        presence=checks.within(message.presence, 0, 1, "quality.presence"),
    )


def face_to_message(face: Face) -> pb.Face:
    """Domain to protobuf."""
    message = pb.Face(
        source=face.source,
        sequence=face.sequence,
        time_us=face.time_us,
        frame_width=face.frame_size[0],
        frame_height=face.frame_size[1],
        reason=reason.to_message(face.reason),
        seen=face.seen,
        crop=face.crop,
        protocols=face.protocols,
    )
    if face.box is not None:
        x0, y0, x1, y1 = face.box.tolist()
        message.box.CopyFrom(pb.Box(x0=x0, y0=y0, x1=x1, y1=y1))
    if face.landmarks is not None:
        message.landmarks = face.landmarks.astype("<f4", copy=False).tobytes()
    if face.pose is not None:
        message.pose.CopyFrom(pose_to_message(face.pose))
    if face.quality is not None:
        quality = face.quality
        message.quality.CopyFrom(
            pb.Quality(
                size_px=quality.size_px,
                brightness=quality.brightness,
                sharpness=quality.sharpness,
                occlusion=quality.occlusion,
                presence=quality.presence,
            )
        )
    if face.features is not None:
        message.features = face.features.astype("<f2", copy=False).tobytes()
    if face.grey is not None:
        message.grey = face.grey.tobytes()
    return message


def face_from_message(message: pb.Face) -> Face:
    """Protobuf to domain; MessageError names the field that is wrong. An assessable face has a box and a crop."""
    why = reason.from_message(message.reason)
    box = None
    if message.HasField("box"):
        box = np.array([message.box.x0, message.box.y0, message.box.x1, message.box.y1], dtype=np.float32)
        if not np.isfinite(box).all():
            raise MessageError("must hold finite numbers only", field="box")
    if message.frame_width == 0 or message.frame_height == 0:
        raise MessageError("must be above 0", field="frame_width" if message.frame_width == 0 else "frame_height")
    if len(message.crop) > MAX_CROP:
        raise MessageError(f"must have at most {MAX_CROP} bytes, has {len(message.crop)}", field="crop")
    if why is None and (box is None or not message.crop):
        raise MessageError("must be given where there is no reason", field="box" if box is None else "crop")
    return Face(
        source=checks.source(message.source),
        sequence=message.sequence,
        time_us=checks.moment(message.time_us, "time_us"),
        frame_size=(message.frame_width, message.frame_height),
        reason=why,
        seen=message.seen,
        box=box,
        landmarks=checks.floats32(message.landmarks, LANDMARKS, "landmarks") if message.landmarks else None,
        pose=pose_from_message(message.pose) if message.HasField("pose") else None,
        quality=_quality_from_message(message.quality) if message.HasField("quality") else None,
        features=checks.floats16(message.features, FEATURES, "features") if message.features else None,
        crop=message.crop,
        grey=checks.bytes8(message.grey, GREY, "grey") if message.grey else None,
        protocols=tuple(message.protocols),
    )
