"""The patient's own calm face: an embedding of calm stretches, bound to one stay.

Two things teach it:

- each window gives the median embedding of its calm frames (scored low without a reference, no smile, none while in pain at
  admission: such frames score high and don't count). It is known after `min_frames` of them.
- a nurse's word. A window with an alert or a question keeps the median embedding of its frames at rest, whatever they scored; where
  she answers that there was no pain, it teaches from that moment on, and one such window is enough. So a face that reads high at
  rest has a calm face too. Where she answers anything else, it never teaches; of two answers the later holds.

The calm face is the element-wise median of these medians, so half of them may be wrong before it moves far. Nothing else may teach
it: a face that is long the same may be a face long in pain. Void when the stay changes. PHI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

KEPT = 16
"""Windows that are remembered, and as many that a nurse was asked about."""
ENOUGH = 10
"""Frames at rest, two seconds, that a window must have for a nurse's word to teach it."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A window with an alert or a question."""

    assessment: UUID
    frames: int
    """At rest."""
    median: NDArray[np.float32]
    """(k,) of their embeddings."""
    answered_us: int | None = None
    """When a nurse said what it showed; None: she has not."""
    painless: bool = False
    """It showed no pain."""

    def teaches(self, at_us: int) -> bool:
        """Whether it counts at a moment."""
        return self.painless and self.answered_us is not None and self.answered_us <= at_us


@dataclass(frozen=True, slots=True, eq=False)
class Calm:
    """What is known of one patient's calm face. Begin with `Calm(stay)`."""

    stay: UUID | None = None
    """Whose it is; None: nobody is bound to the source (a plain file)."""
    frames: int = 0
    """Calm frames seen, those of `shown` apart."""
    medians: tuple[NDArray[np.float32], ...] = ()
    """(k,) each, one per window with calm frames, the last KEPT."""
    shown: tuple[Shown, ...] = ()
    """By time, at most KEPT."""

    def face(self, min_frames: int, at_us: int) -> NDArray[np.float32] | None:
        """The calm embedding at a moment, (k,) float32; None: not known yet."""
        told = [one.median for one in self.shown if one.teaches(at_us)]
        learned = self.medians if self.frames >= min_frames else ()
        if not told and not learned:
            return None
        return np.median(np.stack([*learned, *told]), axis=0).astype(np.float32)

    def told(self, at_us: int) -> tuple[UUID, ...]:
        """Windows that teach at a moment on a nurse's word."""
        return tuple(one.assessment for one in self.shown if one.teaches(at_us))

    def add(self, embeddings: Sequence[NDArray[np.float32]]) -> Calm:
        """With one window's calm embeddings, (k,) each. Another k (another model) begins again."""
        if not embeddings or len({one.shape for one in embeddings}) > 1:
            return self
        middle = np.median(np.stack(embeddings), axis=0).astype(np.float32)
        known = self._like(middle)
        return replace(known, frames=known.frames + len(embeddings), medians=(*known.medians, middle)[-KEPT:])

    def keep(self, assessment: UUID, embeddings: Sequence[NDArray[np.float32]]) -> Calm:
        """With a window that a nurse may answer; `embeddings`, (k,) each: its frames at rest. Where there are more than KEPT, the
        oldest goes that teaches nothing, else the oldest."""
        if len(embeddings) < ENOUGH or len({one.shape for one in embeddings}) > 1:
            return self
        middle = np.median(np.stack(embeddings), axis=0).astype(np.float32)
        known = self._like(middle)
        shown = [*known.shown, Shown(assessment, len(embeddings), middle)]
        if len(shown) > KEPT:
            shown.pop(next((number for number, one in enumerate(shown[:-1]) if not one.painless), 0))
        return replace(known, shown=tuple(shown))

    def answered(self, assessment: UUID, at_us: int, *, painless: bool) -> Calm:
        """With a nurse's answer about a window. One that isn't kept, or was answered later than that, changes nothing."""
        after = tuple(
            replace(one, answered_us=at_us, painless=painless)
            if one.assessment == assessment and (one.answered_us is None or one.answered_us <= at_us)
            else one
            for one in self.shown
        )
        return replace(self, shown=after)

    def _like(self, median: NDArray[np.float32]) -> Calm:
        """As it is where its embeddings are of that shape, else nothing but the stay."""
        same = all(one.shape == median.shape for one in (*self.medians, *(one.median for one in self.shown)))
        return self if same else Calm(self.stay)
