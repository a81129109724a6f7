"""How long a file is, by what it holds: its index of all pictures, else what its header declares, where that can be so.

A length serves to notice that a file was cut off. A header that is believed although nothing is missing makes a whole file look cut off.
"""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from wince.domain.frame import US

_MOMENT_US = US // 10
_SEGMENT = b"\x18\x53\x80\x67"
_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d{1,9})?)\d*")


def indexed_us(container: InputContainer, stream: VideoStream, path: Path, tick: Fraction) -> int | None:
    """Length by the index of an mp4 or mov, microseconds; None where it isn't of all pictures. What it lists may be cut off."""
    if "mov" not in container.format.name.split(",") or _fragmented(path):
        return None
    entries = stream.index_entries
    many = len(entries)
    if many < 2:
        return None
    first, before, last = entries[0].timestamp, entries[many - 2].timestamp, entries[many - 1].timestamp
    # The last picture may be shown for long, so no more than a moment of it is missed where it isn't there.
    return int((last - first) * tick * US) + min(_MOMENT_US, int(max(0, last - before) * tick * US))


def declared_us(container: InputContainer, stream: VideoStream, path: Path, tick: Fraction) -> int | None:
    """What the header declares for the video stream (an audio track may be longer), microseconds; None: nothing that can be believed.

    MPEG streams have no header: FFmpeg guesses from the last timestamps, and a damaged one makes hours of seconds. Matroska's DURATION is
    the end of the track (FFmpeg) or its length (mkvmerge, which says so in _STATISTICS_TAGS); so is the container's. A Matroska or
    AVI file that is as long as it says in bytes is whole, whatever it says in seconds.
    """
    kind = container.format.name
    if kind in {"mpegts", "mpeg"} or ("matroska" in kind and _whole(path)) or (kind == "avi" and _whole_avi(path)):
        return None
    if kind == "avi" and stream.frames:  # FFmpeg shortens the length of a file that was cut off
        return int(stream.frames * tick * US)
    if stream.duration:
        return int(stream.duration * tick * US)
    start = max(0, int((stream.start_time or 0) * tick * US))
    metadata = {name.upper(): value for name, value in stream.metadata.items()}
    if tag := _TAG.fullmatch(metadata.get("DURATION", "")):
        said = int((int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])) * US)
        counted = any(name.startswith("_STATISTICS_TAGS") for name in metadata)
        return said if counted or said <= start else said - start
    if container.duration and len(container.streams) == 1:
        return int(container.duration) if container.duration <= start else int(container.duration) - start
    return None


def reaches(container: InputContainer, stream: VideoStream, tick: Fraction, at_us: int) -> bool:
    """Whether there is a key picture at or after that media time. Leaves the container at its start."""
    start = stream.start_time or 0
    found = False
    with suppress(av.error.FFmpegError):
        container.seek(start + int(at_us / (tick * US)), stream=stream, backward=False)
        packet = next((one for one in container.demux(stream) if one.pts is not None), None)
        found = packet is not None and packet.pts is not None and (packet.pts - start) * tick * US >= at_us
    container.seek(start, stream=stream)
    return found


def _fragmented(path: Path) -> bool:
    """Whether an mp4 has its pictures in fragments, each with an index of its own (ISO/IEC 14496-12 8.8.4)."""
    with path.open("rb") as file:
        at, end = 0, file.seek(0, 2)
        while at + 8 <= end:
            file.seek(at)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if kind == b"moof":
                return True
            size = int.from_bytes(head[8:16], "big") if size == 1 else size
            if size < 8:
                return False
            at += size
    return False


def _whole(path: Path) -> bool:
    """Whether a Matroska file is as long as its segment says (RFC 9559 5.1; RFC 8794: sizes are variable-length integers)."""
    with path.open("rb") as file:
        head = file.read(4096)
        end = file.seek(0, 2)
    at = head.find(_SEGMENT)
    if at < 0 or at + 12 > len(head):
        return False
    first = head[at + 4]
    width = 9 - first.bit_length()
    if not 1 <= width <= 8:
        return False
    size = int.from_bytes(head[at + 4 : at + 4 + width], "big") & ((1 << 7 * width) - 1)
    return size != (1 << 7 * width) - 1 and at + 4 + width + size <= end


def _whole_avi(path: Path) -> bool:
    """Whether an AVI file is as long as its RIFF chunks say (OpenDML: one for each gigabyte)."""
    with path.open("rb") as file:
        at, end = 0, file.seek(0, 2)
        while at + 8 <= end:
            file.seek(at)
            head = file.read(8)
            size = int.from_bytes(head[4:], "little")
            if head[:4] != b"RIFF" or size in (0, 0xFFFFFFFF):
                return False
            at += 8 + size + size % 2
    return 0 < at <= end + 1
