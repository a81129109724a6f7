"""Pictures of an object, one or many, as a source: each decoded alone, by pydicom with Pillow and GDCM."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.domain.frame import US, Beat, Frame
from wince.errors import MediaError
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.picture import check_sampling, working_size
from wince.pipeline.capture.studies.header import LONGEST_US, Header
from wince.pipeline.capture.timeline import Grid, Timeline

PIXELS = 64_000_000
"""Most pixels of one picture."""
PICTURES = 100_000
"""Most pictures of one object."""
_REMEDY = "send it again, or export it again at the camera"


class PictureSource:
    """Frames and beats of an object's pictures (port `wince.pipeline.capture.interface.Source`): one picture as `StillSource` gives it,
    several as a video of their rate. Pictures that can't be decoded are counted as corrupt; none at all is a MediaError."""

    def __init__(
        self,
        path: Path,
        header: Header,
        source: str,
        *,
        count: int,
        picture_hz: float | None,
        rate_hz: float,
        origin_us: int = 0,
        from_us: int = 0,
        limits: MediaLimits | None = None,
    ) -> None:
        """`count`: pictures that the object says it has. `picture_hz`: pictures a second; None: it is one. `rate_hz`: samples a second.

        Raises MediaError where it is too large."""
        check_sampling(rate_hz, 0)
        self.source, self._path, self._header, self._closed = source, path, header, False
        self._count, self._picture_hz, self._origin_us = count, picture_hz, origin_us
        self._from_us, self._limits, self._grid = max(0, from_us - origin_us), limits or MediaLimits(), Grid(rate_hz)
        rows, columns = int(header.dataset.Rows), int(header.dataset.Columns)
        if rows * columns > PIXELS or count > PICTURES:
            raise MediaError("the object has too many or too large pictures", field="object", remedy="send it smaller")
        length_us = self._grid.time_us(1) if picture_hz is None else round(count * US / picture_hz)
        if length_us > LONGEST_US:
            raise MediaError("the object's pictures last longer than a day", field="object", remedy="check Frame Time and Cine Rate")
        self.end_us = origin_us + length_us

    def close(self) -> None:
        """End the iteration. Idempotent."""
        self._closed = True

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time; can be iterated once."""
        timeline = Timeline(self.source, self._grid, origin_us=self._origin_us, from_us=self._from_us)
        given = 0
        for index in range(self._count):
            if self._closed:
                return
            at_us = 0 if self._picture_hz is None else round(index * US / self._picture_hz)
            point = self._grid.point(at_us)
            if not timeline.wants(point):
                continue
            time_us = max(at_us, self._grid.time_us(point))
            if time_us < self._from_us:
                timeline.skipped(point)
                continue
            yield from timeline.until(time_us)
            pixels = self._decoded(index)
            if pixels is None:
                timeline.damaged(at_us)
                continue
            timeline.frame(point)
            given += 1
            yield Frame(self.source, point, self._origin_us + time_us, pixels)
        if not given and not self._from_us:
            raise MediaError("not one picture of the object could be decoded", field="object", remedy=_REMEDY)
        yield from timeline.end(self.end_us - self._origin_us, broken=False)

    def _decoded(self, index: int) -> NDArray[np.uint8] | None:
        from pydicom.pixels.utils import pixel_array

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = pixel_array(self._path, index=index, raw=False)
                return _working(_rgb(found, self._header.dataset), self._limits.working_side)
            except (MemoryError, OSError):
                raise
            except Exception:  # what decoders raise on damaged pictures is as manifold as they are
                return None


def _rgb(found: NDArray[Any], dataset: Any) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 of what pydicom gives: RGB, grey, or a palette."""
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        found = apply_color_lut(found, dataset)
        found = found >> 8 if found.dtype.itemsize > 1 else found
    elif found.dtype != np.uint8:
        top = float(1 << int(dataset.get("BitsStored", 16))) - 1
        found = np.clip(np.asarray(found, np.float32) * (255 / top), 0, 255)
    eight = found.astype(np.uint8)
    if eight.ndim == 2:
        eight = np.repeat(eight[:, :, None], 3, axis=2)
    return 255 - eight if kind == "MONOCHROME1" else eight[:, :, :3]


def _working(found: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = found.shape[:2]
    size = working_size(width, height, 1.0, side)
    small = found if size == (width, height) else cv2.resize(found, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.uint8)
