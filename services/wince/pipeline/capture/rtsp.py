"""A network camera as a source: RTSP over TCP or UDP, MPEG-TS over UDP, TCP or HTTP; read through FFmpeg (PyAV).

One thread per camera connects, decodes and samples; a camera that fails, stalls or floods concerns no other. Whatever happens, the beats
go on (`live.py`). A connection that fails, ends, or gives no whole picture for `stall_s` is made again, after a wait that doubles and is
jittered; a refused login waits a minute at least, since cameras lock accounts.

FFmpeg's own error texts hold the address with its login: they go nowhere, errors are told by kind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from wince.backoff import Backoff
from wince.clock import Clock
from wince.domain.camera import CameraState
from wince.domain.frame import US, Beat, Frame
from wince.errors import ConfigError, WinceError
from wince.pipeline.capture import address
from wince.pipeline.capture.arrival import Arrival
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.h264 import annex_b
from wince.pipeline.capture.healing import Healing
from wince.pipeline.capture.live import LiveSource
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.picture import Aspects, Converter
from wince.pipeline.capture.trust import Trust
from wince.telemetry import logs

log = logs.get(__name__)

_WHITELIST = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "udp": "udp",
    "tcp": "tcp",
    "http": "http,tcp",
    "https": "https,tls,tcp",
}
"""What FFmpeg may open in turn: an address can't lead it to a file or a playlist."""


class Failure(StrEnum):
    """Why a connection is over; the label of its counter."""

    UNREACHABLE = "unreachable"
    """Nobody answers at that address and port."""
    TIMEOUT = "timeout"
    """No answer, or no data, in time."""
    LOGIN = "login"
    """User name or password refused, or the login can't be read."""
    CERTIFICATE = "certificate"
    """Its certificate is not of whom we believe, not of its name, or out of date; or what we believe can't be read."""
    NOT_FOUND = "not_found"
    """The camera knows no such path."""
    NOT_VIDEO = "not_video"
    """What came is no video that can be decoded."""
    STALLED = "stalled"
    """Data came, but no whole picture."""
    ENDED = "ended"
    """The camera ended the stream."""
    OTHER = "other"
    """Anything else that FFmpeg says."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts and waits of one camera, seconds."""

    open_s: float = 10.0
    """To connect and learn what the stream holds."""
    read_s: float = 5.0
    """Without a byte."""
    stall_s: float = 5.0
    """Without a whole picture."""
    first_s: float = 0.5
    """The first wait before a new attempt; it doubles, each time shortened by up to a half at random."""
    longest_s: float = 30.0
    """The longest wait."""
    login_s: float = 60.0
    """The shortest wait after a refused login."""


class _Stalled(Exception):
    """The watchdog: no whole picture for too long."""


