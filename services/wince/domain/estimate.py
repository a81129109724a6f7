"""What estimate gives: numbers for one face, with a mask of what was measured."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Pose
from wince.domain.reason import Reason

UNITS = ("au4", "au6", "au7", "au9", "au10", "au43")
"""The action units of PSPI, in the order of every array of units. AU4..AU10 each 0-5, AU43 0 or 1 (0-1 as a mean)."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One opinion about one face: the reference-free one, or the one against the patient's own calm face."""

    score: float
    """The protocol's number; for `activity` facial activity 0-16."""
    confidence: float
    """0-1, calibrated on the scorer's own validation set; what the protocol's threshold is compared with."""
    units: NDArray[np.float32]
    """(6,) in the order of UNITS; NaN where not measured, never 0."""
    smile: float
    """0-1; how strongly the face smiles. A high smile with a high score is a conflict."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Numbers for one face. Exactly one Estimate per Face."""

    source: str
    sequence: int
    time_us: int
    reason: Reason | None
    """None: assessable, then `reading` is set; else why not."""
    reading: Reading | None
    """Without the patient's own calm face."""
    probabilities: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Per model: the probability of each class of the protocol; empty for scorers that estimate units."""
    embedding: NDArray[np.float32] | None = None
    """(k,) what the personal model looks at (embedding against calm embedding). PHI."""
    model_set: str = ""
    """sha256 (hex) over the sorted sha256 of the model files."""
    pose: Pose | None = None
    protocol: str = ""
    """Whose scorer read it; empty: the one protocol that is set."""
    rule: str = ""
    """sha256 (hex) of that protocol's canonical rules; empty: not said (a version before this field, or a client of its own)."""
