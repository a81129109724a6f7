"""What a whole input comes to: the grade that lasted longest (PEEA's report rule, `domain/lasting.py`).

Only frames of windows that have a grade count, so that assess never says more than `wince run` would chart. A still picture is one
frame: its grade is that of its score, and nothing lasts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from wince.assess.grade_fold import unseen
from wince.assess.result import ClipResult, FrameRow, Reading
from wince.domain.assessment import Assessment
from wince.domain.frame import US
from wince.domain.lasting import held_grades, lasting, seconds_per_grade
from wince.domain.reason import Reason
from wince.protocols.rules import ClinicalProtocol

NO_READING = Reading(None, "", None, "", {}, None, None, None)
"""Nothing was assessable."""


def of_clip(rows: Sequence[FrameRow], assessments: Sequence[Assessment], protocol: ClinicalProtocol) -> Reading:
    """The reading of a video. `rows` and `assessments`: of the same fold, in order of time."""
    counted = _counted(rows, assessments, protocol)
    good = [row for row in counted if row is not None]
    labels = [(round(row.time_s * US), None if one is None else one.grade) for row, one in zip(rows, counted, strict=True)]
    frames, step_us = protocol.grade.debounce_frames, round(US / protocol.detect.rate_hz)
    longest_us = round((frames + 0.5) * US / protocol.detect.rate_hz)
    seconds = seconds_per_grade(labels, frames=frames, step_us=step_us, longest_us=longest_us)
    grade = lasting(seconds)
    if grade is None:
        return NO_READING
    held = held_grades(labels, frames=frames, longest_us=longest_us)
    highest = max(one for one, value in seconds.items() if value > 0)
    return Reading(
        grade=grade,
        grade_name=protocol.scale.name_of(grade),
        highest=highest,
        highest_name=protocol.scale.name_of(highest),
        seconds={protocol.scale.name_of(one): round(value, 3) for one, value in seconds.items()},
        median=median(row.score for row in good if row.score is not None),
        peak=max((one.peak for one in assessments if one.peak is not None), default=None),
        confidence=median(row.confidence for row, one in zip(rows, held, strict=True) if one == grade and row.confidence is not None),
    )


def of_still(row: FrameRow, protocol: ClinicalProtocol) -> Reading:
    """The reading of a picture."""
    if row.grade is None:
        return NO_READING
    name = protocol.scale.name_of(row.grade)
    return Reading(row.grade, name, row.grade, name, {}, row.score, row.score, row.confidence)


def left_out(result: ClipResult) -> ClipResult:
    """A clip that its protocol leaves out as dim (`domain/lasting.py`): no frame of it has a number, whatever was seen in it."""
    rows = tuple(unseen(one.time_s, Reason.DARK) if one.assessable else one for one in result.frames)
    return replace(
        result, frames=rows, assessments=(), alerts=(), questions=(), plain=NO_READING,
        personal=None if result.personal is None else NO_READING, assessable_share=0.0,
        reasons=ordered(Counter(row.reason for row in rows if row.reason is not None)),
        key_frames=tuple(replace(one, landmarks=one.landmarks[:0], grade=None, score=None) for one in result.key_frames),
    )  # fmt: skip


def ordered(reasons: Mapping[Reason, int]) -> dict[Reason, int]:
    """Commonest first; of equals the one that arises first on the road."""
    road = list(Reason)
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], road.index(item[0]))))


def _counted(rows: Sequence[FrameRow], assessments: Sequence[Assessment], protocol: ClinicalProtocol) -> list[FrameRow | None]:
    """Each row that has a grade and lies in a window with a grade; None for the others."""
    graded = {one.start_us // protocol.window_us for one in assessments if one.grade is not None}
    return [row if row.grade is not None and round(row.time_s * US) // protocol.window_us in graded else None for row in rows]
