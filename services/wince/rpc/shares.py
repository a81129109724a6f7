"""How much of what all callers share one of them may have. Used from one event loop."""

from __future__ import annotations

from collections import Counter

from wince.errors import ResourceError


class Shares:
    """Counts what callers hold; `most` each."""

    def __init__(self, most: int, field: str) -> None:
        """`field`: the setting that says so."""
        self._most, self._field = most, field
        self._held: Counter[str] = Counter()

    def take(self, who: str) -> None:
        """One more of a caller's. Raises ResourceError where it has as many as it may; then it holds no more than before."""
        if self._held[who] >= self._most:
            remedy = "end some first, or ask the operator for a larger share"
            raise ResourceError(f"{self._most} calls of this caller run already", field=self._field, remedy=remedy)
        self._held[who] += 1

    def give(self, who: str) -> None:
        """One less."""
        self._held[who] -= 1
        if self._held[who] <= 0:
            del self._held[who]
