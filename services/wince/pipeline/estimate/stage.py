"""Estimate as a fold: faces and beats in, estimates and beats out. One estimate per face, in order; beats pass.

    unassessable face        its own reason passes on
    older than `max_age_us`  LATE, not scored
    assessable face          the scorer's reading, or its reason; never a number for what was not measured

The scorer is called once per batch, through its port. If it raises, nothing was done: the runner keeps the state and tries again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.domain.reason import Reason
from wince.errors import PeerError
from wince.pipeline.estimate.interface import Score, Scorer


@dataclass(frozen=True, slots=True)
class State:
    """Counts since the start; nothing of a face is kept. Begin with `State()`."""

    scored: int = 0
    """Faces with a reading."""
    late: int = 0
    """Faces too old to be scored."""
    declined: int = 0
    """Assessable faces for which the scorer gave a reason."""
    passed: int = 0
    """Faces that came unassessable."""


def step(
    state: State, batch: Sequence[Face | Beat], now_us: int, scorer: Scorer, max_age_us: int
) -> tuple[State, list[Estimate | Beat]]:
    """Estimates of a batch's faces, in order, beats between them where they were.

    `now_us`: the moment on the clock of the faces' `time_us` (for a file: its own time, so that nothing is late). Raises what the
    scorer raises, and PeerError where it does not answer for every face.
    """
    asked = [face for face in batch if isinstance(face, Face) and face.reason is None and now_us - face.time_us <= max_age_us]
    scores = scorer.score(asked) if asked else []
    if len(scores) != len(asked):
        raise PeerError(f"the scorer answered {len(scores)} of {len(asked)} faces", field="scorer", remedy="every face needs a score")
    answers, out = iter(scores), list[Estimate | Beat]()
    for message in batch:
        if isinstance(message, Beat):
            out.append(message)
        elif message.reason is not None:
            state = replace(state, passed=state.passed + 1)
            out.append(_without(message, message.reason, scorer.model_set))
        elif now_us - message.time_us > max_age_us:
            state = replace(state, late=state.late + 1)
            out.append(_without(message, Reason.LATE, scorer.model_set))
        else:
            estimate = _scored(message, next(answers), scorer.model_set)
            good = estimate.reason is None
            state = replace(state, scored=state.scored + good, declined=state.declined + (not good))
            out.append(estimate)
    return state, out


def _without(face: Face, reason: Reason, model_set: str) -> Estimate:
    return Estimate(face.source, face.sequence, face.time_us, reason, None, model_set=model_set, pose=face.pose)


def _scored(face: Face, score: Score, model_set: str) -> Estimate:
    reading, reason = score.reading, score.reason
    if reason is None and (reading is None or not (math.isfinite(reading.score) and math.isfinite(reading.confidence))):
        reason = Reason.UNCERTAIN  # an answer without a number is no answer
    if reason is not None:
        return _without(face, reason, model_set)
    return Estimate(
        face.source,
        face.sequence,
        face.time_us,
        None,
        reading,
        probabilities=dict(score.probabilities or {}),
        embedding=score.embedding,
        model_set=model_set,
        pose=face.pose,
    )
