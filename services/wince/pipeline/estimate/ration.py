"""How many crops an expensive ensemble is asked for, and which: key frames first, sources alike.

Two bounds. Of each source `rate_hz` crops a second of its own time, so that a camera that floods, or a backlog, costs the others
nothing. And of each batch as many as the server can do within `budget_s` at the speed last seen: where a crop costs 300 ms and a ward
sends two hundred a second, what can't be done in time is given up at once and not after it has made everybody else late.

Below both bounds every face is asked for, and nothing here looks at a picture: then the outcome depends on the input alone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise, zip_longest

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince.domain.face import Face
from wince.domain.frame import US
from wince.domain.keyframes import cieluv, difference, key_frames
from wince.telemetry import metrics

SOURCES = 4096
"""Remembered at most; the one longest silent is forgotten."""
SMOOTH = 0.2
"""Weight of the newest measurement of a crop's cost."""


class Ration:
    """Bounds of one scorer; what was given up is counted. One instance per thread."""

    def __init__(self, rate_hz: float, budget_s: float, *, burst_s: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        """burst_s: a source that was silent may send what so many seconds allow at once."""
        self._rate, self._budget, self._burst, self._clock = rate_hz, budget_s, max(1.0, rate_hz * burst_s), clock
        self._sources: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._turns: dict[str, int] = {}
        """When a source was last chosen while not all could be: who waited longest comes first, or the last of a batch never would."""
        self._turn = 0
        self._cost: float | None = None
        self.given_up = 0
        """Faces that were not asked for, since the start."""

    @contextmanager
    def spent_on(self, faces: Sequence[Face]) -> Iterator[list[int]]:
        """Around asking: gives the indices of the faces to ask for, ascending, and learns what one costs. Where asking raises, nothing
        was spent: the same faces come again, and are as young in their source's time as they were."""
        before, turns = OrderedDict(self._sources), dict(self._turns)
        chosen, start = self._choose(faces), self._clock()
        try:
            yield chosen
        except BaseException:
            self._sources, self._turns = before, turns
            raise
        self.given_up += len(faces) - len(chosen)
        metrics.given_up(len(faces) - len(chosen))
        if chosen:
            each = (self._clock() - start) / len(chosen)
            self._cost = each if self._cost is None else (1 - SMOOTH) * self._cost + SMOOTH * each

    def _choose(self, faces: Sequence[Face]) -> list[int]:
        own: dict[str, list[int]] = {}
        for index, face in enumerate(faces):
            own.setdefault(face.source, []).append(index)
        ranked = {source: self._of_source(source, faces, indices) for source, indices in own.items()}
        room = len(faces) if self._cost is None else max(1, int(min(self._budget / max(self._cost, 1e-6), len(faces))))
        total = sum(map(len, ranked.values()))
        if total > room:
            waited = sorted(ranked, key=lambda source: self._turns.get(source, 0))
            queues = [self._ranked(faces, ranked[source]) for source in waited]
            chosen = [index for turn in zip_longest(*queues) for index in turn if index is not None][:room]
            for index in chosen:
                self._turn += 1
                self._turns[faces[index].source] = self._turn
            return sorted(chosen)
        return sorted(index for indices in ranked.values() for index in indices)

    def _of_source(self, source: str, faces: Sequence[Face], indices: list[int]) -> list[int]:
        """What its rate allows; tokens run in the source's own time."""
        times = [faces[index].time_us for index in indices]
        tokens, last = self._sources.pop(source, (self._burst, times[0]))
        if times[0] < last:  # read again from an earlier position: what was asked for then may be asked for now
            tokens, last = self._burst, times[0]
        tokens = min(self._burst, tokens + max(0, times[0] - last) / US * self._rate)
        within = max(0, max(times) - max(times[0], last)) / US * self._rate
        allowed = min(len(indices), int(tokens + within + 1e-9))
        self._sources[source] = (min(self._burst, tokens + within - allowed), max(last, *times))
        while len(self._sources) > SOURCES:
            self._turns.pop(self._sources.popitem(last=False)[0], None)
        return indices if allowed == len(indices) else sorted(self._ranked(faces, indices)[:allowed])

    @staticmethod
    def _ranked(faces: Sequence[Face], indices: list[int]) -> list[int]:
        """Key frames, by how much changed; then the others, the newest first."""
        pictures = [_small(faces[index].crop) for index in indices]
        changes = [0.0, *(difference(a, b) if a is not None and b is not None else 0.0 for a, b in pairwise(pictures))]
        keys = sorted(key_frames(changes, most=len(indices)), key=lambda at: -changes[at])
        rest = [at for at in reversed(range(len(indices))) if at not in keys]
        return [indices[at] for at in (*keys, *rest)]


def _small(crop: bytes) -> NDArray[np.float32] | None:
    """(28, 28, 3) CIELUV; None where it can't be read."""
    try:
        return cieluv(simplejpeg.decode_jpeg(crop, colorspace="RGB", fastdct=True)[4::8, 4::8])
    except (ValueError, RuntimeError):
        return None
