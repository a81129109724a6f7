"""What a media file may be, and how it is opened: limits, named errors with remedies, and nothing but a local file.

FFmpeg recognises playlists (HLS, concat) by content and would follow the addresses in them, so both the protocols
and the containers are listed, not left to its probing.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from wince.domain.frame import US
from wince.errors import InputError, MediaError, ResourceError
from wince.pipeline.capture import length

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,asf,flv,ogg,mxf"
"""Containers that carry timestamps."""
RAW = frozenset({"h264", "hevc", "mpegvideo", "m4v", "mjpeg", "obu", "vc1", "av1"})
"""Bare streams: opened only to say by name what is wrong with them."""
_RECOVER = "convert it with `ffmpeg -i FILE -c copy out.mkv`, or export it again from the recorder as mp4, mov, mkv, mpeg-ts or avi"
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Caps on what is taken from a file; each has its own error."""

    max_bytes: int = 64 << 30
    """Largest file, bytes."""
    max_pixels: int = 36_000_000
    """Largest coded video picture (8K UHD is 33.2 million pixels)."""
    max_still_pixels: int = 100_000_000
    """Largest still picture; checked on its header, before a pixel is decoded."""
    max_pictures: int = 100_000
    """Most pictures of an animation (GIF, WebP, APNG, AVIF) or pages of a TIFF."""
    max_duration_us: int = 24 * 3600 * US
    """Longest video, microseconds of media time."""
    working_side: int = 1920
    """Longer side of the frames that are given, pixels: bigger pictures are scaled down on conversion to RGB, smaller ones stay."""


