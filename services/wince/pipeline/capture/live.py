"""A live camera as a source: a bounded queue between the receiver of pictures and their taker, and a beat a second whatever
happens.

The receiving side (a reader thread, a gRPC stream) never waits: where the queue is full the oldest frame goes, counted. The taking
side gets frames and beats in order of time. Frames are numbered by the grid over all time (point k lies at k / rate seconds since
1970), so that a restarted or taken over camera goes on with numbers that rise. A second is spoken for `grace_us` after its end; what
comes later than that can't be given any more and is counted as dropped. A picture that stands still is withheld (`standstill.py`).
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wince.clock import Clock
from wince.domain.camera import CameraState
from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.parts import cause
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.standstill import Standstill
from wince.pipeline.capture.timeline import Grid, Timeline
from wince.telemetry import logs

log = logs.get(__name__)

FROZEN = "frozen"
"""Kind of failure: the camera's picture stands still."""
CAPACITY = 15
"""Frames that may wait: three seconds at 5 a second; what is older would be late anyhow."""
GRACE_US = US // 2
"""How long after its end a second is spoken for: what jitter, decoding and hand-over may take."""


@dataclass(slots=True)
class Counters:
    """What one camera did since it was started here. Written by its threads, readable by any at any time."""

    source: str
    pictures: int = 0
    """Received and decoded, before sampling."""
    frames: int = 0
    """Handed on."""
    dropped: int = 0
    """Overload: pushed out of the queue by newer ones."""
    late: int = 0
    """Came after their second was spoken for."""
    corrupt: int = 0
    """Pictures withheld as damaged, or lost on the way here."""
    connects: int = 0
    """Connections that gave at least one picture."""
    failures: Counter[str] = field(default_factory=Counter)
    """Connections that failed or ended, by kind."""
    failure: str = ""
    """The last of these; empty while frames come."""
    queued: int = 0
    """Frames that wait now."""
    last_us: int = 0
    """Event time of the last frame handed on, microseconds UTC; 0: none yet."""
    state: CameraState = CameraState.CONNECTING


