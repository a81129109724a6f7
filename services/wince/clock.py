"""The wall's clock in the unit of every time of Wince. What decides by it takes it as an argument, so that tests say what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Now, microseconds UTC."""


def wall_us() -> int:
    """Now, microseconds UTC, as this machine believes; it may be set back. What must rise takes `pipeline/capture/clock.py`."""
    return time.time_ns() // 1000
