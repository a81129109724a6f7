"""What one window comes to, when it closes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.ids import alert_id, assessment_id, question_id
from wince.domain.reason import Reason
from wince.domain.routing import Role
from wince.domain.threshold import Decision, decide
from wince.domain.window import Held, Run, Sample, Summary, follow, summarise
from wince.domain.withheld import WITHHELD
from wince.pipeline.grade.alerts import US, Episode, Fired, Limits, watch
from wince.pipeline.grade.asking import ASKED, Stretch
from wince.pipeline.grade.calm import Calm
from wince.pipeline.grade.clips import of_one_stay
from wince.pipeline.grade.people import basis, blocked, changes, prune, role, silent, stay_at, takes_over
from wince.pipeline.grade.state import Beats, Seen, State
from wince.protocols.rules import ClinicalProtocol, GradeRules

Embedding = NDArray[np.float32]
"""(k,), see `domain.estimate.Estimate`."""
Asked = tuple[Reason, int, int]
"""Reason, begin and end of a stretch that a nurse is asked about."""


def close(state: State, seen: Sequence[Seen], start_us: int, end_us: int) -> tuple[State, list[Alert | Question | Assessment]]:
    """Close the window [start, end). `seen`: its estimates in order of time. Nothing is said of it where other protocols look at who is
    there (domain/routing.py); a shadow gives its assessment alone."""
    if silent(state, start_us, end_us):
        return prune(replace(_nobody(state), calm=Calm(), bound=stay_at(state, end_us - 1)), end_us), []
    protocol, seen = state.setup.protocol, of_one_stay(state, seen)
    stay, moves, reason = stay_at(state, start_us), changes(state, start_us, end_us), blocked(state, start_us, end_us)
    taken_over = takes_over(state, start_us, end_us)
    shadow = role(state, start_us) is Role.SHADOW and not taken_over
    if taken_over and reason is None:
        reason = Reason.POPULATION
    state = replace(state, basis=basis(state, start_us, moves, reason))
    if stay != state.bound:
        state = _nobody(state)
    nameless = bool(state.occupants) and stay is None
    if state.calm.stay != stay or nameless:
        state = replace(state, calm=Calm(stay))
    expected = max(1, round(protocol.detect.rate_hz * (end_us - start_us) / US))
    missing = _missing(state.beats, len(seen), expected, protocol.detect.rate_hz, (end_us - start_us) / US)
    fired: list[Fired] = []
    asked: list[Asked] = []
    if reason is not None:
        samples, personal = [Sample(one.time_us, reason) for one in seen], False
        held = [Held(None, None)] * len(samples)
        state = _nobody(state)
    else:
        samples, personal = _samples(state, seen, start_us if not moves else None)
        state, held = _frames(state, samples, moves, fired, asked)
    summary = summarise(samples, held, expected=expected, missing=missing, min_share=protocol.window.min_share)
    if reason is not None:
        summary = replace(summary, reason=reason, grade=None, median=None, peak=None, confidence=None, units=())
    state = _without(state, summary, reason, start_us, end_us, asked)
    if shadow:
        fired, asked = [], []
    if summary.reason is Reason.CONSENT:  # nothing is kept of who refused
        state = replace(state, calm=Calm(stay))
    if reason is None and not moves and not nameless and summary.reason not in WITHHELD:
        state = replace(state, calm=state.calm.add(_calm_faces(state, seen)))
        if fired or asked:
            window = assessment_id(state.setup.site, state.source, protocol.name, start_us)
            state = replace(state, calm=state.calm.keep(window, _calm_faces(state, seen, whatever=True)))
    events = _events(state, summary, (start_us, end_us), len(seen), personal, fired, asked, shadow=shadow)
    state = replace(state, bound=stay_at(state, end_us - 1))
    return prune(state, end_us), events


def _nobody(state: State) -> State:
    """Without anything that belongs to the patient before, or to before a pause. The calm face is not touched."""
    return replace(state, run=Run(), episode=Episode(), conflict=Stretch(), uncertain=Stretch(), without=Stretch())


def _missing(beats: Beats, arrived: int, expected: int, rate_hz: float, seconds: float) -> dict[Reason, int]:
    """Frames that did not come, per reason: damaged; sent but lost on the way, or dropped; silent; never spoken of by a beat.
    What no beat explains is a camera slower than the protocol's rate: NO_FRAME."""
    rest = expected - arrived
    missing: dict[Reason, int] = {}

    def take(reason: Reason, count: float) -> None:
        nonlocal rest
        taken = min(rest, math.ceil(count))
        if taken > 0:
            missing[reason] = missing.get(reason, 0) + taken
            rest -= taken

    take(Reason.CORRUPT, beats.corrupt)
    take(Reason.GAP, beats.dropped + max(0, beats.frames - arrived))
    for reason, count in beats.silent:
        take(reason, count * rate_hz)
    take(Reason.GAP, (math.ceil(seconds) - beats.count) * rate_hz)
    take(Reason.NO_FRAME, rest)
    return missing


