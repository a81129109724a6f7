"""The sampling grid and the beats of one source: pure, in media time.

Grid: point k lies at k / rate seconds of media time. Its sample is the first undamaged picture presented in
[k / rate, (k + 1) / rate), whatever its index: files have variable frame rates. A picture that a container's
millisecond rounding put up to 1 ms before its point counts as that point's, and takes its time.
A Frame's sequence is k, so the same picture has the same number wherever reading starts.

Beats: one at the end of each second, and one at the end of the source. What is counted as `corrupt` are grid
points that lost their sample to damage.
"""

from collections.abc import Iterator
from fractions import Fraction

from wince.domain.frame import US, Beat
from wince.domain.reason import Reason

TOLERANCE_US = 1_000
"""Rounding of timestamps in Matroska, FLV and others: 1 ms."""


class Grid:
    """Points k / rate. `rate_hz` is taken as a fraction with a denominator of at most 1000."""

    def __init__(self, rate_hz: float) -> None:
        rate = Fraction(rate_hz).limit_denominator(1000)
        if rate <= 0:
            raise ValueError("rate_hz must be above 0")
        self._up, self._down = rate.numerator, rate.denominator * US

    def point(self, time_us: int) -> int:
        """The grid point that a picture presented at `time_us` (media time, microseconds) belongs to."""
        return (time_us + TOLERANCE_US) * self._up // self._down

    def time_us(self, point: int) -> int:
        """Media time of a grid point, microseconds, rounded up."""
        return -(-point * self._down // self._up)


class Timeline:
    """Counts what was given and what was lost, and speaks for each second exactly once."""

    def __init__(self, source: str, grid: Grid, *, origin_us: int = 0, from_us: int = 0, silent: Reason = Reason.NO_FRAME) -> None:
        """silent: the reason of a second in which nothing came."""
        self._source = source
        self._grid = grid
        self._origin_us = origin_us
        self._from_us = from_us
        self._silent = silent
        self._second = from_us // US
        self._frames = 0
        self._dropped = 0
        self._shed = False
        self._given = -1
        self._damaged: set[int] = set()

    @property
    def spoken_us(self) -> int:
        """Media time up to which beats were given."""
        return self._second * US

    def wants(self, point: int) -> bool:
        """Is a sample of this grid point still missing? A picture of a point that is past is counted as dropped."""
        if point < self._given:
            self.late()
        return point > self._given

    def frame(self, point: int) -> None:
        """The sample of `point` is given now."""
        self._given = point
        self._damaged.discard(point)
        self._frames += 1

    def skipped(self, point: int) -> None:
        """The sample of `point` was seen, but lies before the time from which this run gives."""
        self._given = point

    def damaged(self, time_us: int) -> None:
        """A picture of that time is damaged and was withheld."""
        point = self._grid.point(time_us)
        if point > self._given and self._grid.time_us(point) >= max(self._from_us, self.spoken_us):
            self._damaged.add(point)

    def late(self) -> None:
        """A picture came whose second was already spoken for; it can't be given any more."""
        self._dropped += 1

    def shed(self, count: int) -> None:
        """Frames of a live camera that overload pushed out, or that came too late; a second with no others has the reason GAP."""
        self._dropped += count
        self._shed = True

    def until(self, time_us: int) -> Iterator[Beat]:
        """Beats of the whole seconds that end at or before `time_us`."""
        while (self._second + 1) * US <= time_us:
            self._second += 1
            yield self._beat(self._second * US)

    def end(self, time_us: int, *, broken: bool) -> Iterator[Beat]:
        """Beats up to the end of the source at `time_us`; the last one says `ended`.

        `broken`: the file is damaged or cut off; seconds without a frame, and the last beat, then carry CORRUPT.
        """
        while (self._second + 1) * US < time_us:
            self._second += 1
            yield self._beat(self._second * US, silent=Reason.CORRUPT if broken else None)
        yield self._beat(max(time_us, self.spoken_us), broken=broken, ended=True)

    def _beat(self, time_us: int, *, silent: Reason | None = None, broken: bool = False, ended: bool = False) -> Beat:
        # The last beat tells all that is left: a picture up to 1 ms before its point may be the source's last.
        lost = {point for point in self._damaged if ended or self._grid.time_us(point) < time_us}
        self._damaged -= lost
        reason = None if self._frames else Reason.CORRUPT if lost else Reason.GAP if self._shed else silent or self._silent
        beat = Beat(
            source=self._source,
            time_us=self._origin_us + time_us,
            frames=self._frames,
            dropped=self._dropped,
            corrupt=len(lost),
            reason=Reason.CORRUPT if broken else reason,
            ended=ended,
        )
        self._frames = self._dropped = 0
        self._shed = False
        return beat
