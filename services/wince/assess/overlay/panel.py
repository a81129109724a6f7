"""The panel beside the picture: time, grade, score, units as bars, alert, and where in the film this is. Drawn once for each sample."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import wince.report
from wince.assess.result import ClipResult, FrameRow
from wince.assess.result.words import NONE, REASONS, UNIT_NAMES
from wince.domain.frame import US
from wince.protocols.rules import ClinicalProtocol

BACK, INK, SOFT, BAR, RULE = "#11161d", "#ffffff", "#b9c3cf", "#5ec8f2", "#3a4552"
ALERT, DOUBT = "#d7263d", "#ffc247"
WIDE, TALL = 17, 27
"""Width and least height of the panel, in units of its letters."""
_MOST = (5.0, 5.0, 5.0, 5.0, 5.0, 1.0)
"""The top of each unit's bar, in the order of domain.estimate.UNITS."""


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The report's own letters, of so many pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(wince.report.__file__).parent / "fonts" / name), size)


class Panel:
    """Draws the panel of one result."""

    def __init__(self, result: ClipResult, protocol: ClinicalProtocol, unit: int, height: int) -> None:
        """`unit`: height of a letter, px; `height`: of the panel, px."""
        self._result, self._protocol, self._unit = result, protocol, unit
        self._size = (unit * WIDE, height)

    def draw(self, row: FrameRow | None, time_us: int, *, alert: bool) -> NDArray[np.uint8]:
        """RGB uint8 (height, width, 3). `row`: the newest sample; None: there is none. `alert`: one holds."""
        image = Image.new("RGB", self._size, BACK)
        sheet = _Sheet(ImageDraw.Draw(image), self._unit)
        sheet.text(0.8, f"{_clock(time_us)} of {_clock(round(self._result.duration_s * US))}", SOFT)
        self._grade(sheet, row)
        sheet.gap(0.5)
        units = (None,) * len(UNIT_NAMES) if row is None else row.units
        for (name, meaning), value, most in zip(UNIT_NAMES, units, _MOST, strict=True):
            sheet.text(0.75, f"{name} {meaning}", SOFT, right=NONE if value is None else f"{value:.1f}")
            sheet.bar(None if value is None else value / most)
        sheet.gap(0.3)
        if alert:
            sheet.block("ALERT")
        sheet.below(self._size[1])
        for line in reversed(textwrap.wrap(f"{self._protocol.title}: {self._protocol.report.label}", 42)):
            sheet.up(0.62, line)
        self._course(sheet, time_us)
        return np.asarray(image)

    def _grade(self, sheet: _Sheet, row: FrameRow | None) -> None:
        scale = self._protocol.scale
        reason = None if row is None else row.reason
        if row is None:
            sheet.text(1.5, "no sample", SOFT, bold=True)
        elif row.grade is not None:
            sheet.text(1.5, scale.name_of(row.grade), INK, bold=True)
        else:
            sheet.text(1.5, "no grade" if row.assessable else "not assessable", DOUBT, bold=True)
        sheet.text(0.9, "" if reason is None else REASONS[reason], DOUBT)
        score = None if row is None else row.score
        sheet.text(0.9, f"score {NONE if score is None else f'{score:.1f}'} of {scale.high:g}", INK)
        span = scale.high - scale.low
        ticks = tuple((band.min - scale.low) / span for band in scale.grades[1:])
        sheet.bar(None if score is None else (score - scale.low) / span, ticks=ticks)
        confidence = None if row is None else row.confidence
        sheet.text(0.75, "confidence", SOFT, right=NONE if confidence is None else f"{confidence:.0%}")

    def _course(self, sheet: _Sheet, time_us: int) -> None:
        """The whole film as a line, with its alerts and this moment."""
        whole = max(1.0, self._result.duration_s * US)
        sheet.line([(one.start_us / whole, one.end_us / whole) for one in self._result.alerts], time_us / whole)


class _Sheet:
    """A column that fills from the top, and from the bottom."""

    def __init__(self, draw: ImageDraw.ImageDraw, unit: int) -> None:
        self._draw, self._unit = draw, unit
        self._left, self._right = unit, unit * (WIDE - 1)
        self._y, self._bottom = float(unit) * 0.7, 0.0

    def gap(self, size: float) -> None:
        self._y += size * self._unit

    def text(self, size: float, text: str, colour: str, *, bold: bool = False, right: str = "") -> None:
        """A line; `size` in units. Too long a text gets smaller letters."""
        pixels = max(8, round(size * self._unit))
        while pixels > 8 and font(pixels, bold=bold).getlength(text) > self._right - self._left:
            pixels -= 1
        self._draw.text((self._left, self._y), text, colour, font(pixels, bold=bold))
        if right:
            self._draw.text((self._right, self._y), right, INK, font(pixels, bold=True), anchor="ra")
        self._y += (size + 0.35) * self._unit

    def bar(self, share: float | None, *, ticks: tuple[float, ...] = ()) -> None:
        """A bar of the share 0-1; None: nothing was measured, and the frame is empty."""
        top, bottom = self._y, self._y + self._unit * 0.45
        self._draw.rectangle((self._left, top, self._right, bottom), None, RULE, max(1, self._unit // 16))
        if share is not None:
            end = self._left + (self._right - self._left) * min(1.0, max(0.0, share))
            self._draw.rectangle((self._left, top, max(end, self._left + 1), bottom), BAR)
        for tick in ticks:
            x = self._left + (self._right - self._left) * tick
            self._draw.line((x, top, x, bottom + self._unit * 0.15), INK, max(1, self._unit // 12))
        self._y = bottom + self._unit * 0.3

    def block(self, text: str) -> None:
        """White letters on a red ground."""
        box = (self._left, self._y, self._right, self._y + 1.6 * self._unit)
        self._draw.rectangle(box, ALERT)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        self._draw.text(middle, text, INK, font(round(1.1 * self._unit), bold=True), anchor="mm")

    def below(self, height: int) -> None:
        """From here on from the bottom upwards."""
        self._bottom = height - 0.5 * self._unit

    def up(self, size: float, text: str) -> None:
        """A line above what is there."""
        letters = font(max(8, round(size * self._unit)))
        self._bottom -= (size + 0.25) * self._unit
        self._draw.text((self._left, self._bottom), text, SOFT, letters)

    def line(self, marked: list[tuple[float, float]], now: float) -> None:
        """A line of the whole width with marked stretches and a cursor; all as shares."""
        self._bottom -= self._unit
        wide = self._right - self._left
        self._draw.rectangle((self._left, self._bottom, self._right, self._bottom + self._unit * 0.3), RULE)
        for begin, end in marked:
            box = (self._left + wide * begin, self._bottom, self._left + wide * max(end, begin + 0.01), self._bottom + self._unit * 0.3)
            self._draw.rectangle(box, ALERT)
        x = self._left + wide * min(1.0, now)
        self._draw.rectangle((x - 1, self._bottom - self._unit * 0.2, x + 1, self._bottom + self._unit * 0.5), INK)


def _clock(time_us: int) -> str:
    minutes, rest = divmod(max(0, time_us) / US, 60)
    return f"{int(minutes)}:{rest:04.1f}"
