"""Beat <-> wince.api.capture.v1.Beat."""

from wince.api.capture.v1 import capture_pb2 as pb
from wince.codec import checks, reason
from wince.domain.frame import Beat
from wince.errors import MessageError


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


def region_from_message(message: pb.Region) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 as shares of the picture; MessageError names the field that is wrong."""
    x0, y0, x1, y1 = (checks.within(getattr(message, name), 0, 1, f"region.{name}") for name in ("x0", "y0", "x1", "y1"))
    for low, high, name in ((x0, x1, "x1"), (y0, y1, "y1")):
        if low >= high:
            raise MessageError("must be above the other edge", field=f"region.{name}")
    return x0, y0, x1, y1


def region_to_message(region: tuple[float, float, float, float]) -> pb.Region:
    """Shares of the picture to protobuf."""
    return pb.Region(x0=region[0], y0=region[1], x1=region[2], y1=region[3])
