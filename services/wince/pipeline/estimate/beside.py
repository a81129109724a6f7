"""Scorers of several protocols that read the same faces: one that fails costs its own protocol frames, not the others theirs.

    does not answer (`parts.PASSING`)   asked again with the whole batch for PATIENCE_S; from then on its faces are GAP, and it is asked
                                        again every AGAIN_S until it answers
    raises anything else                its faces are GAP at once, and so on

A batch comes again until every scorer has answered, so without this a protocol that only looks on could keep another from grading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from wince.domain.clip import Clip
from wince.domain.face import Face
from wince.domain.reason import Reason
from wince.errors import WinceError
from wince.parts import PASSING, cause
from wince.pipeline.estimate.interface import ClipScorer, Score, Scorer
from wince.telemetry import logs

log = logs.get(__name__)

PATIENCE_S = 3.0
"""How long the other scorers wait for one that does not answer: far less than it takes a face to become too old."""
AGAIN_S = 5.0


class Beside:
    """A scorer that fails alone. One instance per thread."""

    def __init__(self, protocol: str, scorer: Scorer, clock: Callable[[], float] = time.monotonic) -> None:
        self._protocol, self._scorer, self._clock = protocol, scorer, clock
        self.model_set = scorer.model_set
        """The scorer's."""
        self._failing_s: float | None = None
        self._again_s = float("-inf")
        self.fault: WinceError | None = None
        """Why its faces are gaps; None while it answers."""

    def score(self, faces: Sequence[Face]) -> list[Score]:
        """As the scorer; GAP for each while it fails. Raises what passes, for PATIENCE_S."""
        return self._guarded(len(faces), lambda: self._scorer.score(faces))

    def _guarded(self, count: int, ask: Callable[[], list[Score]]) -> list[Score]:
        if self.fault is not None and self._clock() < self._again_s:
            return _gaps(count)
        try:
            scores = ask()
        except Exception as error:
            if self._failing_s is None:
                self._failing_s = self._clock()
            if isinstance(error, PASSING) and self._clock() - self._failing_s < PATIENCE_S:
                raise
            log.error("a protocol's scorer fails; its faces are gaps, the others go on", protocol=self._protocol, error=error)
            self.fault, self._again_s = cause("a scorer", error), self._clock() + AGAIN_S
            return _gaps(count)
        if self.fault is not None:
            log.info("a protocol's scorer answers again", protocol=self._protocol)
        self._failing_s = self.fault = None
        return scores


class ClipsBeside(Beside):
    """The same with members that see clips."""

    def __init__(self, protocol: str, scorer: ClipScorer, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(protocol, scorer, clock)
        self._seer = scorer
        self.clip: Clip = scorer.clip
        """The scorer's."""

    def score_clips(self, faces: Sequence[Face], clips: Sequence[Sequence[bytes]]) -> list[Score]:
        """As `score`."""
        return self._guarded(len(faces), lambda: self._seer.score_clips(faces, clips))


def beside(protocol: str, scorer: Scorer) -> Beside:
    """A scorer that fails alone, with clips where it has them."""
    return ClipsBeside(protocol, scorer) if isinstance(scorer, ClipScorer) else Beside(protocol, scorer)


def _gaps(count: int) -> list[Score]:
    return [Score(None, Reason.GAP)] * count
