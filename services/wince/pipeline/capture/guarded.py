"""A clip of which nothing is looked at while its patient must not be watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.capture.file import log_remarks


class Clip(Protocol):
    """A source that can be opened again from any moment, and knows its end."""

    source: str

    @property
    def end_us(self) -> int:
        """Event time at which it is over, microseconds. May read the whole file."""
        ...

    def __iter__(self) -> Iterator[Frame | Beat]: ...

    def close(self) -> None:
        """See Source.close."""
        ...


class GuardedClip:
    """Gives what a clip gives, and beats with a reason for the seconds in which `why_not(time_us)` names one: those are not decoded
    (port `wince.pipeline.capture.interface.Source`). It is asked once a second."""

    def __init__(self, open_clip: Callable[[int], Clip], why_not: Callable[[int], Reason | None], *, origin_us: int, from_us: int) -> None:
        """open_clip: opens the clip to be given from this moment on, event time; raises as it does, here for the first time."""
        self._open, self._why_not, self._origin_us = open_clip, why_not, origin_us
        self._at_us = max(origin_us, from_us)
        self._clip = open_clip(self._at_us)
        self.source = self._clip.source
        self._closed = False

    def close(self) -> None:
        """See Source.close."""
        self._closed = True
        self._clip.close()

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time; can be iterated once."""
        while not self._closed:
            if (reason := self._why_not(self._at_us)) is None:
                for message in self._clip:
                    yield message
                    if isinstance(message, Beat):
                        self._at_us = message.time_us
                        if message.ended:
                            log_remarks(self._clip)
                            return
                        if self._why_not(self._at_us) is not None:
                            break
                else:
                    return
            else:
                self._clip.close()
                yield from self._unseen(reason)
                if self._at_us >= self._clip.end_us or self._closed:
                    return
                self._clip = self._open(self._at_us)

    def _unseen(self, reason: Reason | None) -> Iterator[Beat]:
        """Beats until it may be looked at again, or the clip is over."""
        while reason is not None and not self._closed:
            second = (self._at_us - self._origin_us) // US + 1
            self._at_us = self._origin_us + second * US
            ended = self._at_us >= self._clip.end_us
            yield Beat(self.source, min(self._at_us, max(self._clip.end_us, self._at_us - US + 1)), 0, 0, 0, reason, ended)
            if ended:
                return
            reason = self._why_not(self._at_us)
