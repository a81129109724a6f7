"""Estimate's port: what puts numbers on faces (embedded models, TorchServe)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wince.domain.clip import Clip
from wince.domain.estimate import Reading
from wince.domain.face import Face
from wince.domain.reason import Reason


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A scorer's answer for one face: a reading, or a reason."""

    reading: Reading | None
    reason: Reason | None = None
    embedding: NDArray[np.float32] | None = None
    probabilities: dict[str, tuple[float, ...]] | None = None


class Scorer(Protocol):
    """Scores assessable faces. May block (inference, or a call to a server); one instance per thread.

    Every member answers or none: a scorer with a missing member gives a reason for every face, never a partial ensemble.
    Raises Unavailable where a server does not answer (the runner tries again).
    """

    model_set: str
    """sha256 (hex) over the sorted sha256 of the model files."""

    def score(self, faces: Sequence[Face]) -> list[Score]:
        """One Score per face, in order. Every face has `reason` None."""
        ...


def sees_clips(scorer: Scorer) -> TypeGuard[ClipScorer]:
    """Whether it is a ClipScorer. For every frame: `isinstance` with a protocol looks through all of the protocol's names, 40 us each."""
    return hasattr(scorer, "score_clips")


@runtime_checkable
class ClipScorer(Scorer, Protocol):
    """A scorer with members that see a clip, not one crop. The stage gathers the clips and asks by `score_clips`."""

    clip: Clip
    """What they see."""

    def score_clips(self, faces: Sequence[Face], clips: Sequence[Sequence[bytes]]) -> list[Score]:
        """One Score per face, in order. `clips[i]`: the JPEG crops of the clip that ends at face i, `clip.frames` of them, in order
        of time."""
        ...
