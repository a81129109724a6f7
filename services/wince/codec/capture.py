"""Beat <-> wince.api.capture.v1.Beat."""

from wince.api.capture.v1 import capture_pb2 as pb
from wince.codec import checks, reason
from wince.domain.frame import Beat


def beat_to_message(beat: Beat) -> pb.Beat:
    """Domain to protobuf."""
    return pb.Beat(
        source=beat.source,
        time_us=beat.time_us,
        frames=beat.frames,
        dropped=beat.dropped,
        corrupt=beat.corrupt,
        reason=reason.to_message(beat.reason),
        ended=beat.ended,
    )


def beat_from_message(message: pb.Beat) -> Beat:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return Beat(
        source=checks.source(message.source),
        time_us=checks.moment(message.time_us, "time_us"),
        frames=message.frames,
        dropped=message.dropped,
        corrupt=message.corrupt,
        reason=reason.from_message(message.reason),
        ended=message.ended,
    )