class LiveSource:
    """The taking side is `for message in source`; the receiving side calls `wants`, `offer`, `damaged`, `finish`.

    `owned`: asked before each message; once it says no, nothing more is given (another replica may read the camera now).
    """

    def __init__(
        self,
        source: str,
        *,
        rate_hz: float,
        clock: Clock = wall_us,
        capacity: int = CAPACITY,
        grace_us: int = GRACE_US,
        owned: Callable[[], bool] = lambda: True,
        from_us: int | None = None,
        silent: Reason = Reason.NO_FRAME,
    ) -> None:
        """rate_hz: samples a second, above 0, at most 100. capacity: frames that may wait, at least 1. from_us: beats begin with
        the second of this moment (None: now), event time. silent: the reason of a second in which nothing came."""
        self.source = source
        self.counters = Counters(source)
        self._clock, self._capacity, self._grace_us, self._owned = clock, capacity, grace_us, owned
        self._grid = Grid(rate_hz)
        self._timeline = Timeline(source, self._grid, from_us=clock() if from_us is None else from_us, silent=silent)
        self._changed = threading.Condition()  # reentrant
        self._frames: deque[tuple[int, Frame]] = deque()
        self._damaged: deque[int] = deque(maxlen=16 * capacity)
        self._dropped = 0
        self._point = -1
        self._standstill = Standstill()
        self._closed = self._finished = False
        self._error: BaseException | None = None

    @property
    def closed(self) -> bool:
        """Nothing more is taken in."""
        return self._closed or self._finished

    def wants(self, time_us: int) -> bool:
        """Is a sample still missing where a picture of this time lies? Asked before the work of converting it."""
        return self._grid.point(time_us) > self._point

    def offer(self, time_us: int, pixels: NDArray[np.uint8], sequence: int | None = None) -> None:
        """Take a sample in; never blocks. `time_us` rises from call to call. `sequence` None: its grid point."""
        point = self._grid.point(time_us)
        with self._changed:
            if self.closed or point <= self._point:
                return
            self._point = point
            if self._withheld(time_us, pixels):
                return
            at = max(time_us, self._grid.time_us(point))
            self._frames.append((point, Frame(self.source, point if sequence is None else sequence, at, pixels)))
            if len(self._frames) > self._capacity:
                self._frames.popleft()
                self._dropped += 1
                self.counters.dropped += 1
            self.counters.queued = len(self._frames)
            self._changed.notify()

    def _withheld(self, time_us: int, pixels: NDArray[np.uint8]) -> bool:
        """Whether the picture stands still; its begin and its end are told once each."""
        frozen = self._standstill.frozen(time_us, pixels)
        if frozen and self.counters.failure != FROZEN:
            self.counters.failure = FROZEN
            self.counters.failures[FROZEN] += 1
            log.warning("a camera's picture stands still and is withheld", source=self.source, reason=FROZEN)
        elif not frozen and self.counters.failure == FROZEN:
            self.counters.failure = ""
            log.warning("a camera's picture moves again", source=self.source)
        return frozen

    def damaged(self, time_us: int) -> None:
        """A picture of that time was damaged, or is known to be missing."""
        self.counters.corrupt += 1
        with self._changed:
            if not self._damaged or self._grid.point(self._damaged[-1]) != self._grid.point(time_us):
                self._damaged.append(time_us)

    def finish(self) -> None:
        """Stopped by request: what waits is still given, then a beat with `ended`."""
        with self._changed:
            self._finished = True
            self._changed.notify()

    def fail(self, error: BaseException) -> None:
        """The receiving side has ended for good: the taker gets this error, as the cause of a WinceError."""
        with self._changed:
            self._error = error
            self._changed.notify()

    def close(self) -> None:
        """End at once, without a last beat: somebody else goes on with this camera, or this process ends. Idempotent."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self.counters.queued = 0
            self._changed.notify()

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time, until closed or finished; can be iterated once. Raises WinceError where the receiving side
        has ended for good: see `fail`."""
        try:
            for message in self._messages():
                if self._closed or not self._owned():
                    return
                yield message
        finally:
            self.close()
            self.counters.state = CameraState.STOPPED

    def _messages(self) -> Iterator[Frame | Beat]:
        while not self._closed:
            if self._error is not None:
                raise cause("a camera's reader", self._error)
            entry = self._take()
            if entry is not None:
                yield from self._given(*entry)
            elif self._finished:
                yield from self._timeline.end(max(self._clock(), self._timeline.spoken_us), broken=False)
                return
            else:
                yield from self._timeline.until(self._clock() - self._grace_us)

    def _given(self, point: int, frame: Frame) -> Iterator[Frame | Beat]:
        if frame.time_us < self._timeline.spoken_us:
            self._timeline.shed(1)
            self.counters.late += 1
            return
        yield from self._timeline.until(frame.time_us)
        self._timeline.frame(point)
        self.counters.frames += 1
        self.counters.last_us = frame.time_us
        yield frame

    def _take(self) -> tuple[int, Frame] | None:
        """The next frame, or None when a beat is due. What was dropped or damaged before it is entered on the timeline."""
        with self._changed:
            due_us = self._timeline.spoken_us + US + self._grace_us - self._clock()
            if not self._frames and not self.closed and self._error is None and due_us > 0:
                self._changed.wait(min(due_us / US, 1.0))
            entry = self._frames.popleft() if self._frames else None
            self.counters.queued = len(self._frames)
            dropped, self._dropped = self._dropped, 0
            until_us = self._clock() if entry is None else entry[1].time_us
            while self._damaged and self._damaged[0] <= until_us:
                self._timeline.damaged(self._damaged.popleft())
        if dropped:
            self._timeline.shed(dropped)
        return entry
