"""Decoding one video file in order of presentation, with damage told apart from pictures, and entry at any time.

Damage spreads: FFmpeg conceals a broken picture and predicts the next ones from it, unmarked. So from a damaged
picture on everything is withheld until the next key picture. HEVC is decoded with `explode`, else its decoder keeps
most damage to itself (measured on flipped bits: 207 wrong pictures of 1280 unmarked without, 174 of 1153 with;
H.264 13 of 962, MPEG-2 0 of 1289). Of H.264 in a transport stream,
pictures that never came are known by their numbers. A flipped bit that still decodes shows nowhere: no codec here has checksums.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from wince.domain.frame import US
from wince.pipeline.capture.h264 import annex_b
from wince.pipeline.capture.healing import Healing
from wince.pipeline.capture.media import MediaLimits, Video, open_video
from wince.pipeline.capture.picture import Aspects
from wince.pipeline.capture.stamps import Clock, Placed, Stamped
from wince.pipeline.capture.survey import Survey, survey

_MARGINS_US = (1 * US, 10 * US, 60 * US)
"""How far before the wanted time an entry is tried; then the file is read from its start."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What the decoder gave, or could not give, for one moment."""

    time_us: int
    """Media time of presentation, microseconds; negative for what lies before the start."""
    end_us: int
    """When the next picture is due."""
    frame: VideoFrame | None
    """None: the packet could not be decoded, or its time is not known."""
    damaged: bool
    safe_us: int
    """No picture before this time will follow."""


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """What a packet gave."""

    frame: VideoFrame | None = None
    length_us: int = 0
    damaged: bool = True


