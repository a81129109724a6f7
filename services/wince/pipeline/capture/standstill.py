"""A picture that stands still: the same to the last bit for so long that no camera can be looking at a patient.

An encoder that hangs, and a gateway or recorder whose camera is gone, go on sending their last picture. It decodes, it shows a face, and
its grade would look new. A sensor has noise, and a key picture every second or two writes every pixel again, so live pictures differ.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from wince.domain.frame import US

LIMIT_US = 10 * US
"""How long a picture may stay the same. What was graded meanwhile stands."""
_STEP = 16
"""Every 16th pixel of every 16th row is compared first: it costs microseconds, and differs in any live picture."""


class Standstill:
    """Looks at the pictures of one camera, in order of time."""

    def __init__(self) -> None:
        self._sample = self._whole = -1
        """Check sums of the last picture; of the whole -1: not computed."""
        self._since_us = 0

    def frozen(self, time_us: int, pixels: NDArray[np.uint8]) -> bool:
        """Whether this picture (rows, columns, 3) is the one of LIMIT_US ago, and all between were. `time_us` rises."""
        sample = crc32(np.ascontiguousarray(pixels[::_STEP, ::_STEP]).data)
        if sample != self._sample:
            self._sample, self._whole, self._since_us = sample, -1, time_us
            return False
        whole = crc32(np.ascontiguousarray(pixels).data)
        if self._whole not in (whole, -1):
            self._since_us = time_us
        self._whole = whole
        return time_us - self._since_us >= LIMIT_US
