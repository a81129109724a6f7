"""When a nurse is asked: a conflict or an uncertainty that lasts, once per stretch; and a long stretch without a grade.

A stretch of a reason begins with its first frame and ends when N frames in a row (the debounce) don't have it, or none come.
"""

from __future__ import annotations

from dataclasses import dataclass

from wince.domain.reason import Reason

ASKED = (Reason.CONFLICT, Reason.UNCERTAIN)
"""What a single frame may ask about."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """State of one reason."""

    since_us: int | None = None
    """First frame; None: no stretch runs."""
    others: int = 0
    """Frames in a row without it."""
    asked: bool = False
    """The stretch was asked about."""
    last_us: int | None = None
    """When this reason was last asked about."""

    def due(self, now_us: int, after_us: int, repeat_us: int) -> bool:
        """Whether to ask now."""
        if self.asked or self.since_us is None or now_us - self.since_us < after_us:
            return False
        return self.last_us is None or now_us - self.last_us >= repeat_us

    def ended(self) -> Stretch:
        """The stretch is over; that it was asked about is remembered."""
        return Stretch(last_us=self.last_us)

    def begun(self, at_us: int) -> Stretch:
        """With a frame (or window) at `at_us` that has the reason."""
        return Stretch(at_us if self.since_us is None else self.since_us, 0, self.asked, self.last_us)

    def put(self, now_us: int) -> Stretch:
        """Asked."""
        return Stretch(self.since_us, 0, True, now_us)

    def passed(self, frames: int) -> Stretch:
        """With a frame that doesn't have the reason; `frames`: N of the debounce."""
        if self.since_us is None:
            return self
        return self.ended() if self.others + 1 >= frames else Stretch(self.since_us, self.others + 1, self.asked, self.last_us)
