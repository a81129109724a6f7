"""Frame <-> wince.api.capture.v1.Frame. Frames travel between capture and detect only; they are on no bus and in no store."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince.api.capture.v1 import capture_pb2 as pb
from wince.codec import checks
from wince.domain.frame import Frame
from wince.errors import MediaError, MessageError

QUALITY = 95
"""Quality of the JPEG in which a frame travels; its colours are kept in full (4:4:4)."""
MAX_JPEG = 16 << 20
"""Longest JPEG, bytes."""
MAX_PIXELS = 4096 * 2304
"""Largest picture, pixels; what it takes in memory is three times that."""
MIN_SIDE = 16


def frame_to_message(frame: Frame, *, exact: bool = False) -> pb.Frame:
    """Domain to protobuf: as a JPEG, or (`exact`) as raw RGB."""
    height, width = frame.pixels.shape[:2]
    message = pb.Frame(source=frame.source, sequence=frame.sequence, time_us=frame.time_us, width=width, height=height)
    pixels = np.ascontiguousarray(frame.pixels)
    if exact:
        message.rgb = pixels.tobytes()
    else:
        message.jpeg = simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorspace="RGB", colorsubsampling="444")
    return message


def frame_from_message(message: pb.Frame) -> Frame:
    """Protobuf to domain; MessageError or MediaError names the field that is wrong. The size is checked before a picture is decoded."""
    source, time_us = checks.source(message.source), checks.moment(message.time_us, "time_us")
    width, height = message.width, message.height
    for side, field in ((width, "width"), (height, "height")):
        if side < MIN_SIDE:
            raise MessageError(f"must be at least {MIN_SIDE} pixels", field=field)
    if width * height > MAX_PIXELS:
        raise MediaError(f"has more than {MAX_PIXELS} pixels", field="width", remedy="send the camera's substream")
    picture = message.WhichOneof("picture")
    if picture is None:
        raise MessageError("a picture must be given", field="jpeg")
    pixels = _rgb(message.rgb, width, height) if picture == "rgb" else _jpeg(message.jpeg, width, height)
    return Frame(source, message.sequence, time_us, pixels)


def _rgb(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    if len(data) != width * height * 3:
        raise MessageError(f"must have {width * height * 3} bytes, has {len(data)}", field="rgb")
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _jpeg(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    if len(data) > MAX_JPEG:
        raise MediaError(f"has {len(data)} bytes, more than {MAX_JPEG}", field="jpeg", remedy="send a smaller picture")
    try:
        found = simplejpeg.decode_jpeg_header(data)[:2]
        if tuple(found) != (height, width):
            raise MediaError("its size is not width x height", field="jpeg", remedy="say the picture's own size")
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError:
        raise MediaError("is no JPEG picture that can be decoded", field="jpeg", remedy="send a baseline JPEG") from None
    return pixels
