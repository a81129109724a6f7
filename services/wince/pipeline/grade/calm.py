"""The patient's own calm face: an embedding of calm stretches, bound to one stay.

Each window gives the median embedding of its calm frames (scored low without a reference, no smile, none while in pain at
admission: such frames score high and don't count). The calm face is the element-wise median of the last windows' medians, so half
of them may be wrong before it moves far. It is known after `min_frames` calm frames, and void when the stay changes. PHI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

KEPT = 16
"""Windows that are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Calm:
    """What is known of one patient's calm face. Begin with `Calm(stay)`."""

    stay: UUID | None = None
    """Whose it is; None: nobody is bound to the source (a plain file)."""
    frames: int = 0
    """Calm frames seen."""
    medians: tuple[NDArray[np.float32], ...] = ()
    """(k,) each, one per window with calm frames, the last KEPT."""

    def face(self, min_frames: int) -> NDArray[np.float32] | None:
        """The calm embedding, (k,) float32; None: not known yet."""
        if self.frames < min_frames or not self.medians:
            return None
        return np.median(np.stack(self.medians), axis=0).astype(np.float32)

    def add(self, embeddings: Sequence[NDArray[np.float32]]) -> Calm:
        """With one window's calm embeddings, (k,) each. Another k (another model) begins anew."""
        if not embeddings or len({one.shape for one in embeddings}) > 1:
            return self
        middle = np.median(np.stack(embeddings), axis=0).astype(np.float32)
        if self.medians and self.medians[-1].shape != middle.shape:
            return Calm(self.stay, len(embeddings), (middle,))
        return Calm(self.stay, self.frames + len(embeddings), (*self.medians, middle)[-KEPT:])
