"""Windows on the fixed grid, and what one window came to.

- The grid: window n of length L is [nL, (n+1)L), for UTC and for media time.
- Grade: the debounced grade (debounce.py) that held for most frames; of equals the higher.
- Median: of the assessable frames' scores.
- Peak: the highest *debounced* score: over all runs of N assessable frames in a row that end in the window, the lowest score of
  the run; the highest of these. A single frame's spike does not count. Runs go on across the window's begin.
- Share: assessable frames over the frames expected at the protocol's rate. Below the protocol's `min_share` there is no grade; the
  reason is the commonest among the frames that are missing or unassessable (of equals the one that arises first on the road).
- Two model sets: MODEL_CHANGE. Enough frames, but no grade was ever stable: UNCERTAIN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from wince.domain.debounce import Debounce, debounce
from wince.domain.reason import Reason
from wince.domain.scales import Scale

_ROAD = {reason: position for position, reason in enumerate(Reason)}


def window_start(at_us: int, length_us: int) -> int:
    """Begin of the window that holds a moment; also before 0.

    >>> window_start(7_400_000, 5_000_000), window_start(-1, 5_000_000)
    (5000000, -5000000)
    """
    return at_us // length_us * length_us


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame of a window, after thresholds and conflicts."""

    time_us: int
    reason: Reason | None
    """None: assessable, then the numbers are set."""
    score: float = 0.0
    confidence: float = 0.0
    units: tuple[float, ...] = ()
    """In the order of UNITS; NaN where not measured."""
    model_set: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What goes on from frame to frame, also into the next window. Begin with `Run()`."""

    label: Debounce = field(default_factory=Debounce)
    scores: tuple[float, ...] = ()
    """Of the last N assessable frames in a row, at most."""


@dataclass(frozen=True, slots=True)
class Held:
    """What held after one frame."""

    grade: int | None
    """Debounced grade; None: none holds."""
    floor: float | None
    """Lowest score of the last N frames; None where they weren't all assessable."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one window came to; fields as in Assessment."""

    grade: int | None
    median: float | None
    peak: float | None
    share: float
    confidence: float | None
    reason: Reason | None
    reasons: dict[Reason, int]
    units: tuple[float | None, ...]
    model_set: str


def follow(run: Run, sample: Sample, scale: Scale, frames: int) -> tuple[Run, Held]:
    """One frame further. `frames`: N of the debounce."""
    if sample.reason is not None:
        return Run(), Held(None, None)
    label = debounce(run.label, scale.grade(sample.score), frames)
    scores = (*run.scores, sample.score)[-frames:]
    return Run(label, scores), Held(label.held, min(scores) if len(scores) == frames else None)


def summarise(
    samples: Sequence[Sample], held: Sequence[Held], *, expected: int, missing: Mapping[Reason, int], min_share: float
) -> Summary:
    """The window's result. `held`: one per sample, from `follow`; `expected`: frames at the protocol's rate; `missing`: frames that
    did not come, per reason."""
    reasons: dict[Reason, int] = {reason: count for reason, count in missing.items() if count > 0}
    for sample in samples:
        if sample.reason is not None:
            reasons[sample.reason] = reasons.get(sample.reason, 0) + 1
    good = [sample for sample in samples if sample.reason is None]
    share = min(1.0, len(good) / expected) if expected else 0.0
    sets = {sample.model_set for sample in samples if sample.model_set}
    lasting: dict[int, int] = {}
    for one in held:
        if one.grade is not None:
            lasting[one.grade] = lasting.get(one.grade, 0) + 1
    reason: Reason | None = None
    if len(sets) > 1:
        reason = Reason.MODEL_CHANGE
    elif not good or share < min_share:
        reason = min(reasons, key=lambda one: (-reasons[one], _ROAD[one]), default=Reason.GAP)
    elif not lasting:
        reason = Reason.UNCERTAIN
    model_set = sets.pop() if len(sets) == 1 else ""
    if reason is not None:
        return Summary(None, None, None, share, None, reason, reasons, (), model_set)
    return Summary(
        grade=max(lasting, key=lambda grade: (lasting[grade], grade)),
        median=median(sample.score for sample in good),
        peak=max((one.floor for one in held if one.floor is not None), default=None),
        share=share,
        confidence=median(sample.confidence for sample in good),
        reason=None,
        reasons=reasons,
        units=_units(good),
        model_set=model_set,
    )


def _units(samples: Sequence[Sample]) -> tuple[float | None, ...]:
    """Median of each unit over the frames that measured it; None where none did."""
    columns = zip(*(sample.units for sample in samples if sample.units), strict=False)
    measured = ([value for value in column if value == value] for column in columns)  # noqa: PLR0124 - NaN is what differs from itself
    return tuple(median(values) if values else None for values in measured)