class StreamSource(LiveSource):
    """Frames and beats of one network camera (port `wince.pipeline.capture.interface.Source`).

    Its thread starts with the first message that is asked for. Never raises for what a camera does; a setting that is wrong raises
    ConfigError on construction.
    """

    def __init__(
        self,
        source: str,
        uri: str,
        *,
        rate_hz: float,
        transport: Literal["tcp", "udp"] = "tcp",
        login: address.Login | None = None,
        trust: Trust | None = None,
        rotation: int = 0,
        limits: MediaLimits | None = None,
        patience: Patience | None = None,
        clock: Clock = wall_us,
        **queue: Any,
    ) -> None:
        """uri: without user name and password. transport: of RTSP. trust: of a camera with TLS. queue: see LiveSource."""
        super().__init__(source, rate_hz=rate_hz, clock=clock, **queue)
        self._trust = trust or Trust()
        self._trust.check(uri, f"cameras.{source}.url")
        self._uri, self._transport, self._login = address.check(uri), transport, login or address.Login()
        self._field = f"cameras.{source}"
        self._limits, self._patience = limits or MediaLimits(), patience or Patience()
        self._converter = Converter(rotation, self._limits.working_side)
        self._over = threading.Event()
        self._arrival = Arrival()
        self._thread = threading.Thread(target=self._received, name=f"camera-{source[:16]}", daemon=True)
        self._started = False

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Connects, then gives frames and beats; can be iterated once."""
        if not self._started:
            self._started = True
            self._thread.start()
        return super().__iter__()

    def close(self) -> None:
        """See LiveSource.close; the connection is released by its thread, at the latest after the read timeout."""
        self._over.set()
        super().close()

    def finish(self) -> None:
        """See LiveSource.finish."""
        self._over.set()
        super().finish()

    def join(self, timeout_s: float) -> bool:
        """Wait until the connection is released; whether it is."""
        if self._started:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _received(self) -> None:
        """A reader that dies of what nobody foresaw must not leave a camera that gives beats and nothing else."""
        try:
            self._read()
        except BaseException as error:
            log.error("a camera's reader ended", source=self.source, error=error)
            self.fail(error)

    def _read(self) -> None:
        attempt = 0
        while not self._over.is_set():
            before = self.counters.pictures
            self.counters.state = CameraState.CONNECTING
            failure = self._connection()
            if self._over.is_set():
                return
            attempt = 0 if self.counters.pictures > before else attempt + 1
            self.counters.failures[failure] += 1
            self.counters.failure = failure.value
            wait_s = _again(failure, self._patience).wait_s(attempt + 1)
            log.warning("camera lost, connecting again", source=self.source, reason=failure.value, attempt=attempt, wait_s=round(wait_s, 1))
            self.counters.state = CameraState.STALLED if failure is Failure.STALLED else CameraState.CONNECTING
            self._over.wait(wait_s)

    def _connection(self) -> Failure:
        """One connection from its begin to its end, whatever that is."""
        began_s, opened = time.monotonic(), False
        try:
            with self._open() as container:
                opened = True
                self._pictures(container)
            return Failure.ENDED
        except _Stalled:
            return Failure.STALLED
        except ConfigError as error:
            return Failure.CERTIFICATE if "ca_file" in error.field else Failure.LOGIN
        except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
            # A camera that took the connection and said nothing is "invalid data" to FFmpeg, once its patience is over.
            if not opened and time.monotonic() - began_s >= self._patience.open_s:
                return Failure.TIMEOUT
            kind = _kind(error)
            if not opened and kind is Failure.UNREACHABLE and self._trust.refuses(self._uri, self._field, self._patience.read_s):
                return Failure.CERTIFICATE
            return Failure.ENDED if opened and kind is Failure.UNREACHABLE else kind
        except (MemoryError, WinceError):
            return Failure.OTHER

    def _open(self) -> InputContainer:
        scheme = urlsplit(self._uri).scheme
        options = {
            "protocol_whitelist": _WHITELIST[scheme],
            "fflags": "nobuffer",
            "flags": "low_delay",
            "analyzeduration": str(US),
            "probesize": "500000",
            "fpsprobesize": "0",  # the rate is of no interest; learning it would cost 2 s at each connection
        }
        if scheme.startswith("rtsp"):
            options |= {"rtsp_transport": self._transport, "allowed_media_types": "video"}
        elif scheme == "udp":
            options |= {"overrun_nonfatal": "1", "fifo_size": "8192"}
        options |= self._trust.options(self._uri, self._field)
        return av.open(
            address.with_login(self._uri, self._login.read(self._field)),
            format=None if scheme.startswith("rtsp") else "mpegts",
            options=options,
            timeout=(self._patience.open_s, self._patience.read_s),
            metadata_errors="ignore",
        )

    def _pictures(self, container: InputContainer) -> None:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1  # with several threads damage is never marked
        numbers = annex_b(context)
        if context.name == "hevc":
            context.options = {"err_detect": "explode"}
        aspects = Aspects(stream)
        self._arrival = Arrival(self._arrival.last_us)
        begun = whole_us = self._clock()
        healing = Healing()
        for packet in container.demux(stream):
            now_us = self._clock()
            if self._over.is_set():
                return
            missing = numbers is not None and packet.size > 0 and numbers.lost(bytes(packet))
            if (missing or packet.is_corrupt) and not healing.hurt:
                self.damaged(now_us)
            healing.packet(packet, missing=missing, hurt=packet.is_corrupt)
            for frame in self._decoded(aspects, packet):
                if frame is None:
                    healing.undecodable()
                if frame is None or healing.damaged(frame) or frame.width * frame.height > self._limits.max_pixels:
                    self.damaged(now_us)
                    continue
                if whole_us == begun:
                    self.counters.connects += 1
                    self.counters.state, self.counters.failure = CameraState.RUNNING, ""
                whole_us = now_us
                self._sample(frame, stream, aspects, now_us)
            if now_us - whole_us > self._patience.stall_s * US:
                raise _Stalled

    def _decoded(self, aspects: Aspects, packet: Packet[VideoStream]) -> list[VideoFrame | None]:
        try:
            return [*aspects.decode(packet)]
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            return [None]

    def _sample(self, frame: VideoFrame, stream: VideoStream, aspects: Aspects, now_us: int) -> None:
        self.counters.pictures += 1
        tick = frame.time_base or stream.time_base or Fraction(1, US)
        time_us = self._arrival.time_us(None if frame.pts is None else int(frame.pts * tick * US), now_us)
        if not self.wants(time_us):
            return
        try:
            self.offer(time_us, self._converter.pixels(frame, aspects.of(frame)))
        except (av.error.FFmpegError, ValueError):  # a pixel format that can't be converted
            self.damaged(time_us)


def _again(failure: Failure, patience: Patience) -> Backoff:
    if failure is Failure.LOGIN:
        return Backoff(2 * patience.login_s, max(patience.longest_s, 2 * patience.login_s), jitter=0.5)
    return Backoff(patience.first_s, patience.longest_s, jitter=0.5)


def _kind(error: Exception) -> Failure:
    name = type(error).__name__
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError | PermissionError):
        return Failure.LOGIN
    if isinstance(error, av.error.HTTPNotFoundError):
        return Failure.NOT_FOUND
    if isinstance(error, av.error.ExitError | TimeoutError) or "Timeout" in name:
        return Failure.TIMEOUT
    if isinstance(error, av.error.EOFError):
        return Failure.ENDED
    if isinstance(error, av.error.InvalidDataError | ValueError | IndexError):
        return Failure.NOT_VIDEO
    if isinstance(error, OSError) and not name.startswith("HTTP"):
        return Failure.UNREACHABLE
    return Failure.OTHER
