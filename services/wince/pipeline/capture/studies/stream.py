"""The video of an object as a file of its own: its fragments joined, without the Basic Offset Table (PS3.5 annex A.4).

A fragment is not a picture: all of them together are one stream (PS3.5 section 8.2.5 and on), as MP4, MPEG-TS or bare.
"""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from wince.errors import MediaError
from wince.pipeline.capture.studies.header import Header

_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_PIECE = 1 << 20
_UNDEFINED = 0xFFFFFFFF
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)
"""What is wrong with the disk, and not with the object."""
BARE = {"1.2.840.10008.1.2.4.100": "mpegvideo", "1.2.840.10008.1.2.4.101": "mpegvideo"}
"""FFmpeg's name of a bare stream by transfer syntax; H.264 and HEVC by their number below."""


def join(path: Path, header: Header, out: Path) -> None:
    """Write the stream of the object in `path` to `out`. Raises MediaError where its fragments are cut off or none; OSError."""
    if header.pixels_at is None:
        raise _broken("holds no pixel data")
    with path.open("rb") as stream, _made(out) as joined:
        stream.seek(header.pixels_at)
        head = stream.read(12)  # encapsulated pixel data are always Explicit VR: tag, OB, two zeros, length
        if len(head) < 12 or int.from_bytes(head[8:12], "little") != _UNDEFINED:
            raise _broken("has a video that is not encapsulated")
        pieces = 0
        while True:
            tag, length = stream.read(4), int.from_bytes(stream.read(4), "little")
            if tag == _END:
                break
            if tag != _ITEM or length == _UNDEFINED:
                raise _broken("has fragments that are cut off")
            if pieces:
                _copy(stream, joined, length)
            else:  # the Basic Offset Table, empty or not
                stream.seek(length, 1)
            pieces += 1
        if pieces < 2:
            raise _broken("holds no fragment")


def timed(path: Path, syntax: str, rate_hz: float | None, out: Path) -> Path:
    """A bare stream in a container, each picture at its time; `path` itself where it is a container already.

    AVI says no more than a bare stream does: how many pictures there are, in the order in which they are decoded. It can't hold HEVC,
    so there the order in which they are shown is learned by decoding them once. Raises MediaError where a bare stream's object says no
    rate, or it can't be read."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if not start.startswith((b"\0\0\1", b"\0\0\0\1")) or start == b"\0\0\1\xba":  # a pack header: an MPEG programme stream
        return path
    if rate_hz is None:
        raise _broken("says no rate of its pictures (Frame Time, Cine Rate)")
    name = BARE.get(syntax, "hevc" if int(syntax.rpartition(".")[2]) >= 107 else "h264")
    tick = 1 / Fraction(rate_hz).limit_denominator(1001)
    options = {"framerate": str(1 / tick)}
    try:
        shown = _shown(path, name, options) if name == "hevc" else {}
        _made(out).close()  # FFmpeg would let others read it
        behind = max((decoded - at for decoded, at in shown.items()), default=0)
        kind = "matroska" if name == "hevc" else "avi"
        with av.open(str(path), format=name, options=options) as bare, av.open(str(out), "w", format=kind) as box:
            source = bare.streams.video[0]
            target = box.add_stream_from_template(source)
            number = 0
            for packet in bare.demux(source):
                if packet.size:
                    packet.stream, packet.time_base, packet.dts, packet.duration = target, tick, number, 1
                    packet.pts = shown.get(number, number) + behind
                    number += 1
                    box.mux(packet)
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        raise _broken("holds a stream that can't be read") from None
    return out


def _shown(path: Path, name: str, options: dict[str, str]) -> dict[int, int]:
    """Of the pictures of a bare stream: which is shown as which, by the order in which they are decoded."""
    shown: dict[int, int] = {}
    with av.open(str(path), format=name, options=options) as bare:
        number = 0
        for packet in bare.demux(bare.streams.video[0]):
            if packet.size:
                packet.pts = packet.dts = number
                number += 1
            for frame in packet.decode():
                if frame.pts is not None:
                    shown[frame.pts] = len(shown)
    return shown


def _made(path: Path) -> BinaryIO:
    """A new file, or an old one emptied, that its owner alone can read: it holds a patient's face."""
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
    while length:
        piece = source.read(min(_PIECE, length))
        if not piece:
            raise _broken("has fragments that are cut off")
        target.write(piece)
        length -= len(piece)


def _broken(what: str) -> MediaError:
    return MediaError(f"the object {what}", field="object", remedy="send it again, or export it again at the camera")
