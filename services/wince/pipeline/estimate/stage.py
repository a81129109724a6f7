"""Estimate as a fold: faces and beats in, estimates and beats out. One estimate per face, in order; beats pass.

    unassessable face        its own reason passes on
    older than `max_age_us`  LATE, not scored
    assessable face          the scorer's reading, or its reason; never a number for what was not measured
    no whole clip            where members see clips: the reason of the newest face that is missing in it, GAP where none came

The scorer is called once per batch, through its port. If it raises, nothing was done: the runner keeps the state and tries again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.domain.reason import Reason
from wince.errors import PeerError
from wince.pipeline.estimate.clips import Clips, Gathering
from wince.pipeline.estimate.interface import Score, Scorer, sees_clips


@dataclass(frozen=True, slots=True)
class State:
    """Counts since the start, and the clips' last seconds; nothing of a face is kept without members that see clips. Begin with
    `State()`."""

    scored: int = 0
    """Faces with a reading."""
    late: int = 0
    """Faces too old to be scored."""
    declined: int = 0
    """Assessable faces for which the scorer gave a reason."""
    passed: int = 0
    """Faces that came unassessable."""
    broken: int = 0
    """Assessable faces whose clip was not whole."""
    clips: Clips = field(default_factory=Clips)


def step(state: State, batch: Sequence[Face | Beat], now_us: int, scorer: Scorer, max_age_us: int) -> tuple[State, list[Estimate | Beat]]:
    """Estimates of a batch's faces, in order, beats between them where they were.

    `now_us`: the moment on the clock of the faces' `time_us` (for a file: its own time, so that nothing is late). Raises what the
    scorer raises, and PeerError where it does not answer for every face.
    """
    gathering = Gathering(state.clips, scorer.clip) if sees_clips(scorer) else None
    asked: list[Face] = []
    clips: list[tuple[bytes, ...]] = []
    reasons: list[Reason | None] = []
    for message in batch:
        if isinstance(message, Beat):
            if gathering is not None:
                gathering.beat(message)
            continue
        clip = () if gathering is None else gathering.face(message)
        late = now_us - message.time_us > max_age_us
        broken = clip if isinstance(clip, Reason) else None
        reasons.append(message.reason or (Reason.LATE if late else broken))
        if reasons[-1] is None and not isinstance(clip, Reason):
            asked.append(message)
            clips.append(clip)
    answers, reason_of, out = iter(_scores(scorer, asked, clips)), iter(reasons), list[Estimate | Beat]()
    for message in batch:
        if isinstance(message, Beat):
            out.append(message)
            continue
        reason = next(reason_of)
        if reason is None:
            estimate = _scored(message, next(answers), scorer.model_set)
            good = estimate.reason is None
            state = replace(state, scored=state.scored + good, declined=state.declined + (not good))
        else:
            estimate = _without(message, reason, scorer.model_set)
            state = _counted(state, message, late=now_us - message.time_us > max_age_us)
        out.append(estimate)
    return (state if gathering is None else replace(state, clips=gathering.after())), out


def _scores(scorer: Scorer, asked: Sequence[Face], clips: Sequence[tuple[bytes, ...]]) -> list[Score]:
    if not asked:
        return []
    scores = scorer.score_clips(asked, clips) if sees_clips(scorer) else scorer.score(asked)
    if len(scores) != len(asked):
        raise PeerError(f"the scorer answered {len(scores)} of {len(asked)} faces", field="scorer", remedy="every face needs a score")
    return scores


def _counted(state: State, face: Face, *, late: bool) -> State:
    if face.reason is not None:
        return replace(state, passed=state.passed + 1)
    return replace(state, late=state.late + 1) if late else replace(state, broken=state.broken + 1)


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