def _samples(state: State, seen: Sequence[Seen], calm_us: int | None) -> tuple[list[Sample], bool]:
    """Frames after threshold and conflict rule; read against the calm face of `calm_us`, the window's begin, where it is known then."""
    rules, personal = state.setup.protocol.grade, state.setup.personal
    faces = [one for one in seen if one.reason is None]
    calm = state.calm.face(rules.calm.min_frames, calm_us) if personal is not None and calm_us is not None else None
    readings = {}
    if calm is not None and personal is not None and faces:
        embeddings = [one.embedding for one in faces if one.embedding is not None and one.embedding.shape == calm.shape]
        if len(embeddings) == len(faces):
            answers = personal.read(np.stack(embeddings), calm)
            readings = {one.time_us: reading for one, reading in zip(faces, answers, strict=True)}
    samples = []
    for one in seen:
        if one.reason is not None:
            samples.append(Sample(one.time_us, one.reason, model_set=one.model_set))
            continue
        own = readings.get(one.time_us)
        score, confidence, smile, units = (
            (one.score, one.confidence, one.smile, one.units)
            if own is None
            else (own.score, own.confidence, own.smile, tuple(own.units.tolist()))
        )
        reason = doubt(score, confidence, smile, rules)
        samples.append(Sample(one.time_us, reason, float(score), float(confidence), units, one.model_set))
    return samples, bool(readings)


def doubt(score: float, confidence: float, smile: float, rules: GradeRules) -> Reason | None:
    """Why a number can't be believed: a smile and pain at once, or too unsure; None: it can."""
    if smile >= rules.conflict.min_smile and score >= rules.conflict.min_score:
        return Reason.CONFLICT
    if decide(confidence, rules.min_confidence) is Decision.ASK or not math.isfinite(score):
        return Reason.UNCERTAIN
    return None


def _frames(state: State, samples: Sequence[Sample], moves: list[int], fired: list[Fired], asked: list[Asked]) -> tuple[State, list[Held]]:
    """Debounce, alert rule and questions, frame by frame. A change of stay, or silence for N frames, begins again."""
    protocol = state.setup.protocol
    frames, scale, ask = protocol.grade.debounce_frames, protocol.scale, protocol.grade.question
    limits = alert_limits(protocol)
    after_us, repeat_us = round(ask.after_s * US), round(ask.repeat_after_s * US)
    silence_us = round((frames + 0.5) * US / protocol.detect.rate_hz)
    run, episode, moves = state.run, state.episode, list(moves)
    stretches = {Reason.CONFLICT: state.conflict, Reason.UNCERTAIN: state.uncertain}
    held: list[Held] = []
    last_us = state.last_us
    for sample in samples:
        time = sample.time_us
        if moves and time >= moves[0]:
            run, episode, stretches = Run(), Episode(), {reason: Stretch() for reason in ASKED}
            _cut(fired, moves[0])
            while moves and time >= moves[0]:
                moves.pop(0)
        elif last_us is not None and time - last_us > silence_us:
            run, episode = Run(), episode.broken()
            _cut(fired, last_us)
            stretches = {reason: stretch.ended() for reason, stretch in stretches.items()}
        last_us = time
        run, one = follow(run, sample, scale, frames)
        held.append(one)
        episode = watch(episode, time, run.label.candidate, one, limits, fired)
        for reason, stretch in stretches.items():
            if sample.reason is reason:
                now = stretch.begun(time)
                if now.due(time, after_us, repeat_us) and now.since_us is not None:
                    asked.append((reason, now.since_us, time))
                    now = now.put(time)
                stretches[reason] = now
            else:
                stretches[reason] = stretch.passed(frames)
    conflict, uncertain = stretches[Reason.CONFLICT], stretches[Reason.UNCERTAIN]
    return replace(state, run=run, episode=episode, conflict=conflict, uncertain=uncertain, last_us=last_us), held


