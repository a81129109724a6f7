"""A camera whose pictures are pushed: by `wince push`, or by a foreign client over gRPC (port `FrameSink`)."""

from __future__ import annotations

import threading
from typing import Any

from wince.domain.camera import CameraState
from wince.domain.frame import US, Frame
from wince.errors import MessageError
from wince.pipeline.capture.interface import CameraTaken
from wince.pipeline.capture.live import LiveSource

PAST_US = 60 * US
FUTURE_US = 2 * US
GRACE_US = 2 * US
"""A second is spoken for that long after its end: clocks of two machines differ, and the network holds frames up."""


class PushSource(LiveSource):
    """Frames and beats of one pushed camera (port `wince.pipeline.capture.interface.Source`). Its beats go on while nobody pushes."""

    def __init__(self, source: str, *, rate_hz: float, **queue: Any) -> None:
        """rate_hz: frames a second that are taken at most. queue: see LiveSource."""
        super().__init__(source, rate_hz=rate_hz, **{"grace_us": GRACE_US, **queue})
        self._pushing = threading.Lock()
        self._last_us = -1
        self.counters.state = CameraState.STALLED

    def open(self) -> PushSession:
        """Begin to push. Raises CameraTaken where somebody pushes it already, or it was stopped."""
        if self.closed:
            raise _gone(self.source)
        if not self._pushing.acquire(blocking=False):
            raise CameraTaken("another client pushes this camera", field="source", remedy="one client at a time; end the other, or wait")
        self.counters.connects += 1
        self.counters.state = CameraState.RUNNING
        return PushSession(self)

    def ended(self) -> None:
        """The session is over; the next may begin."""
        if self.counters.state is CameraState.RUNNING:
            self.counters.state = CameraState.STALLED
        self._pushing.release()

    def accept(self, frame: Frame) -> int | None:
        """Take a frame in; how many frames that pushed out of the queue. None: it was not taken, since its time is over. Its second was
        spoken for, or an earlier session, whose clock was ahead of this one's, gave a frame of that time or later.
        """
        with self._changed:
            before = self.counters.dropped
            if frame.time_us < self._timeline.spoken_us or frame.time_us <= self._last_us:
                self.counters.late += 1
                self._dropped += 1
                return None
            self._last_us = frame.time_us
            self.counters.pictures += 1
            self.offer(frame.time_us, frame.pixels, frame.sequence)
            return self.counters.dropped - before

    def now_us(self) -> int:
        """The clock that pushed times are held against, microseconds UTC."""
        return self._clock()

    def owned(self) -> bool:
        """Whether this replica still reads the camera."""
        return not self.closed and self._owned()


class PushSession:
    """One client's push (port `wince.pipeline.capture.interface.Push`)."""

    def __init__(self, camera: PushSource) -> None:
        self._camera = camera
        self._last: Frame | None = None
        self._open = True
        self.accepted = 0
        """Frames taken since the push began, with those that the sampling rate had no use for."""
        self.dropped = 0
        """Frames dropped since the push began: taken, but pushed out of a full queue by newer ones, or not taken as their time was over."""

    def push(self, frame: Frame) -> None:
        """See Push.push."""
        camera, last = self._camera, self._last
        if not self._open or not camera.owned():
            raise _gone(camera.source)
        if frame.source != camera.source:
            raise MessageError("the source changes within the stream", field="source", remedy="one stream for each camera")
        if last is not None and frame.sequence <= last.sequence:
            raise MessageError("does not rise", field="sequence", remedy="number frames upwards")
        if last is not None and frame.time_us <= last.time_us:
            raise MessageError("does not rise", field="time_us", remedy="send frames in order of time, each once")
        now_us = camera.now_us()
        if not now_us - PAST_US <= frame.time_us <= now_us + FUTURE_US:
            raise MessageError("is not the present", field="time_us", remedy="microseconds UTC; keep the sender's clock by NTP")
        self._last = Frame(frame.source, frame.sequence, frame.time_us, frame.pixels[:0])
        pushed_out = camera.accept(frame)
        self.accepted += pushed_out is not None
        self.dropped += 1 if pushed_out is None else pushed_out

    def close(self) -> None:
        """See Push.close."""
        if self._open:
            self._open = False
            self._camera.ended()


def _gone(source: str) -> CameraTaken:
    return CameraTaken("this camera was stopped here", field="source", remedy="push to the replica that owns it now")
