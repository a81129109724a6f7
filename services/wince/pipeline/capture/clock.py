"""The clock of live cameras: the wall's, but it never goes back and never stands.

A host whose clock is set back by an hour would else give no beat for an hour, and every frame would be late.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wince import clock
from wince.clock import Clock

CATCH_UP = 0.1
"""Ahead of the wall's clock, this one runs slower by this share until they agree."""


class SteadyWall:
    """Microseconds UTC, rising. Thread-safe. A wall clock that is set forward is followed at once."""

    def __init__(
        self,
        wall_us: Clock = clock.wall_us,
        steady_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000,
    ) -> None:
        """wall_us: may be set. steady_us: counts from anywhere, is never set."""
        self._wall_us, self._steady_us = wall_us, steady_us
        self._lock = threading.Lock()
        self._now_us, self._looked_us = wall_us(), steady_us()

    def __call__(self) -> int:
        """Now."""
        with self._lock:
            steady, wall = self._steady_us(), self._wall_us()
            passed = max(0, steady - self._looked_us)
            self._looked_us = steady
            ahead = self._now_us + passed - wall
            slower = min(ahead, int(passed * CATCH_UP)) if ahead > 0 else ahead
            self._now_us += passed - slower
            return self._now_us


wall_us = SteadyWall()
"""This process' clock."""
