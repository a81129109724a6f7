"""Made-up input of one source: what a camera with a known face would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.estimate import Estimate, Reading
from wince.domain.frame import US, Beat
from wince.domain.ids import site_namespace
from wince.domain.reason import Reason
from wince.pipeline.grade import stage
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol

SITE: UUID = site_namespace("test")
_ACTIVITY = loader.load("activity")
PROTOCOL: ClinicalProtocol = replace(
    _ACTIVITY,
    detect=replace(_ACTIVITY.detect, rate_hz=5.0),
    window=replace(_ACTIVITY.window, length_s=5.0, min_share=0.5),
    scale=replace(_ACTIVITY.scale, grades=tuple(replace(b, min=m) for b, m in zip(_ACTIVITY.scale.grades, (0.0, 2.0, 4.0), strict=True))),
    grade=replace(
        _ACTIVITY.grade,
        debounce_frames=3,
        min_confidence=0.5,
        alert=replace(_ACTIVITY.grade.alert, stable_s=1.0, clear_after_s=3.0),
        conflict=replace(_ACTIVITY.grade.conflict, min_smile=0.5, min_score=4.0),
        question=replace(_ACTIVITY.grade.question, after_s=2.0, unassessable_after_s=60.0, repeat_after_s=120.0),
        calm=replace(_ACTIVITY.grade.calm, max_score=2.0, min_frames=25),
    ),
)
"""activity with thresholds of its own, so that tuning the file does not move these tests."""

Look = tuple[float, float, float] | Reason | None
"""(score, confidence, smile) of a frame, or why not; None: the frame is lost."""


def setup(personal: object = None, protocol: ClinicalProtocol = PROTOCOL) -> stage.Setup:
    return stage.Setup(protocol, SITE, personal)  # type: ignore[arg-type]


def estimate(time_us: int, look: Look, models: str = "m1", embedding: NDArray[np.float32] | None = None) -> Estimate:
    if isinstance(look, Reason):
        return Estimate("cam", time_us // 200_000, time_us, look, None, model_set=models)
    assert look is not None
    score, confidence, smile = look
    units = np.array([score / 4, math.nan, score / 4, math.nan, score / 4, 0], np.float32)
    return Estimate("cam", time_us // 200_000, time_us, None, Reading(score, confidence, units, smile), {}, embedding, models)


def feed(
    look: Callable[[float], Look], seconds: float, *, origin_s: float = 0.0, ended: bool = True, models: str = "m1"
) -> list[stage.Input]:
    """Five frames a second from `origin_s` on and a beat a second; the last beat ends the source."""
    messages: list[stage.Input] = []
    sent = 0
    for index in range(round(seconds * 5)):
        time = origin_s + index / 5
        if index and index % 5 == 0:
            messages.append(Beat("cam", round(time * US), sent, 0, 0))
            sent = 0
        seen = look(time)
        sent += 1
        if seen is not None:
            embedding = np.array([seen[0], 1.0], np.float32) if isinstance(seen, tuple) else None
            messages.append(estimate(round(time * US), seen, models, embedding))
    messages.append(Beat("cam", round((origin_s + seconds) * US), sent, 0, 0, ended=ended))
    return messages


def play(messages: Sequence[stage.Input], state: stage.State | None = None) -> tuple[stage.State, list[stage.Event]]:
    return stage.step(stage.begin("cam", setup()) if state is None else state, messages)


def assessments(events: Sequence[stage.Event]) -> list[Assessment]:
    return [event for event in events if isinstance(event, Assessment)]


def alerts(events: Sequence[stage.Event]) -> list[Alert]:
    return [event for event in events if isinstance(event, Alert)]


def questions(events: Sequence[stage.Event]) -> list[Question]:
    return [event for event in events if isinstance(event, Question)]
