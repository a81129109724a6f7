"""Pictures of an object, one or many, as a source: each decoded alone, by a process beside (`decoder.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wince.domain.frame import US, Beat, Frame
from wince.errors import MediaError
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.picture import check_sampling
from wince.pipeline.capture.studies.decoder import PictureDecoder
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
        with PictureDecoder(self._path, self._limits.working_side) as decoder:
            yield from self._messages(decoder)

    def _messages(self, decoder: PictureDecoder) -> Iterator[Frame | Beat]:
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
            pixels = decoder.picture(index)
            if pixels is None:
                timeline.damaged(at_us)
                continue
            timeline.frame(point)
            given += 1
            yield Frame(self.source, point, self._origin_us + time_us, pixels)
        if not given and not self._from_us:
            raise MediaError("not one picture of the object could be decoded", field="object", remedy=_REMEDY)
        yield from timeline.end(self.end_us - self._origin_us, broken=False)
