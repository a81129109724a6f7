"""A file as a live camera: its frames and beats come when their time has come on the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from wince.clock import Clock
from wince.domain.frame import US, Beat, Frame
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.file import log_remarks
from wince.pipeline.capture.interface import Source


class PacedSource:
    """Gives what `open_file(origin_us)` gives, in its own time (port `wince.pipeline.capture.interface.Source`).

    `origin_us` is the next whole second. A slow taker gets everything later; nothing is dropped here.
    """

    def __init__(self, open_file: Callable[[int], Source], *, clock: Clock = wall_us) -> None:
        """open_file: opens the file with media time 0 at this moment, microseconds UTC; raises as it does."""
        self._clock = clock
        self._inner = open_file(-(-clock() // US) * US)
        self.source = self._inner.source
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats as they fall due; can be iterated once."""
        for message in self._inner:
            while (wait_us := message.time_us - self._clock()) > 0:
                if self._closed.wait(min(wait_us / US, 1.0)):
                    return
            if self._closed.is_set():
                return
            yield message
        log_remarks(self._inner)

    def close(self) -> None:
        """See Source.close."""
        self._closed.set()
        self._inner.close()
