"""Where the face was, sampled frame by sampled frame: held from the first pass over a film until the second draws it."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from wince.assess.report.faces import INDICES, MESH
from wince.domain.face import Face

POINTS = np.array(sorted({index for contour in INDICES for index in contour}))
"""Points of the mesh that outlines are made of."""
_PLACE = {int(point): place for place, point in enumerate(POINTS)}
CONTOURS = tuple(np.array([_PLACE[index] for index in contour]) for contour in INDICES)
"""Each line of the outline, as places in POINTS."""
_SCALE = 16_384
"""Steps of a share of the picture; what lies up to one picture beside it can be told."""


class Track:
    """Outlines by time. An hour at 5 Hz takes 9 MB."""

    def __init__(self, step_us: int) -> None:
        """`step_us`: between two sampled frames."""
        self._step_us = step_us
        self._times: list[int] = []
        self._points: list[NDArray[np.int16] | None] = []

    def take(self, time_us: int, face: Face | None) -> None:
        """One sampled frame with what detect saw in it; only an assessable face is outlined."""
        self._times.append(time_us)
        self._points.append(None)
        if face is not None and face.reason is None and face.landmarks is not None and len(face.landmarks) == MESH:
            shares = face.landmarks[POINTS, :2] / np.array(face.frame_size, np.float32)
            self._points[-1] = np.clip(np.rint(shares * _SCALE), -32_768, 32_767).astype(np.int16)

    def at(self, time_us: int) -> NDArray[np.float32] | None:
        """The outline's points, (len(POINTS), 2) as shares of the picture: between two samples that follow each other, what lies between;
        None: no assessable face."""
        after = bisect_right(self._times, time_us)
        if after == 0 or time_us - self._times[after - 1] > 1.5 * self._step_us:
            return None
        before = self._points[after - 1]
        if before is None:
            return None
        share = 0.0
        following = before
        if after < len(self._times) and self._times[after] - self._times[after - 1] <= 1.5 * self._step_us:
            nearer = self._points[after]
            if nearer is not None:
                following = nearer
                share = (time_us - self._times[after - 1]) / (self._times[after] - self._times[after - 1])
        return ((before * (1 - share) + following * share) / _SCALE).astype(np.float32)
