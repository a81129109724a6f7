"""What capture gives: frames, and a beat a second."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.domain.reason import Reason

US = 1_000_000
"""Microseconds in a second; all times are integers in microseconds since 1970-01-01 UTC (media time for plain files)."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One sampled picture. Lives in memory only."""

    source: str
    """Camera id, or sha256 of the file (hex), or SOP Instance UID."""
    sequence: int
    """Counts sampled frames of a source from 0; gaps are frames that were dropped."""
    time_us: int
    """Event time, microseconds UTC (media time for files without a clock)."""
    pixels: NDArray[np.uint8]
    """RGB uint8 (h, w, 3), C-contiguous, upright after the camera's rotation."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One a second for every source, whatever happens: closes windows when no frame comes."""

    source: str
    time_us: int
    """End of the second that the beat speaks for; every frame before it has been sent or counted here."""
    frames: int
    """Frames sent since the last beat."""
    dropped: int
    """Frames dropped (overload) since the last beat."""
    corrupt: int
    """Frames withheld as damaged since the last beat."""
    reason: Reason | None = None
    """Why there was no frame; None where there were frames."""
    ended: bool = False
    """The source is over (end of file); no message of this source follows."""
