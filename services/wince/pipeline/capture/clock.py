"""The clock of live cameras: the wall's, but it never goes back, never stands, and follows a leap ahead only when it lasts.

A host whose clock is set back by an hour would else give no beat for an hour, and every frame would be late. One whose clock is a day ahead
for a moment would close every window of that day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wince import clock
from wince.clock import Clock
from wince.domain.frame import US

CATCH_UP = 0.1
"""Ahead of the wall's clock, this one runs slower by this share until they agree."""
LEAP_US = 2 * US
"""Further ahead than this, the wall's clock has leapt, and is not followed at once."""
HOLD_US = 60 * US
"""For how long a leap must last until it is followed."""


class SteadyWall:
    """Microseconds UTC, rising. Thread-safe. A wall clock that is set forward is followed when it stayed so for HOLD_US."""

    def __init__(
        self,
        wall_us: Clock = clock.wall_us,
        steady_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000,
    ) -> None:
        """wall_us: may be set. steady_us: counts from anywhere, is never set."""
        self._wall_us, self._steady_us = wall_us, steady_us
        self._lock = threading.Lock()
        self._now_us, self._looked_us = wall_us(), steady_us()
        self._leap: tuple[int, int] | None = None
        """Since when, by the steady clock, the wall's is ahead, and by how much."""

    def __call__(self) -> int:
        """Now."""
        with self._lock:
            steady, wall = self._steady_us(), self._wall_us()
            passed = max(0, steady - self._looked_us)
            self._looked_us = steady
            ahead = self._now_us + passed - wall
            slower = min(ahead, int(passed * CATCH_UP)) if ahead > 0 else ahead
            if not self._believed(-ahead, steady):
                slower = 0
            self._now_us += passed - slower
            return self._now_us

    def _believed(self, leap_us: int, steady_us: int) -> bool:
        """Whether the wall's clock, `leap_us` ahead of this one, is followed."""
        if leap_us <= LEAP_US:
            self._leap = None
            return True
        if self._leap is None or abs(leap_us - self._leap[1]) > LEAP_US:
            self._leap = steady_us, leap_us
        if steady_us - self._leap[0] < HOLD_US:
            return False
        self._leap = None
        return True


wall_us = SteadyWall()
"""This process' clock."""
