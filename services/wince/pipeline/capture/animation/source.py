"""A file of several pictures as a source: animated GIF, WebP, PNG and AVIF, and the pages of a TIFF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wince.domain.frame import US, Beat, Frame
from wince.errors import MediaError
from wince.pipeline.capture.animation.film import Film
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.picture import check_sampling, upright
from wince.pipeline.capture.still import BROKEN, rgb
from wince.pipeline.capture.timeline import Grid, Timeline

HELD_US = 1 * US
"""How long a picture may be sampled again while it is shown. Encoders leave out pictures that equal the one before; but one picture is no
evidence for many seconds."""


class AnimationSource:
    """Frames and beats of an animation, played once (port `wince.pipeline.capture.interface.Source`).

    Each picture is presented when those before it are over, and sampled like a video's (`timeline.py`); one that is still shown at
    further points of the grid is sampled there too, for `held_us` at most. Transparent parts are white. A file that is
    damaged or cut off ends with a beat `ended`, CORRUPT, at the end that its pictures declare. Raises like `FileSource`.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        film: Film,
        *,
        rate_hz: float,
        origin_us: int = 0,
        from_us: int = 0,
        rotation: int = 0,
        limits: MediaLimits | None = None,
        held_us: int = HELD_US,
    ) -> None:
        """`film`: what `kinds.kind_of` found in the file; `held_us` 0: each picture once; the other arguments are those of `FileSource`."""
        check_sampling(rate_hz, rotation)
        self.source = source
        self._path, self._film, self._rotation = path, film, rotation
        self._limits = limits or MediaLimits()
        self._origin_us, self._from_us = origin_us, max(0, from_us - origin_us)
        self._grid = Grid(rate_hz)
        self._timeline = Timeline(source, self._grid, origin_us=origin_us, from_us=self._from_us)
        self._held_us, self._closed = held_us, False
        self._ended_us = 0
        """Media time at which the last picture that came is over."""
        self.end_us = origin_us + film.duration_us

    def close(self) -> None:
        """End the iteration with the next picture. Idempotent."""
        self._closed = True

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time; can be iterated once."""
        broken = not self._film.whole
        try:
            yield from self._frames()
        except (*BROKEN, Image.DecompressionBombError):
            broken = True
        if self._closed:
            return
        if not self._ended_us:
            raise MediaError(
                "not one picture could be decoded from it", field=self._path, remedy="play it in a viewer; export or copy it again"
            )
        declared = min(self._film.duration_us, self._limits.max_duration_us)
        cut = broken or self._ended_us < self._film.duration_us
        yield from self._timeline.end(max(self._ended_us, declared) if cut else self._ended_us, broken=cut)

    def _frames(self) -> Iterator[Frame | Beat]:
        begins_us = 0
        for length_us, picture in self._film.pictures():
            if self._closed or begins_us + length_us > self._limits.max_duration_us:
                return
            self._ended_us = begins_us + length_us
            yield from self._timeline.until(begins_us)
            yield from self._sampled(picture, begins_us, begins_us + length_us)
            begins_us += length_us

    def _sampled(self, picture: Image.Image, begins_us: int, ends_us: int) -> Iterator[Frame | Beat]:
        """A picture at each point of the grid for which it stands."""
        pixels: NDArray[np.uint8] | None = None
        point = self._grid.point(begins_us)
        time_us = max(begins_us, self._grid.time_us(point))
        while time_us == begins_us or time_us < min(ends_us, begins_us + self._held_us):
            if self._timeline.wants(point) and time_us < self._from_us:
                self._timeline.skipped(point)
            elif self._timeline.wants(point):
                if pixels is None:
                    pixels = upright(np.asarray(rgb(picture, self._limits.working_side)), self._rotation)
                yield from self._timeline.until(time_us)
                self._timeline.frame(point)
                yield Frame(self.source, point, self._origin_us + time_us, pixels)
            point += 1
            time_us = self._grid.time_us(point)
