"""What capture has for detect and has no answer to yet: bounded, sent again after a broken stream, the oldest frame dropped first."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest
from wince.codec.capture import beat_to_message
from wince.codec.frame import frame_to_message
from wince.domain.frame import Beat, Frame

IN_FLIGHT = 16
"""Messages that may be sent without an answer."""
EXACT, EXACT_BYTES = 12, 3 << 20
"""So many frames may wait or be sent as they are, none larger than that; what is beyond goes as a JPEG, which is a twentieth."""
BEATS = 3600
"""Beats that are kept while detect is away; older ones go, and grade sees a gap."""


@dataclass(slots=True)
class _Item:
    request: DetectFacesRequest
    time_us: int
    beat: Beat | None


class Waiting:
    """One source's messages between the camera's thread and the stream's. Thread-safe."""

    def __init__(self, room: int, *, lossless: bool, exact: bool = False) -> None:
        """`room`: frames that may wait to be sent; beyond, `put` drops the oldest, or, where `lossless` (a file), waits.

        `exact`: detect is on this machine: a frame goes as it is, which costs less than a JPEG out and in, while detect keeps up."""
        self._room, self._lossless, self._exact = room, lossless, exact
        self._lock = threading.Condition()
        self._queue: deque[_Item] = deque()
        self._sent: deque[_Item] = deque()
        self._frames = 0
        self._owed = 0
        """Frames that were dropped and that no beat has told yet."""
        self._closed = False
        self._generation = 0
        self.dropped = 0
        """Frames dropped since the start."""

    def put(self, message: Frame | Beat, timeout_s: float = 1.0) -> bool:
        """Take a message; False where there was no room within `timeout_s` (lossless only): put it again."""
        with self._lock:
            if self._lossless and not self._lock.wait_for(self._has_room, timeout_s):
                return False
            exact = self._exact and len(self._queue) + len(self._sent) < EXACT
        item = _Item(_request(message, exact=exact), message.time_us, message if isinstance(message, Beat) else None)
        with self._lock:
            if item.beat is None:
                self._frames += 1
                if self._frames > self._room:
                    self._drop()
            elif self._owed:
                self._tell(item, self._owed)
                self._owed = 0
            self._queue.append(item)
            while len(self._queue) - self._frames > BEATS:
                self._queue.remove(next(one for one in self._queue if one.beat is not None))
            self._lock.notify_all()
            return True

    def _has_room(self) -> bool:
        full = len(self._queue) >= self._room or (self._exact and len(self._queue) + len(self._sent) >= EXACT)
        return self._closed or not full

    def begin(self) -> int:
        """A stream begins: what has no answer goes again, first. Its number; `take` of an earlier stream gives nothing more."""
        with self._lock:
            self._generation += 1
            self._frames += sum(item.beat is None for item in self._sent)
            self._queue.extendleft(reversed(self._sent))
            self._sent.clear()
            self._lock.notify_all()
            return self._generation

    def take(self, generation: int) -> DetectFacesRequest | None:
        """The next to send; blocks. None: the stream is to end (nothing more comes, or another stream has begun)."""
        with self._lock:
            self._lock.wait_for(
                lambda: (
                    generation != self._generation
                    or (bool(self._queue) and len(self._sent) < IN_FLIGHT)
                    or (self._closed and not self._queue)
                )
            )
            if generation != self._generation or not self._queue:
                return None
            item = self._queue.popleft()
            self._frames -= item.beat is None
            self._sent.append(item)
            self._lock.notify_all()
            return item.request

    def answered(self) -> None:
        """The oldest that was sent has its answer."""
        with self._lock:
            if self._sent:
                self._sent.popleft()
            self._lock.notify_all()

    def end_stream(self) -> None:
        """The stream shall take nothing more: it is old, or detect drains."""
        with self._lock:
            self._generation += 1
            self._lock.notify_all()

    def close(self) -> None:
        """Nothing more is put."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    def done(self) -> bool:
        """Closed, and everything has its answer."""
        with self._lock:
            return self._closed and not self._queue and not self._sent

    def unanswered(self) -> int:
        """Messages that were sent and have no answer."""
        with self._lock:
            return len(self._sent)

    def _drop(self) -> None:
        for index, item in enumerate(self._queue):
            if item.beat is None:
                del self._queue[index]
                self._frames -= 1
                self.dropped += 1
                told = next((one for one in list(self._queue)[index:] if one.beat is not None), None)
                if told is None:
                    self._owed += 1
                else:
                    self._tell(told, 1)
                return

    @staticmethod
    def _tell(item: _Item, lost: int) -> None:
        """The beat says that these frames were dropped instead of sent."""
        assert item.beat is not None
        lost_here = min(lost, item.beat.frames)
        item.beat = replace(item.beat, frames=item.beat.frames - lost_here, dropped=item.beat.dropped + lost)
        item.request = _request(item.beat)


def _request(message: Frame | Beat, *, exact: bool = False) -> DetectFacesRequest:
    if isinstance(message, Beat):
        return DetectFacesRequest(beat=beat_to_message(message))
    return DetectFacesRequest(frame=frame_to_message(message, exact=exact and message.pixels.nbytes <= EXACT_BYTES))
