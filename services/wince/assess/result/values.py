"""The parts of a result: a sampled frame, a key frame, a way of reading the whole input, and what is said first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.domain.assessment import Alert
from wince.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One sampled frame; None where not measured or not assessable.

    A face that was measured but whose number isn't believed (a smile and pain at once, or too unsure) is assessable, has that reason,
    and its score, but no grade: grade counts it as CONFLICT or UNCERTAIN, never as 0.
    """

    time_s: float
    """Media time, seconds from the start."""
    assessable: bool
    """Whether a face was measured."""
    reason: Reason | None
    """Why it is not assessable; CONFLICT or UNCERTAIN where it is, but its number isn't believed; else None."""
    score: float | None
    """The protocol's number before any debounce; for `activity` 0-16."""
    grade: int | None
    """Index into the protocol's scale, by the score alone; None where the number isn't believed."""
    confidence: float | None
    """How sure the scorer is, 0-1; it says nothing about patients."""
    units: tuple[float | None, ...]
    """AU4, 6, 7, 9, 10, 43 in the order of domain.estimate.UNITS; None where not measured."""
    yaw: float | None
    """Head turned to a side, degrees; 0 looks into the camera."""
    pitch: float | None
    """Head raised or lowered, degrees."""
    roll: float | None
    """Head tilted in the picture, degrees."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyFrame:
    """A picture worth showing: a local maximum of the inter-frame difference in CIELUV, or the strongest moment."""

    time_s: float
    """Media time, seconds from the start."""
    jpeg: bytes
    """The frame scaled to at most 640 px, JPEG."""
    landmarks: NDArray[np.float32]
    """(478, 2) in pixels of that JPEG; (0, 2) where no face is assessable."""
    grade: int | None
    """The frame's own; None where it has none."""
    score: float | None
    """The frame's own; None where it has none."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the input comes to in one way of reading it (with, or without, the calm face that the user gave).

    A grade holds by the protocol's debounce (`domain/debounce.py`); of a still picture, its one grade does.
    """

    grade: int | None
    """The grade that held longest over the whole input (PEEA's report rule); None: not assessable."""
    grade_name: str
    """Its name; empty where None."""
    highest: int | None
    """The highest grade that held; None: not assessable."""
    highest_name: str
    """Its name; empty where None."""
    seconds: dict[str, float]
    """How long each grade held, by name; empty for a still picture."""
    median: float | None
    """Median score of all frames that have a grade."""
    peak: float | None
    """Highest debounced score (`domain/window.py`)."""
    confidence: float | None
    """Median confidence, 0-1, of the frames in which `grade` held: it says nothing of another grade."""


@dataclass(frozen=True, slots=True)
class Held:
    """A grade that held."""

    grade: int
    """Index into the protocol's scale."""
    name: str
    """Its name in that scale."""
    seconds: float | None
    """For how long in all; None for a still picture, in which nothing lasts."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What is said first of an input, in this order, wherever it is said: line, table, speech, JSON, notebook and report."""

    alerts: tuple[Alert, ...]
    """In order of time; empty: none."""
    highest: Held | None
    """The highest grade that held by the protocol's debounce, or that an alert was raised for; None: not assessable."""
    longest: Held | None
    """The grade that held longest (PEEA's report rule); None: not assessable."""
    confidence: float | None
    """Median confidence, 0-1, of the frames in which `longest` held. It is never shown beside another grade."""
    assessable_share: float
    """Frames with an assessable face over the frames expected, 0-1."""
    reasons: dict[Reason, int]
    """Frames without a grade, per reason, commonest first."""
    still: bool
    """Whether the input is one picture: nothing held for any time, and there are no alerts."""
