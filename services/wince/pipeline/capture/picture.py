"""From a decoded picture to the pixels that are looked at: upright, not mirrored, square, of the working size. Rotation comes from the file
or the stream, and from whoever hung the camera.

What a picture says of itself counts before what the container says: both may change on the way, the container can't.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.packet import Packet
from av.sidedata.sidedata import SideData, SideDataContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from wince.errors import ConfigError

TURNS = (0, 90, 180, 270)
WIDEST = 4
"""A pixel is at most this many times as wide as it is high, or as high as it is wide (half of a field's lines and a 2:1 squeeze
make 4). What says more is damaged."""


def check_sampling(rate_hz: float, rotation: int) -> None:
    """Raises ConfigError where a source can't sample `rate_hz` pictures a second, or turn them by `rotation` degrees clockwise."""
    if not 0 < rate_hz <= 100:
        raise ConfigError("the sampling rate must be above 0 and at most 100 Hz", field="rate_hz", remedy="5 is usual")
    if rotation not in TURNS:
        raise ConfigError("the rotation must be 0, 90, 180 or 270 degrees clockwise", field="rotation", remedy="use one of them")


def working_size(width: int, height: int, aspect: float, side: int) -> tuple[int, int]:
    """(width, height) in which a picture is given: square pixels, longer side at most `side`, never enlarged in height.

    `aspect` is the width of a pixel over its height (anamorphic video: 4/3, PAL: 16/15).

    >>> working_size(7680, 4320, 1.0, 1920)
    (1920, 1080)
    >>> working_size(720, 576, 16 / 15, 1920)
    (768, 576)
    """
    square = width * aspect if aspect >= 1 else float(width)
    tall = float(height) if aspect >= 1 else height / aspect
    scale = min(1.0, side / max(square, tall))
    return max(1, round(square * scale)), max(1, round(tall * scale))


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture must be turned to be seen as it was taken: first mirrored, then turned."""

    clockwise: int = 0
    """0, 90, 180 or 270 degrees."""
    mirrored: bool = False
    """Left and right are exchanged in the stored picture."""


def oriented(matrix: bytes) -> Orientation:
    """What a display matrix says, to the nearest quarter turn. One that maps the picture to a line or a point says nothing.

    ISO/IEC 14496-12 8.2.2: nine 32-bit numbers a b u c d v x y w. The stored point (p, q) is shown at (a p + c q + x, b p + d q + y).

    >>> oriented(struct.pack("9i", -65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    Orientation(clockwise=0, mirrored=True)
    >>> oriented(bytes(36))
    Orientation(clockwise=0, mirrored=False)
    """
    if len(matrix) < 36:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    turning = a * d - b * c
    if turning == 0:
        return Orientation()
    mirrored = turning < 0
    if mirrored:
        a, b = -a, -b
    # The directions of both axes, so that a matrix that scales or shears is turned by what is common to both.
    angle = math.degrees(math.atan2(b / math.hypot(a, b) - c / math.hypot(c, d), a / math.hypot(a, b) + d / math.hypot(c, d)))
    return Orientation(round(angle / 90) % 4 * 90, mirrored)


def upright(pixels: NDArray[np.uint8], clockwise: int, *, mirrored: bool = False) -> NDArray[np.uint8]:
    """`pixels` (h, w, 3), `mirrored` left to right, then turned by 0, 90, 180 or 270 degrees clockwise; C-contiguous."""
    straight = pixels[:, ::-1] if mirrored else pixels
    return np.ascontiguousarray(np.rot90(straight, -clockwise // 90) if clockwise % 360 else straight)


class Aspects:
    """The width of a pixel over its height, picture by picture, of one stream.

    PyAV gives no aspect with a picture. The decoder's own is that of the newest packet, and pictures come later than their packets. So each
    packet carries a box into its picture, which is filled once the packet was read.
    """

    def __init__(self, stream: VideoStream) -> None:
        """Before the first packet is decoded."""
        context = stream.codec_context
        context.copy_opaque = True
        self._context = context
        self._size = (context.width, context.height)
        declared = _believed(stream.sample_aspect_ratio)
        # What a stream begins with may be only a copy of what its first picture says of itself.
        self._declared = declared if _believed(context.sample_aspect_ratio) is None else None

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The packet's pictures; raises what decoding raises."""
        box: list[Fraction | None] = []
        if packet.size:
            packet.opaque = box
        try:
            return packet.decode()
        finally:
            box.append(self._context.sample_aspect_ratio)

    def of(self, frame: VideoFrame) -> float:
        """Of a picture: its own; where it says none, the container's, for pictures of the size with which the stream begins; else 1."""
        box = frame.opaque
        own = _believed(box[0] if isinstance(box, list) and box else self._context.sample_aspect_ratio)
        if own is None and (frame.width, frame.height) == self._size:
            own = self._declared
        return 1.0 if own is None else float(own)


def _believed(aspect: Fraction | None) -> Fraction | None:
    return aspect if aspect is not None and Fraction(1, WIDEST) <= aspect <= WIDEST else None


class Converter:
    """Makes pixels of pictures. Not thread-safe."""

    def __init__(self, rotation: int, side: int) -> None:
        """rotation: degrees clockwise by which the camera's pictures must be turned, after what they say themselves. side: the longer
        one of what is given, at most, pixels."""
        self._rotation, self._side = rotation, side
        self._reformatter = VideoReformatter()

    def pixels(self, frame: VideoFrame, aspect: float) -> NDArray[np.uint8]:
        """RGB uint8 (h, w, 3), C-contiguous. Raises FFmpegError or ValueError for a pixel format or size that can't be converted."""
        width, height = working_size(frame.width, frame.height, aspect, self._side)
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=Interpolation.BILINEAR, threads=1)
        array: NDArray[np.uint8] = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
        # Not frame.side_data: that keeps itself in the picture, which then stays until Python looks for circles.
        matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
        stands = oriented(bytes(matrix)) if isinstance(matrix, SideData) else Orientation()
        return upright(array, (stands.clockwise + self._rotation) % 360, mirrored=stands.mirrored)
