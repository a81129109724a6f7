"""How an input is looked at: the bed's region, how the camera hangs, how often, and whose face. A result depends on all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wince.errors import ConfigError, ProtocolError
from wince.pipeline.capture.picture import TURNS
from wince.pipeline.detect.patient import Share
from wince.protocols.check import check
from wince.protocols.loader import rule_hash
from wince.protocols.rules import ClinicalProtocol

MOST_HZ = 30.0
"""Frames sampled a second, as of a camera."""
MOST_FACES = 99


@dataclass(frozen=True, slots=True)
class View:
    """The options of one call; checked by `view`."""

    region: Share | None = None
    """The bed's region of the upright picture: x0, y0, x1, y1 as shares of width and height, from the top left corner."""
    rotation: int = 0
    """Degrees clockwise that turn the picture upright."""
    rate_hz: float | None = None
    """Frames sampled a second; None: the protocol's. Pages a second of a file whose pages have no time."""
    face: int | None = None
    """The patient's face by its number (`pipeline/detect/lineup.py`); None: the patient rules choose."""

    @property
    def key(self) -> str:
        """For what a result is kept under."""
        return f"{self.region}/{self.rotation}/{self.rate_hz}/{self.face}"


WHOLE = View()
"""Looked at as it is."""


def view(region: str | Sequence[float] | None = None, rotation: int = 0, rate_hz: float | None = None, face: int | None = None) -> View:
    """The view that options say. `region`: "X0,Y0,X1,Y1" or four numbers. Raises ConfigError, naming the option.

    >>> view("0.5,0,1,1").region
    (0.5, 0.0, 1.0, 1.0)
    """
    if rotation not in TURNS:
        raise ConfigError("must be 0, 90, 180 or 270", field="--rotation", remedy="degrees clockwise that turn the picture upright")
    if rate_hz is not None and not 0 < rate_hz <= MOST_HZ:
        raise ConfigError(f"must be above 0 and at most {MOST_HZ:g}", field="--rate", remedy="leave it out for the protocol's own rate")
    if face is not None and not 1 <= face <= MOST_FACES:
        raise ConfigError(f"must be 1 to {MOST_FACES}", field="--face", remedy="faces are numbered from 1, left to right")
    if face is not None and region is not None:
        raise ConfigError("can't go together with --region", field="--face", remedy="give one of them: each says whose face it is")
    return View(None if region is None else _region(region), rotation, rate_hz, face)


def _region(said: str | Sequence[float]) -> Share:
    remedy = "such as --region 0.5,0,1,1 for the right half: shares of width and height, 0 to 1, from the top left corner"
    try:
        numbers = tuple(float(part) for part in (said.split(",") if isinstance(said, str) else said))
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 4:
        raise ConfigError("must be four numbers: X0,Y0,X1,Y1", field="--region", remedy=remedy)
    x0, y0, x1, y1 = numbers
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise ConfigError("needs 0 <= X0 < X1 <= 1 and 0 <= Y0 < Y1 <= 1", field="--region", remedy=remedy)
    return x0, y0, x1, y1


def at_rate(protocol: ClinicalProtocol, rate_hz: float | None) -> ClinicalProtocol:
    """The protocol for another sampling rate: what it counts in frames lasts as long as before, and its rule is another.

    Raises ConfigError where the protocol can't be kept at that rate.
    """
    before = protocol.detect.rate_hz
    if rate_hz is None or rate_hz == before:
        return protocol
    if any(member.sees == "clip" for member in protocol.estimate.members):
        raise ConfigError(
            f"protocol {protocol.name} sees clips at {before:g} Hz, so no other rate can be used",
            field="--rate",
            remedy="leave --rate out, or use another protocol",
        )
    grade = protocol.grade
    changed = replace(
        protocol,
        detect=replace(protocol.detect, rate_hz=rate_hz),
        grade=replace(
            grade,
            debounce_frames=_frames(grade.debounce_frames, rate_hz / before),
            calm=replace(grade.calm, min_frames=_frames(grade.calm.min_frames, rate_hz / before)),
        ),
    )
    try:
        check(changed)
    except ProtocolError as error:
        least = 1 / protocol.window.length_s
        raise ConfigError(
            f"protocol {protocol.name} can't be kept at {rate_hz:g} Hz: {error.message}",
            field="--rate",
            remedy=f"at least {math.ceil(least * 100) / 100:g} and at most {MOST_HZ:g} Hz; {before:g} is the protocol's",
        ) from None
    return replace(changed, rule=rule_hash(changed))


def _frames(count: int, factor: float) -> int:
    return max(1, round(count * factor))