def _cut(fired: Sequence[Fired], at_us: int) -> None:
    """The run of the last alert ended."""
    if fired and fired[-1].end_us is None:
        fired[-1].end_us = max(at_us, fired[-1].start_us)


def alert_limits(protocol: ClinicalProtocol) -> Limits:
    """The protocol's alert rule with its grade as an index."""
    rule = protocol.grade.alert
    grade = next(index for index, band in enumerate(protocol.scale.grades) if band.name == rule.grade)
    return Limits(grade, round(rule.stable_s * US), round(rule.clear_after_s * US))


def _without(state: State, summary: Summary, reason: Reason | None, start_us: int, end_us: int, asked: list[Asked]) -> State:
    """Follow a stretch of windows without a grade; ask when it lasts. What people decided is not asked about, nor what was lost
    on our side: by the time a hole is known, it is over."""
    rule = state.setup.protocol.grade.question
    if summary.reason is None or reason is not None or summary.reason is Reason.GAP or summary.reason in WITHHELD:
        return replace(state, without=state.without.ended())
    stretch = state.without.begun(start_us)
    long_us = round(rule.unassessable_after_s * US)
    if long_us and stretch.since_us is not None and stretch.due(end_us, long_us, round(rule.repeat_after_s * US)):
        asked.append((summary.reason, stretch.since_us, end_us))
        stretch = stretch.put(end_us)
    return replace(state, without=stretch)


def _calm_faces(state: State, seen: Sequence[Seen], *, whatever: bool = False) -> list[Embedding]:
    """Embeddings of the frames that are calm by the reading without a reference, and at rest by the personal model: a low score
    alone would let yawns and speech teach the calm face. `whatever`: whatever they score and however unsure; no smile, and at rest."""
    rule, personal = state.setup.protocol.grade, state.setup.personal
    calm = [
        one.embedding
        for one in seen
        if one.reason is None
        and one.embedding is not None
        and one.smile < rule.conflict.min_smile
        and (whatever or (one.score <= rule.calm.max_score and one.confidence >= rule.min_confidence))
        and bool(np.isfinite(one.embedding).all())
    ]
    if personal is None or not calm or len({one.shape for one in calm}) > 1:
        return []
    return [one for one, rests in zip(calm, personal.at_rest(np.stack(calm)), strict=True) if rests]


def _events(
    state: State,
    summary: Summary,
    span: tuple[int, int],
    frames: int,
    personal: bool,
    fired: Sequence[Fired],
    asked: Sequence[Asked],
    *,
    shadow: bool,
) -> list[Alert | Question | Assessment]:
    """Alerts, then questions, then the assessment that they belong to."""
    protocol, source = state.setup.protocol, state.source
    start_us, end_us = span
    identity = assessment_id(state.setup.site, source, protocol.name, start_us)
    events: list[Alert | Question | Assessment] = []
    for one in fired:
        ended = end_us if one.end_us is None else one.end_us
        name = protocol.scale.name_of(one.grade)
        found = alert_id(identity, one.start_us)
        events.append(Alert(found, identity, source, protocol.name, one.start_us, ended, one.grade, name, one.peak))
    seen: set[tuple[Reason, int]] = set()
    for reason, since_us, until_us in asked:
        if (reason, since_us) not in seen:
            seen.add((reason, since_us))
            events.append(Question(question_id(identity, reason, since_us), identity, source, protocol.name, since_us, until_us, reason))
    assessment = Assessment(
        id=identity,
        source=source,
        protocol=protocol.name,
        start_us=start_us,
        end_us=end_us,
        grade=summary.grade,
        grade_name=protocol.scale.name_of(summary.grade),
        median=summary.median,
        peak=summary.peak,
        assessable_share=summary.share,
        confidence=summary.confidence,
        reason=summary.reason,
        frames=frames,
        reasons=summary.reasons,
        units=summary.units,
        personal=personal and summary.reason is None,
        model_set=summary.model_set,
        rule=protocol.rule,
        basis=state.basis,
        shadow=shadow,
    )
    return [*events, assessment]
