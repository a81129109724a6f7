"""What a camera gives: when its last frame was, how many come, and why none came. Every kind of source is looked at in the same place."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from wince.domain.camera import CameraActivity
from wince.domain.frame import Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.capture.interface import Source

SECONDS = 10
"""The rate is a mean over so many beats."""


class ActivityMeter:
    """A source as its runner takes it (port `interface.Source`), with an account of what was taken."""

    def __init__(self, inner: Source, *, failure: Callable[[], str] = lambda: "", steady: Callable[[], float] = time.monotonic) -> None:
        """failure: how the last attempt to connect failed, empty while frames come. steady: seconds of a clock that never steps."""
        self.source = inner.source
        self._inner, self._failure, self._steady = inner, failure, steady
        self._frames = 0
        self._last_s: float | None = None
        self._rates: deque[int] = deque(maxlen=SECONDS)
        self._reason: Reason | None = None

    def __iter__(self) -> Iterator[Frame | Beat]:
        """What the source gives."""
        for message in self._inner:
            if isinstance(message, Frame):
                self._frames += 1
                self._last_s = self._steady()
            else:
                self._rates.append(message.frames)
                self._reason = message.reason
            yield message

    def close(self) -> None:
        """See Source.close."""
        self._inner.close()

    def activity(self) -> CameraActivity:
        """The account as it is now. Any thread may ask."""
        rates, last_s = list(self._rates), self._last_s
        age_us = None if last_s is None else max(0, round(1e6 * (self._steady() - last_s)))
        return CameraActivity(self._frames, age_us, sum(rates) / len(rates) if rates else 0.0, self._reason, self._failure())
