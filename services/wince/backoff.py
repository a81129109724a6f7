"""How long to wait before something is tried again: one rule for everything that is."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first_s` to `longest_s`, each shortened at random by up to the share `jitter`.

    >>> [Backoff(0.5, 5.0).wait_s(failures) for failures in (1, 2, 3, 4, 5, 10_000)]
    [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    >>> 0.25 <= Backoff(0.5, 5.0, jitter=0.5).wait_s(1) <= 0.5
    True
    """

    first_s: float
    """After the first failure, seconds."""
    longest_s: float
    """However many there were, seconds."""
    jitter: float = 0.0
    """0: none; 0.5: between half of the wait and the whole; 1: anything up to it. What many processes try at once needs it."""

    def wait_s(self, failures: int, rng: random.Random | None = None) -> float:
        """Seconds after that many failures in a row, counted from 1."""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(max(failures, 1) - 1, 60))
        if not self.jitter:
            return longest
        return longest * (rng or random).uniform(1.0 - self.jitter, 1.0)
