"""The sampled frames of a clip, put into so many columns as a page can show, with every gap kept visible."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wince.assess.result import FrameRow
from wince.domain.reason import Reason

COLUMNS = 720
"""A quarter of a millimetre each on a page; more frames than that share columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """What the frames of one short stretch of time show."""

    start_s: float
    end_s: float
    low: float | None
    """Lowest and highest score; None where nothing was scored."""
    high: float | None
    grade: int | None
    """The commonest grade (of equals the higher); None where most frames have none."""
    reason: Reason | None
    """The commonest reason where most frames have no grade; GAP where no frame came at all."""
    assessable: bool
    """Whether most frames show an assessable face. With a reason: it was measured, but its number isn't believed."""
    units: tuple[float | None, ...]
    """Highest value of each unit; None where not measured."""

    @property
    def scored(self) -> bool:
        """Whether a score can be drawn here."""
        return self.assessable and self.low is not None


def columns(frames: Sequence[FrameRow], duration_s: float, most: int = COLUMNS) -> list[Column]:
    """Columns in order of time, without holes: a stretch without frames is a column with the reason GAP.

    One frame a column as long as there are at most `most` of them. Frames reach to the next frame, unless that is further away
    than one and a half of the usual distance.
    """
    if not frames:
        return [Column(0.0, duration_s, None, None, None, Reason.GAP, False, ())] if duration_s > 0 else []
    times = [frame.time_s for frame in frames]
    step = _step(times, duration_s)
    spans: list[tuple[float, float, FrameRow | None]] = []
    if times[0] > 1.5 * step:
        spans.append((0.0, times[0], None))
    for index, frame in enumerate(frames):
        after = times[index + 1] if index + 1 < len(times) else max(duration_s, times[index] + (0.0 if duration_s else step))
        end = after if after - times[index] <= 1.5 * step else times[index] + step
        spans.append((times[index], end, frame))
        if end < after:
            spans.append((end, after, None))
    size = -(-len(spans) // most)
    return [_column(spans[i : i + size]) for i in range(0, len(spans), size)]


def _step(times: Sequence[float], duration_s: float) -> float:
    """The usual distance between two frames, seconds."""
    gaps = [b - a for a, b in pairwise(times) if b > a]
    return statistics.median(gaps) if gaps else max(duration_s, 1.0)


def _column(spans: Sequence[tuple[float, float, FrameRow | None]]) -> Column:
    rows = [row for _, _, row in spans]
    good = [row for row in rows if row is not None and row.assessable]
    start, end = spans[0][0], spans[-1][1]
    if 2 * len(good) < len(rows) or not good:
        lost = [row.reason or Reason.UNCERTAIN if row else Reason.GAP for row in rows if row is None or not row.assessable]
        return Column(start, end, None, None, None, _commonest(lost), False, ())
    scores = [row.score for row in good if row.score is not None]
    doubts = [row.reason for row in good if row.reason is not None]
    doubted = 2 * len(doubts) > len(good)
    grades = [row.grade for row in good if row.grade is not None]
    units = tuple(_highest([row.units[i] for row in good if i < len(row.units)]) for i in range(max(len(row.units) for row in good)))
    return Column(
        start, end, min(scores, default=None), max(scores, default=None), None if doubted or not grades else _commonest(grades),
        _commonest(doubts) if doubted else None, True, units,
    )  # fmt: skip


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _commonest(found: Sequence[Any]) -> Any:
    """The commonest of some; of equals the greatest."""
    counts = Counter(found)
    return max(counts, key=lambda one: (counts[one], one))


def gaps(cells: Sequence[Column]) -> list[tuple[float, float, Reason]]:
    """Stretches (start, end, reason) without a grade, neighbours of one reason joined."""
    found: list[tuple[float, float, Reason]] = []
    for cell in cells:
        if cell.reason is None:
            continue
        if found and found[-1][2] == cell.reason and abs(found[-1][1] - cell.start_s) < 1e-6:
            found[-1] = (found[-1][0], cell.end_s, cell.reason)
        else:
            found.append((cell.start_s, cell.end_s, cell.reason))
    return found


def held(cells: Sequence[Column], grade: int) -> list[tuple[float, float]]:
    """Stretches (start, end) of one grade."""
    found: list[tuple[float, float]] = []
    for cell in cells:
        if cell.grade != grade:
            continue
        if found and abs(found[-1][1] - cell.start_s) < 1e-6:
            found[-1] = (found[-1][0], cell.end_s)
        else:
            found.append((cell.start_s, cell.end_s))
    return found
