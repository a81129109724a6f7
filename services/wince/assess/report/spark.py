"""What stands for a clip in a row of a batch: its score as a small line, and its strongest moment as a small picture."""

from __future__ import annotations

import io

from PIL import Image

from wince.assess.report.axis import Axis, runs
from wince.assess.report.samples import Column, columns, gaps
from wince.assess.report.windows import alert_of
from wince.assess.result import ClipResult
from wince.assess.result.words import number, span
from wince.domain.frame import US
from wince.domain.scales import Scale
from wince.report.colours import INK, RULE, TINT
from wince.report.figure import Box, Figure, Path, hatch

_WIDTH, _HEIGHT, _TOP = 36.0, 9.0, 3.4
"""Of the figure, mm; where the score's highest value lies."""
_COLUMNS = 72
_PIXELS = (128, 96)
"""Most of a thumbnail: (width, height)."""
_QUALITY = 70


def spark(result: ClipResult, scale: Scale) -> Figure | None:
    """The score over the whole clip, alerts above it, hatched where not assessable; None for a picture or a clip without frames."""
    if result.still or not result.frames or result.duration_s <= 0:
        return None
    cells = columns(result.frames, result.duration_s, _COLUMNS)
    axis = Axis(_WIDTH, 1.5, _WIDTH - 1.5, max(result.duration_s, cells[-1].end_s), above=True)
    said = f"Score over {span(result.duration_s)}, peak {number(result.reading.peak)}, {len(result.alerts)} alerts."
    figure = Figure(_WIDTH, _HEIGHT, said)
    for alert in result.alerts:
        x0, x1 = axis.at(alert.start_us / US), axis.at(alert.end_us / US)
        figure.add(Box(x0, _TOP, max(x1 - x0, 0.6), _HEIGHT - _TOP, TINT), alert_of(x0, 1.6))
    for a, b, _ in gaps([cell for cell in cells if not cell.assessable]):
        figure.add(hatch(axis.at(a), _TOP, max(axis.at(b) - axis.at(a), 0.3), _HEIGHT - _TOP))

    def points(cell: Column) -> list[float]:
        if not cell.scored or cell.high is None:
            return []
        return [_HEIGHT - 0.3 - (_HEIGHT - _TOP - 0.6) * min(max((cell.high - scale.low) / ((scale.high - scale.low) or 1.0), 0.0), 1.0)]

    figure.add(Path((((axis.left, _HEIGHT), (axis.right, _HEIGHT)),), RULE, 0.2), Path(runs(cells, axis, points), INK, 0.4))
    return figure


def thumb(result: ClipResult) -> bytes:
    """The key frame with the highest score, else the first, as a JPEG of at most 128 by 96 pixels; empty where there is none."""
    if not result.key_frames:
        return b""
    best = max(result.key_frames, key=lambda frame: -1.0 if frame.score is None else frame.score)
    with Image.open(io.BytesIO(best.jpeg)) as picture:
        small = picture.convert("RGB")
        small.thumbnail(_PIXELS)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
