"""Pictures that are in memory already (numpy arrays) as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.domain.frame import US, Beat, Frame
from wince.errors import InputError
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.picture import upright, working_size
from wince.pipeline.capture.timeline import Grid, Timeline

FIELD = "clip"
REMEDY = "give RGB uint8: (height, width, 3), or (pictures, height, width, 3) with rate_hz"


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture, or a film: checked, so that a source can be made of it."""

    array: NDArray[np.uint8]
    """RGB, (pictures, h, w, 3)."""
    rate_hz: float | None
    """Pictures a second; None: it is one still picture."""

    @property
    def source(self) -> str:
        """sha256 (hex) of shape, rate and content; the same as for the same array at any other time."""
        digest = hashlib.sha256(f"{self.array.shape} {self.rate_hz}".encode())
        for picture in self.array:
            digest.update(np.ascontiguousarray(picture).data)
        return digest.hexdigest()


def checked(array: NDArray[np.uint8], rate_hz: float | None) -> Pixels:
    """What a caller gave. `rate_hz`: pictures a second of a film; a picture has none.

    Raises InputError for another shape or type, and for a film without its rate.
    """
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise InputError(f"an array of {array.dtype} {array.shape} is no picture and no film", field=FIELD, remedy=REMEDY)
    limits = MediaLimits()
    if array.shape[-3] * array.shape[-2] > limits.max_still_pixels:
        raise InputError(f"a picture has more than {limits.max_still_pixels} pixels", field=FIELD, remedy="scale it down (1080p is enough)")
    if array.ndim == 3:
        return Pixels(array[np.newaxis], None)
    if rate_hz is None or not 0 < rate_hz <= 1000:
        raise InputError("a film needs its pictures a second, above 0 and at most 1000", field="rate_hz", remedy="such as rate_hz=25")
    if len(array) / rate_hz * US > limits.max_duration_us:
        raise InputError(f"is longer than {limits.max_duration_us // US} s", field=FIELD, remedy="cut it")
    return Pixels(array, rate_hz)


class ArraySource:
    """Frames and beats of pixels (port `wince.pipeline.capture.interface.Source`), as `FileSource` gives them of a file with these
    pictures, and `StillSource` of a picture: sampled on the grid, scaled down to the working size, upright after `rotation`."""

    def __init__(self, pixels: Pixels, source: str, *, rate_hz: float, rotation: int = 0) -> None:
        """`rate_hz`: samples a second, above 0. `rotation`: 0, 90, 180 or 270 degrees clockwise."""
        self.source, self._pixels, self._rotation, self._closed = source, pixels, rotation, False
        self._grid = Grid(rate_hz)
        length_us = self._grid.time_us(1) if pixels.rate_hz is None else round(len(pixels.array) * US / pixels.rate_hz)
        self.end_us = length_us

    @property
    def still(self) -> bool:
        """Whether it is one picture."""
        return self._pixels.rate_hz is None

    def close(self) -> None:
        """End the iteration. Idempotent."""
        self._closed = True

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time."""
        timeline = Timeline(self.source, self._grid)
        for index, picture in enumerate(self._pixels.array):
            if self._closed:
                return
            at_us = 0 if self._pixels.rate_hz is None else round(index * US / self._pixels.rate_hz)
            point = self._grid.point(at_us)
            if not timeline.wants(point):
                continue
            time_us = max(at_us, self._grid.time_us(point))
            yield from timeline.until(time_us)
            timeline.frame(point)
            yield Frame(self.source, point, time_us, self._upright(picture))
        yield from timeline.end(self.end_us, broken=False)

    def _upright(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = picture.shape[:2]
        size = working_size(width, height, 1.0, MediaLimits().working_side)
        small = picture if size == (width, height) else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return upright(np.ascontiguousarray(small, np.uint8), self._rotation)
