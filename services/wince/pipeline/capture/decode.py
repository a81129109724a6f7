"""Decoding one video file in order of presentation, with damage told apart from pictures, and entry at any time.

Damage spreads: FFmpeg conceals a broken picture and predicts the next ones from it, unmarked. So from a damaged
picture on everything is withheld until the next key picture. HEVC is decoded with `explode`, else its decoder keeps
most damage to itself (measured on flipped bits: 207 wrong pictures of 1280 unmarked without, 174 of 1153 with;
H.264 13 of 962, MPEG-2 0 of 1289). A flipped bit that still decodes shows nowhere: no codec here has checksums.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from wince.domain.frame import US
from wince.pipeline.capture.media import MediaLimits, Video, open_video
from wince.pipeline.capture.picture import Aspects

_MARGINS_US = (1 * US, 10 * US, 60 * US)
"""How far before the wanted time an entry is tried; then the file is read from its start."""
_JUMP_US = 2 * US
"""A picture this much later than the one before is believed only when the next one confirms it: timestamps get damaged too."""
_LAG_US = 2 * US
"""Decoders give pictures later than they take packets (reordering); damage without a picture moves time on this much later."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What the decoder gave, or could not give, for one moment."""

    time_us: int
    """Media time of presentation, microseconds; negative for what lies before the start."""
    end_us: int
    """When the next picture is due."""
    frame: VideoFrame | None
    """None: the packet could not be decoded."""
    damaged: bool
    safe_us: int
    """No picture before this time will follow."""


class Decoder:
    """Pictures of one file. Not thread-safe; one picture is held at a time."""

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        self._path = path
        self._limits = limits
        self._video: Video = open_video(path, limits)
        self.aspects = Aspects(self._video.stream)
        self._start = self._video.start
        rate = self._video.stream.average_rate or self._video.stream.guessed_rate
        self._step_us = int(US / rate) if rate and 0 < rate <= 1000 else US // 25
        self._last_us = 0
        self.untimed = False
        """Pictures came without any timestamp."""
        self.broke = False
        """The file ended in an error rather than at its end."""

    @property
    def video(self) -> Video:
        """The open file."""
        return self._video

    def close(self) -> None:
        """Release the file. Idempotent; not while a picture is being decoded."""
        self._video.container.close()

    def pictures(self, from_us: int) -> Iterator[Picture]:
        """Pictures in order of presentation, from a key picture at or before `from_us` (media time) on.

        From there on they are the same, damage included, as in a run from the start of the file.
        """
        yield from self._steady(self._entered(from_us))

    def _steady(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """Take a lone timestamp in the far future for what it is: damage."""
        last_us = 0
        held: Picture | None = None
        for picture in pictures:
            if held is not None:
                if picture.time_us >= held.time_us:
                    yield held
                    last_us = held.time_us
                else:
                    yield replace(held, time_us=last_us, end_us=last_us, safe_us=last_us, frame=None, damaged=True)
                held = None
            if picture.frame is not None and picture.time_us > last_us + _JUMP_US:
                held = picture
                continue
            last_us = max(last_us, picture.safe_us)
            yield picture
        if held is not None:
            within = self._video.duration_us is not None and held.time_us <= self._video.duration_us
            yield held if within else replace(held, time_us=last_us, end_us=last_us, safe_us=last_us, frame=None, damaged=True)

    def _entered(self, from_us: int) -> Iterator[Picture]:
        if from_us <= 0 or self._start is None:
            yield from self._decode()
            return
        for margin in _MARGINS_US:
            target = from_us - margin
            if target <= 0 or not self._seek(target):
                break
            pictures = self._decode()
            for picture in pictures:
                if picture.time_us > from_us:
                    break
                if picture.frame is not None and picture.frame.key_frame and not picture.damaged:
                    yield from chain((picture,), pictures)
                    return
        self._video.container.close()
        self._video = open_video(self._path, self._limits)
        self.aspects = Aspects(self._video.stream)
        self.broke = False
        yield from self._decode()

    def _seek(self, media_us: int) -> bool:
        with suppress(av.error.FFmpegError):
            offset = (self._start or 0) + int(media_us / (self._video.tick * US))
            self._video.container.seek(offset, stream=self._video.stream)
            return True
        return False

    def _decode(self) -> Iterator[Picture]:
        packets = self._video.container.demux(self._video.stream)
        hurt = False
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.broke = True
                packet = None
            except IndexError:  # PyAV's end of a transport stream in which further streams appeared on the way
                packet = None
            if packet is None:
                yield from self._flush(hurt)
                return
            try:
                frames = self.aspects.decode(packet)
            except av.error.EOFError:
                continue
            except av.error.FFmpegError:
                hurt = True
                yield self._lost(packet)
                continue
            hurt = hurt or bool(packet.is_corrupt)
            for frame in frames:
                hurt = frame.is_corrupt or (hurt and not frame.key_frame)
                picture = self._picture(frame, hurt)
                if picture is not None:
                    yield picture

    def _flush(self, hurt: bool) -> Iterator[Picture]:
        """What the decoder still holds when the demuxer ended; nothing where it was flushed already."""
        with suppress(av.error.FFmpegError):
            for frame in self._video.stream.codec_context.decode(None):
                hurt = frame.is_corrupt or (hurt and not frame.key_frame)
                picture = self._picture(frame, hurt)
                if picture is not None:
                    yield picture

    def _picture(self, frame: VideoFrame, damaged: bool) -> Picture | None:
        if frame.pts is None:
            self.untimed = True
            return None
        if self._start is None:
            self._start = frame.pts
        time_us = self._media_us(frame.pts)
        self._last_us = max(self._last_us, time_us)
        length = self._us(frame.duration or 0) or self._step_us
        too_big = frame.width * frame.height > self._limits.max_pixels
        return Picture(time_us, time_us + length, frame, damaged or too_big, time_us)

    def _lost(self, packet: "Packet[VideoStream]") -> Picture:
        """A packet that could not be decoded: its time, if it says one."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        time_us = self._last_us if stamp is None or self._start is None else self._media_us(stamp)
        safe = time_us if packet.dts is None or self._start is None else self._media_us(packet.dts)
        return Picture(time_us, time_us, None, True, min(safe, time_us) - _LAG_US)

    def _media_us(self, stamp: int) -> int:
        return self._us(stamp - (self._start or 0))

    def _us(self, ticks: int) -> int:
        """Microseconds, exact, cut towards zero. By hand, because multiplying Fractions took a fiftieth of a picture's decoding."""
        tick = self._video.tick
        whole = abs(ticks) * tick.numerator * US // tick.denominator
        return whole if ticks >= 0 else -whole