class Decoder:
    """Pictures of one file. Not thread-safe; one picture is held at a time, and one more whose time is in doubt."""

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        self._path = path
        self._limits = limits
        self._video: Video = open_video(path, limits)
        self.aspects = Aspects(self._video.stream)
        self._start = self._video.start
        self.clock = self._new_clock()
        """Places the pictures in time, and knows what was wrong with their timestamps."""
        self._survey: Survey | None = None
        self._counted: int | None = None
        self._ticks = 1
        self.silent = 0
        """Packets at the end of the file that gave no picture."""
        self.broke = False
        """The file ended in an error rather than at its end."""

    def _new_clock(self) -> Clock[_Decoded]:
        return Clock(self._video.rate, end_us=self._video.duration_us)

    @property
    def video(self) -> Video:
        """The open file."""
        return self._video

    def survey(self) -> Survey:
        """What the file's packets say, read without decoding them; the first call reads the whole file. Raises as `open_video`."""
        if self._survey is None:
            self._survey = survey(self._path, self._limits)
        return self._survey

    def close(self) -> None:
        """Release the file. Idempotent; not while a picture is being decoded."""
        self._video.container.close()

    def pictures(self, from_us: int) -> Iterator[Picture]:
        """Pictures in order of presentation, from a key picture at or before `from_us` (media time) on.

        From there on they are the same, damage included, as in a run from the start of the file.
        """
        for placed in self.clock.placed(self._entered(from_us)):
            yield self._picture(placed)

    def _picture(self, placed: Placed[_Decoded]) -> Picture:
        decoded, time_us = placed.item, placed.time_us
        if not placed.believed or decoded.frame is None:
            return Picture(time_us, time_us, None, True, placed.safe_us)
        step_us = self.clock.step_us or US // 25
        length_us = min(decoded.length_us or step_us, self.clock.longest_us or decoded.length_us or step_us)
        return Picture(time_us, time_us + length_us, decoded.frame, decoded.damaged, placed.safe_us)

    def _entered(self, from_us: int) -> Iterator[Stamped[_Decoded]]:
        if from_us <= 0 or self._start is None or not self._followed(from_us):
            yield from self._decode()
            return
        for margin in _MARGINS_US:
            target = from_us - margin
            if target <= 0 or not self._seek(target):
                break
            pictures = self._decode()
            for one in pictures:
                if one.stamp_us is not None and one.stamp_us > from_us:
                    break
                if one.item.frame is not None and one.item.frame.key_frame and not one.item.damaged:
                    yield from chain((one,), pictures)
                    return
        self._video.container.close()
        self._video = open_video(self._path, self._limits)
        self.aspects = Aspects(self._video.stream)
        self.broke = False
        yield from self._decode()

    def _followed(self, until_us: int) -> bool:
        """Whether timestamps are media time up to there; else a picture can't be found by them."""
        return self._video.indexed_us is not None or self.survey().followed(until_us)

    def _seek(self, media_us: int) -> bool:
        with suppress(av.error.FFmpegError):
            offset = (self._start or 0) + int(media_us / (self._video.tick * US))
            self._video.container.seek(offset, stream=self._video.stream)
            return True
        return False

    def _decode(self) -> Iterator[Stamped[_Decoded]]:
        packets = self._video.container.demux(self._video.stream)
        numbers = annex_b(self._video.stream.codec_context)
        healing = Healing()
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.broke = True
                packet = None
            except IndexError:  # PyAV's end of a transport stream in which further streams appeared on the way
                packet = None
            if packet is None:
                yield from self._flush(healing)
                return
            missing = numbers is not None and packet.size > 0 and numbers.lost(bytes(packet))  # every packet, or it loses count
            healing.packet(packet, missing=missing, hurt=packet.is_corrupt)
            try:
                frames = self.aspects.decode(packet)
            except av.error.EOFError:
                continue
            except av.error.FFmpegError:
                healing.undecodable()
                self.silent += 1
                yield self._lost(packet)
                continue
            self.silent = 0 if frames else self.silent + bool(packet.size)
            for frame in frames:
                yield self._stamped(frame, healing.damaged(frame))

    def _flush(self, healing: Healing) -> Iterator[Stamped[_Decoded]]:
        """What the decoder still holds when the demuxer ended; nothing where it was flushed already."""
        with suppress(av.error.FFmpegError):
            for frame in self._video.stream.codec_context.decode(None):
                self.silent = max(0, self.silent - 1)
                yield self._stamped(frame, healing.damaged(frame))

    def _stamped(self, frame: VideoFrame, damaged: bool) -> Stamped[_Decoded]:
        stamp = self._stamp(frame)
        if self._start is None:
            self._start = stamp
        too_big = frame.width * frame.height > self._limits.max_pixels
        decoded = _Decoded(frame, self._us(frame.duration or 0), damaged or too_big)
        return Stamped(None if stamp is None else self._media_us(stamp), decoded)

    def _stamp(self, frame: VideoFrame) -> int | None:
        """When it is shown, ticks. Where the file doesn't say it, pictures come out in order, each beside a packet: that one's place. The
        last come without a packet."""
        if self._video.presents:
            return frame.pts
        last = self._counted
        if frame.dts is not None:
            self._counted = frame.dts
            self._ticks = frame.dts - (frame.dts - 1 if last is None else last)
        elif last is not None:
            self._counted = last + self._ticks
        return self._counted

    def _lost(self, packet: "Packet[VideoStream]") -> Stamped[_Decoded]:
        """A packet that could not be decoded: its time, if it says one."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        at = None if stamp is None or self._start is None else self._media_us(stamp)
        safe = None if packet.dts is None or self._start is None else self._media_us(packet.dts)
        return Stamped(at, _Decoded(), lost=True, safe_us=safe)

    def _media_us(self, stamp: int) -> int:
        return self._us(stamp - (self._start or 0))

    def _us(self, ticks: int) -> int:
        """Microseconds, exact, cut towards zero. By hand, because multiplying Fractions took a fiftieth of a picture's decoding."""
        tick = self._video.tick
        whole = abs(ticks) * tick.numerator * US // tick.denominator
        return whole if ticks >= 0 else -whole
