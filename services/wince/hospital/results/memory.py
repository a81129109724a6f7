"""Scores in memory: for tests and for trying the listener without a database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

from wince.domain.score import Kept, Report, Score
from wince.domain.stay import Identifier


class MemoryScores:
    """Scores in memory. Looks for the same message only, not for another one under its control id."""

    def __init__(self, known: Callable[[Identifier], bool] = lambda _visit: True) -> None:
        """`known`: whether anybody ever spoke of a visit."""
        self._lock, self._known = threading.Lock(), known
        self._said: dict[UUID, tuple[int, Score, bool]] = {}
        self._keys: set[object] = set()

    def take(self, report: Report) -> Kept:
        """See Scores.take."""
        with self._lock:
            if report.key in self._keys:
                return Kept(again=True)
            known = [self._known(one.score.encounter) for one in report.reported]
            ours = [one for one, said in zip(report.reported, known, strict=True) if said or not one.stands]
            for one in ours:
                if one.score.id not in self._said or self._said[one.score.id][0] <= report.sent_us:
                    self._said[one.score.id] = (report.sent_us, one.score, one.stands)
            if ours:
                self._keys.add(report.key)
            return Kept(count=len(ours), unknown=known.count(False))

    def standing(self) -> list[Score]:
        """Those that are not taken back, by time."""
        with self._lock:
            return sorted((score for _, score, stands in self._said.values() if stands), key=lambda one: one.at_us)