def check_file(path: Path, limits: MediaLimits) -> None:
    """Raise MediaError or ResourceError unless `path` is a readable, non-empty file within `limits.max_bytes`."""
    with reading(path):
        if path.is_dir():
            raise MediaError("is a folder, not a video or picture", field=path, remedy="name a file in it")
        size = path.stat().st_size
        if not path.is_file():
            raise MediaError("is not a plain file", field=path, remedy="name a video or picture file")
        if size == 0:
            raise MediaError("the file is empty (0 bytes)", field=path, remedy="copy or export it again")
        if size > limits.max_bytes:
            raise MediaError(
                f"the file has {size} bytes, more than the limit of {limits.max_bytes}",
                field=path,
                remedy="split it, or raise the limit max_bytes",
            )
        with path.open("rb"):
            pass


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into MediaError (its name is wrong) or ResourceError (this machine can't)."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError("no such file", field=path, remedy="check the name; relative paths start at the current folder") from None
    except PermissionError:
        raise ResourceError("no permission to read it", field=path, remedy="give the account of Wince read permission") from None
    except ValueError as error:
        if isinstance(error, av.error.FFmpegError):
            raise
        raise MediaError("not a file name", field=repr(str(path)), remedy="check the name for control characters") from None
    except OSError as error:
        if isinstance(error, av.error.FFmpegError):
            raise
        reason = os.strerror(error.errno) if error.errno else "input/output error"
        raise ResourceError(f"can't be read: {reason}", field=path, remedy="check the disk or network share") from None


def file_id(path: Path | str) -> str:
    """SHA-256 (64 hex digits) of the file's bytes, read in pieces of 1 MiB: the `source` of a plain file.

    Raises MediaError (missing, a folder) or ResourceError (permission, I/O).
    """
    path = Path(path)
    digest = hashlib.sha256()
    with reading(path):
        if path.is_dir():
            raise MediaError("is a folder, not a video or picture", field=path, remedy="name a file")
        with path.open("rb") as stream:
            while piece := stream.read(_READ):
                digest.update(piece)
    return digest.hexdigest()


@dataclass(slots=True)
class Video:
    """An opened file and its one video stream; every other stream is discarded by the demuxer."""

    container: InputContainer
    stream: VideoStream
    tick: Fraction
    """Seconds per timestamp unit."""
    start: int | None
    """Timestamp of media time 0; None where the header does not say: the first picture's."""
    duration_us: int | None
    """Length that the file's index or header declares, microseconds; None where neither does, or there is no reason to believe it."""
    indexed_us: int | None
    """Length by an index of all pictures, microseconds; None where there is none. Such a file's timestamps rise."""
    rate: float | None
    """Pictures a second that the header declares; None where it doesn't."""
    notes: tuple[str, ...] = ()
    """What a reader must know of what was chosen in it."""
    presents: bool = True
    """Whether its timestamps say when a picture is shown. AVI only counts pictures in the order in which they are decoded."""


def open_video(path: Path, limits: MediaLimits) -> Video:
    """Open a video file with one decode thread.

    Several threads never set `is_corrupt` (0 of 1000 damaged frames against 165 with one), so one it is.

    Raises:
        MediaError: not a video, cut off before its index, no video stream, no timestamps, codec unknown, over a limit.
        ResourceError: permission, I/O.
    """
    check_file(path, limits)
    try:
        with reading(path):
            container = av.open(
                f"file:{path}",
                metadata_errors="ignore",
                options={"protocol_whitelist": "file", "format_whitelist": ",".join((CONTAINERS, *sorted(RAW)))},
            )
    except (av.error.FFmpegError, UnicodeError):
        raise _unreadable(path) from None
    try:
        return _video(container, path, limits)
    except BaseException:
        container.close()
        raise


def _video(container: InputContainer, path: Path, limits: MediaLimits) -> Video:
    if RAW & set(container.format.name.split(",")):
        raise MediaError(
            f"a bare {container.format.name} stream has no timestamps, so no time can be given to what is seen",
            field=path,
            remedy="put it into a container with the camera's frame rate: `ffmpeg -r RATE -i FILE -c copy out.mkv`",
        )
    stream, notes = _chosen(container, path)
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    context = stream.codec_context
    if context is None or not context.width or not context.height:
        raise MediaError("its video can't be decoded (unknown codec, or damaged at its start)", field=path, remedy=_RECOVER)
    pixels = context.width * context.height
    if pixels > limits.max_pixels:
        raise MediaError(
            f"its pictures have {context.width} x {context.height} pixels, more than the limit of {limits.max_pixels} in all",
            field=path,
            remedy="export it smaller (1080p is enough), or raise the limit max_pixels",
        )
    tick = stream.time_base or Fraction(1, US)
    indexed = length.indexed_us(container, stream, path, tick)
    duration = length.declared_us(container, stream, path, tick) if indexed is None else indexed
    if duration is not None and duration > limits.max_duration_us and length.reaches(container, stream, tick, limits.max_duration_us):
        raise MediaError(
            f"it lasts {duration // US} s, longer than the limit of {limits.max_duration_us // US} s",
            field=path,
            remedy="split it, or raise the limit max_duration_us",
        )
    context.thread_count = 1
    if context.name == "hevc":
        context.options = {"err_detect": "explode"}
    rate = stream.average_rate or stream.guessed_rate
    presents = container.format.name != "avi"
    start = stream.start_time if presents else None
    return Video(container, stream, tick, start, duration, indexed, float(rate) if rate else None, notes, presents)


def _chosen(container: InputContainer, path: Path) -> tuple[VideoStream, tuple[str, ...]]:
    """The stream that a player would show, with what a reader must know of that; covers and thumbnails are no video."""
    pictures = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [one for one in container.streams.video if not one.disposition & pictures]
    if not streams:
        raise MediaError("there is no video in it", field=path, remedy="name a file with a video stream")
    stream = next((one for one in streams if one.disposition & Disposition.default), streams[0])
    if len(streams) == 1:
        return stream, ()
    which = f"number {streams.index(stream) + 1}"
    return stream, (f"it holds {len(streams)} video streams; {which} is looked at",)


def _unreadable(path: Path) -> InputError:
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] in {b"ftyp", b"mdat", b"wide", b"moov"}:
        return MediaError(
            "an mp4 or mov without its index (moov): the recording was cut off before it was finished",
            field=path,
            remedy="recover it with untrunc and a whole file of the same camera; let the recorder write mkv, mpeg-ts or fragmented mp4",
        )
    remedy = f"name a video or a picture; a video that players show: {_RECOVER}"
    return MediaError("neither a picture nor a video that can be read", field=path, remedy=remedy)
