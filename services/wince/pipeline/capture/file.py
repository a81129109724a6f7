"""A video file as a source: mp4, mov, mkv, mpeg-ts, avi; whatever FFmpeg decodes in them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import av

from wince.domain.frame import US, Beat, Frame
from wince.errors import MediaError
from wince.pipeline.capture.decode import Decoder, Picture
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.picture import Converter, check_sampling
from wince.pipeline.capture.stamps import remarks
from wince.pipeline.capture.timeline import Grid, Timeline
from wince.telemetry import logs

log = logs.get(__name__)

SILENT = 64
"""Packets at the end of a file that gave no picture are missing pictures, where they are more than any decoder holds back."""


class FileSource:
    """Frames and beats of one video file (port `wince.pipeline.capture.interface.Source`).

    Media time 0 is the start of the video stream. Sampling, sequence numbers and beats: `timeline.py`. Frames are
    upright: turned as the file says (display matrix), then by `rotation`; big ones are scaled down to
    `limits.working_side` on conversion; pixels are made square. At most one decoded picture and one frame are held.

    What breaks inside the file is no exception: seconds without a frame have a beat with CORRUPT or NO_FRAME, and a
    file that is damaged at its end ends with a beat `ended`, CORRUPT, at the end that its header declares.

    Raises (on construction, or before the first message):
        MediaError: missing, a folder, empty, not a video, no video stream, cut off before its index, no timestamps,
            not one picture in it, over a limit.
        ResourceError: permission, I/O.
        ConfigError: `rate_hz`, `rotation` or a time is out of range.
    """

    def __init__(
        self,
        path: Path | str,
        source: str,
        *,
        rate_hz: float,
        origin_us: int = 0,
        from_us: int = 0,
        rotation: int = 0,
        limits: MediaLimits | None = None,
    ) -> None:
        """Open the file and check its header.

        Args:
            path: the file.
            source: camera id, or `file_id(path)`.
            rate_hz: samples per second; above 0, at most 100.
            origin_us: event time of media time 0, microseconds; 0 for plain files.
            from_us: event time (the clock of `Frame.time_us`) from which frames and beats are given: where a run that
                was cut off goes on. What lies before is decoded from the nearest key picture and not given.
            rotation: degrees clockwise by which the camera's picture must be turned to be upright: 0, 90, 180, 270.
            limits: caps and working size.
        """
        check_sampling(rate_hz, rotation)
        self.source = source
        self._path = Path(path)
        self._limits = limits or MediaLimits()
        self._origin_us = origin_us
        self._from_us = max(0, from_us - origin_us)
        self._grid = Grid(rate_hz)
        self._timeline = Timeline(source, self._grid, origin_us=origin_us, from_us=self._from_us)
        self._converter = Converter(rotation, self._limits.working_side)
        self._lock = threading.Lock()
        self._closed = False
        self._decoder = Decoder(self._path, self._limits)

    @property
    def end_us(self) -> int:
        """Event time at which the file is over, microseconds: by its index, else by its packets, which are then read once."""
        indexed_us = self._decoder.video.indexed_us
        return self._origin_us + (self._decoder.survey().end_us if indexed_us is None else indexed_us)

    def notes(self) -> tuple[str, ...]:
        """What a reader of its numbers must know: what was wrong with its timestamps, as far as it was read, and what was chosen in it."""
        return (*self._decoder.video.notes, *remarks(self._decoder.clock))

    @property
    def unsteady(self) -> bool:
        """Whether its timestamps could not be followed, as far as it was read."""
        return bool(remarks(self._decoder.clock))

    @property
    def lost_us(self) -> int:
        """How long the pictures last, microseconds, that fell into time that was over already: they were not sampled. Below a second it
        is 0, and `notes` says nothing: pictures came out of order."""
        shared_us = self._decoder.clock.shared_us
        return shared_us if shared_us >= US else 0

    def close(self) -> None:
        """End the iteration and release decoder and file; from any thread. Idempotent."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._decoder.close()
            finally:
                self._lock.release()

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time; can be iterated once."""
        pictures = self._decoder.pictures(self._grid.time_us(self._grid.point(self._from_us)))
        end_us = seen_us = 0
        first = True
        try:
            while not self._closed:
                picture, frame = self._step(pictures)
                if picture is None:
                    break
                if picture.end_us > self._limits.max_duration_us:
                    self._decoder.broke = True
                    break
                end_us = max(end_us, picture.end_us)
                seen_us = seen_us if picture.frame is None else max(seen_us, picture.end_us)
                if first and picture.frame is None:
                    continue  # nothing is said of a file in which there may be no picture at all
                first = False
                yield from self._timeline.until(picture.safe_us if frame is None else frame.time_us - self._origin_us)
                if frame is not None:
                    self._timeline.frame(frame.sequence)
                    yield frame
            if self._closed:
                return
            if first and not self._from_us:
                raise self._nothing()
            yield from self._finish(end_us, seen_us)
        finally:
            self.close()

    def _step(self, pictures: Iterator[Picture]) -> tuple[Picture | None, Frame | None]:
        """Decode one picture; convert it where it is a sample. The lock keeps close() out of the decoder."""
        with self._lock:
            if self._closed:
                self._decoder.close()
                return None, None
            picture = next(pictures, None)
            if picture is None or picture.time_us < -1000:
                return picture, None
            if picture.damaged or picture.frame is None:
                self._timeline.damaged(picture.time_us)
                return picture, None
            point = self._grid.point(picture.time_us)
            if not self._timeline.wants(point):
                return picture, None
            time_us = max(picture.time_us, self._grid.time_us(point))
            if time_us < self._from_us:
                self._timeline.skipped(point)
                return picture, None
            if time_us < self._timeline.spoken_us:
                self._timeline.late()
                return picture, None
            try:
                pixels = self._converter.pixels(picture.frame, self._decoder.aspects.of(picture.frame))
            except (av.error.FFmpegError, ValueError):  # a pixel format or size that can't be converted
                self._timeline.damaged(picture.time_us)
                return picture, None
            return picture, Frame(self.source, point, self._origin_us + time_us, pixels)

    def _finish(self, end_us: int, seen_us: int) -> Iterator[Beat]:
        silent = self._decoder.silent if self._decoder.silent > SILENT else 0
        declared = max(self._decoder.video.duration_us or 0, seen_us + silent * (self._decoder.clock.step_us or 0))
        cut = declared - end_us > 1_000_000
        broken = self._decoder.broke or cut
        yield from self._timeline.end(max(end_us, declared) if broken else end_us, broken=broken)

    def _nothing(self) -> MediaError:
        if useless := self._decoder.clock.useless:
            return MediaError(
                f"{useless}, so no time can be given to what is seen",
                field=self._path,
                remedy="put it into a container with the camera's frame rate: `ffmpeg -r RATE -i FILE -c copy out.mkv`",
            )
        return MediaError(
            "not one picture could be decoded from it", field=self._path, remedy="play it in a video player; export or copy it again"
        )


def log_remarks(source: object) -> None:
    """Into the log, of a file that plays as a camera: that its timestamps could not be followed. Nobody reads `notes` there."""
    if isinstance(source, FileSource) and source.unsteady:
        log.warning("a file's timestamps can't be followed: some pictures were timed by the rate", source=source.source)
