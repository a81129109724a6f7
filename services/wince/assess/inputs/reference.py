"""The calm face of the same patient, as the user gives it: a picture, a clip, or a stretch of the input itself.

Its embedding (element-wise median over the assessable frames) takes the place of the calm face that grade would learn. PHI: it is
held in memory only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.domain.estimate import Estimate
from wince.errors import ConfigError, InputError

Embedding = NDArray[np.float32]
OPTION = "--reference"
"""Field of every error that is of the reference."""
FEW = 5
"""Frames below which a reference is called short."""
_STRETCH = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Reference:
    """What `--reference` names: a file, or seconds of each input itself."""

    path: Path | None = None
    start_us: int = 0
    end_us: int = 0
    """Exclusive; media time."""

    @property
    def stretch(self) -> bool:
        """Whether it is a stretch of the input itself."""
        return self.path is None


@dataclass(frozen=True, slots=True, eq=False)
class CalmFace:
    """A calm face and how much it rests on."""

    face: Embedding
    """(k,), see `domain.estimate.Estimate.embedding`."""
    frames: int
    """Assessable frames that it is the median of."""
    moved: int
    """How many of them score above what the protocol calls calm."""

    def notes(self, *, still: bool) -> tuple[str, ...]:
        """What a reader must know of it."""
        said = []
        if not still and self.frames < FEW:
            said.append(f"reference: only {self.frames} assessable frames, so it is weak")
        if self.moved * 2 > self.frames:
            said.append(f"reference: {self.moved} of {self.frames} frames show an expression, so it may not be a calm face")
        return tuple(said)


def parse(text: str) -> Reference:
    """`calm.jpg`, `calm.mp4` or `START-END` in seconds. Raises ConfigError where a stretch is empty.

    >>> parse("2-4.5").end_us
    4500000
    """
    match = _STRETCH.fullmatch(text.strip())
    if match is None or Path(text).exists():
        return Reference(Path(text))
    start, end = float(match[1]), float(match[2])
    if not start < end <= 86_400:
        raise ConfigError("must end after it begins, within a day", field=f"{OPTION} {text}", remedy="such as --reference 2-6 (seconds)")
    return Reference(None, round(start * 1e6), round(end * 1e6))


def calm_of(estimates: Sequence[Estimate], where: str, most: float) -> CalmFace:
    """The calm face of the assessable estimates, of which there is at least one; else raises InputError, which names `where`.

    `most`: the highest score that the protocol calls calm.
    """
    faces, moved = [], 0
    for one in estimates:
        if one.reason is None and one.embedding is not None and one.reading is not None:
            faces.append(one.embedding)
            moved += one.reading.score > most
    if not faces:
        why = ", ".join(sorted({one.reason for one in estimates if one.reason is not None}))
        raise InputError(
            "no assessable face in the reference" + (f" ({why})" if why else ""),
            field=f"{OPTION} {where}",
            remedy="give a picture or stretch in which the calm face is well seen",
        )
    return CalmFace(np.median(np.stack(faces), axis=0).astype(np.float32), len(faces), moved)
