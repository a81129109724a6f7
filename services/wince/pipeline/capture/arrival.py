"""When a live picture was taken, on our clock: arrival smoothed by the camera's presentation times. Pure.

A camera's clock has a rate that can be trusted for a minute and an origin that can't; the network only ever delays. So the smallest
(arrival - presentation) of the last minute is taken for what lies between the two clocks, and a picture's time is its presentation
time plus that: never after its arrival, free of jitter, following drift (100 ppm move it by 3 ms each half minute). What every picture
is delayed by (encoder, network, 50 to 300 ms) stays in it; it is the same for all.
"""

from __future__ import annotations

from wince.domain.frame import US

WINDOW_US = 30 * US
"""The least delay is sought in this window and the one before it."""
BEHIND_US = 3 * US
"""Further behind its arrival than this a picture is doubted."""
PATIENCE_US = 2 * US
"""What stays that far behind for so long is no backlog (a backlog comes in a burst) but another clock: begin again."""
CREEP_US = 2_000
"""Presentation times closer to each other than this, three in a row or more, say nothing: a clock that stands still."""
BACK_US = US // 2
"""Presentation times that step back by more are another clock, at once."""


class Arrival:
    """Maps the presentation times of one connection. Make a new one for a new connection, from `after_us` of the last."""

    def __init__(self, after_us: int = -1) -> None:
        self.last_us = after_us
        """The last time given; every later one is greater."""
        self._least: int | None = None
        self._before: int | None = None
        self._window_us = 0
        self._last_pts: int | None = None
        self._doubt_us: int | None = None
        self._stood = 0

    def time_us(self, pts_us: int | None, arrival_us: int) -> int:
        """Event time of a picture, microseconds UTC: at most its arrival unless times before it were already; strictly rising.

        `pts_us`: presentation time on the camera's clock, microseconds; None: the camera said none, its arrival it is.
        `arrival_us`: our clock when it came.
        """
        at = arrival_us if pts_us is None else self._mapped(pts_us, arrival_us)
        self.last_us = max(at, self.last_us + 1)
        return self.last_us

    def _mapped(self, pts_us: int, arrival_us: int) -> int:
        if self._last_pts is not None and pts_us < self._last_pts - BACK_US:
            self._anew()
        stands = self._last_pts is not None and 0 <= pts_us - self._last_pts < CREEP_US
        self._stood = self._stood + 1 if stands else 0
        self._last_pts = pts_us
        if self._stood >= 2:
            return arrival_us
        delay = arrival_us - pts_us
        if self._least is None or arrival_us - self._window_us >= WINDOW_US or arrival_us < self._window_us:
            self._before, self._least, self._window_us = self._least, delay, arrival_us
        self._least = min(self._least, delay)
        least = self._least if self._before is None else min(self._least, self._before)
        if delay - least <= BEHIND_US:
            self._doubt_us = None
            return pts_us + least
        if self._doubt_us is None:
            self._doubt_us = arrival_us
        if arrival_us - self._doubt_us >= PATIENCE_US:
            self._anew()
            return self._mapped(pts_us, arrival_us)
        return pts_us + least

    def _anew(self) -> None:
        self._least = self._before = self._doubt_us = self._last_pts = None
