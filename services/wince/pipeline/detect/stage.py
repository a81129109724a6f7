"""The detect stage: frames in, one Face per frame and cut out; beats pass through unchanged.

A fold for one source: `step(state, batch, ...) -> (state, events)`. No I/O, no clock; the models are called through a port.

A frame goes one of two ways. Tracked: the mesh looks where the face was, the result is believed while the mesh is sure of itself
and the face has not jumped. Searched: nothing is tracked, or the last search is `search_every_s` old; then the detector looks at
the whole picture and patient.py says whose face is whose.

Where the protocol's crop is cut by the detector's points, the detector looks at every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Face, Quality
from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.detect import align, occlusion, patient, quality
from wince.pipeline.detect.geometry import drifted, landmark_box, region_from_landmarks
from wince.pipeline.detect.interface import Cut, FaceModels, Fit, Mesh, Region
from wince.pipeline.detect.search import Found, search, search_besides
from wince.pipeline.detect.smoothing import Smoothed, smooth
from wince.protocols.rules import DetectLimits

LOST_AFTER_US = 1 * US
"""A track is not carried over a longer gap between frames."""
UNLIKE_TRACKED = 0.13
"""Residual of the canonical face above which a tracked mesh has slipped off the face."""
UNCONFIRMED = 4
"""Searches in a row that may miss the tracked face before it counts as lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The face that is followed."""

    box: NDArray[np.float32]
    region: Region
    """Where the mesh looks next."""
    smoothed: Smoothed
    time_us: int
    misses: int = 0
    """Searches in a row that did not see it."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceState:
    """All that detect remembers of one source. What is in pixels is in those of pictures of `size`: see `_sized`."""

    size: tuple[int, int] | None = None
    """(width, height) of the last frame, px; None before the first."""
    track: Track | None = None
    memory: patient.Memory = field(default_factory=patient.Memory)
    seen: int = 0
    """Faces in the last search."""
    boxes: tuple[NDArray[np.float32], ...] = ()
    """Theirs, (4,) px of the frame that was searched."""
    searched_us: int | None = None
    turned_us: int | None = None
    """Last search that also turned the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One face in one frame, tracked or found."""

    mesh: Mesh
    region: Region
    """Where the mesh lies: what looks at this face looks there."""
    fit: Fit
    box: NDArray[np.float32]
    points: NDArray[np.float32] | None = None
    """The detector's; None where it did not look, or missed the face."""


def step(
    state: SourceState,
    batch: Sequence[Frame | Beat],
    now_us: int,
    models: FaceModels,
    cuts: Sequence[Cut],
    *,
    region: patient.Share | None = None,
) -> tuple[SourceState, list[Face | Beat]]:
    """Faces and beats of one source, in the order of the batch. `now_us` is not looked at: the messages carry their time.

    cuts: what protocols want, at least one; a frame is searched once for all of them and gives a face for each, in their order.
    region: the bed's, as shares of the picture; None: the whole picture.
    """
    events: list[Face | Beat] = []
    for message in batch:
        if isinstance(message, Beat):
            events.append(message)
            continue
        state, faces = look_each(state, message, models, cuts, region)
        events += faces
    return state, events


def look(
    state: SourceState, frame: Frame, models: FaceModels, limits: DetectLimits, region: patient.Share | None
) -> tuple[SourceState, Face]:
    """One frame for one protocol."""
    state, (face,) = look_each(state, frame, models, [Cut(limits)], region)
    return state, face


def look_each(
    state: SourceState, frame: Frame, models: FaceModels, cuts: Sequence[Cut], region: patient.Share | None
) -> tuple[SourceState, list[Face]]:
    """One frame. Where a crop is cut by the detector's points, its protocol says how often the detector looks."""
    limits = next((cut.limits for cut in cuts if cut.limits.crop == "points"), cuts[0].limits)
    size = (frame.pixels.shape[1], frame.pixels.shape[0])
    state = _sized(state, size, frame.time_us)
    why: Reason | None = None
    wide = models.wide(frame.pixels) if state.track is not None else frame.pixels
    seen = _follow(state.track, frame, wide, models, limits)
    if seen is not None and not patient.inside(seen.box, region, size):
        seen = None
    if seen is not None and state.track is not None and (limits.crop == "points" or _due(state.searched_us, frame.time_us, limits)):
        state, seen = _confirm(state, state.track, seen, frame, models)
    if seen is None:
        state, seen, why = _search(replace(state, track=None), frame, models, limits, region)
    if seen is None:
        nothing = [_nothing(frame, why or Reason.NONE, state.seen, cut) for cut in cuts]
        return replace(state, track=None), nothing
    before = state.track.smoothed if state.track is not None else None
    smoothed = smooth(before, seen.mesh.landmarks, frame.time_us)
    misses = state.track.misses if state.track is not None else 0
    following = Track(seen.box, seen.region, smoothed, frame.time_us, misses)
    memory = patient.Memory(seen.box, frame.time_us)
    faces = _faces(frame, wide, seen, smoothed.landmarks, state.seen, cuts)
    return replace(state, track=following, memory=memory), faces


def _sized(state: SourceState, size: tuple[int, int], time_us: int) -> SourceState:
    """The state for a picture of this size. After a change nothing is followed: the face is searched for, near where it was."""
    if state.size in (None, size):
        return replace(state, size=size)
    return replace(state, size=size, track=None, memory=state.memory.resized(state.size, size, time_us))


def _follow(track: Track | None, frame: Frame, wide: NDArray[np.uint8], models: FaceModels, limits: DetectLimits) -> _Look | None:
    """The tracked face in this frame; None where there is none to track, or it is lost."""
    if track is None or not 0 < frame.time_us - track.time_us <= LOST_AFTER_US:
        return None
    mesh = models.mesh.fit(wide, track.region)
    if mesh.presence < limits.min_presence:
        return None
    if drifted(track.region, region := region_from_landmarks(mesh.landmarks)):
        mesh = models.mesh.fit(wide, region)
        region = region_from_landmarks(mesh.landmarks)
    box = landmark_box(mesh.landmarks)
    fit = models.pose.solve(mesh.landmarks)
    if mesh.presence < limits.min_presence or fit.residual > UNLIKE_TRACKED or not patient.continues(box, track.box):
        return None
    return _Look(mesh, region, fit, box)


def _confirm(state: SourceState, track: Track, seen: _Look, frame: Frame, models: FaceModels) -> tuple[SourceState, _Look | None]:
    """While a face is tracked: is it still a face to the detector, and who else is there? None: it counts as lost."""
    same, others = search_besides(models, frame.pixels, seen.box, seen.fit.pose.roll)
    misses = 0 if same is not None else track.misses + 1
    state = replace(state, searched_us=frame.time_us, seen=1 + len(others), track=replace(track, misses=misses))
    state = replace(state, boxes=(seen.box, *(one.box for one in others)))
    return state, replace(seen, points=same.points if same is not None else None) if misses < UNCONFIRMED else None


def _search(
    state: SourceState, frame: Frame, models: FaceModels, limits: DetectLimits, region: patient.Share | None
) -> tuple[SourceState, _Look | None, Reason | None]:
    """Nothing is tracked: look at the whole picture, and choose the patient's face or say why there is none."""
    may_turn = limits.detector != "mtcnn"  # it fires on faces that lie sideways, with its points in wrong places
    turns = may_turn and _due(state.turned_us, frame.time_us, limits)
    found, choice = _choose(state, frame, models, region, turns=turns)
    if choice.index is not None and may_turn and not turns:  # before a face is followed it is looked at in every turn: see `search`
        turns = True
        found, choice = _choose(state, frame, models, region, turns=True)
    turned_us = frame.time_us if turns else state.turned_us
    state = replace(state, track=None, seen=len(found), memory=choice.memory, searched_us=frame.time_us, turned_us=turned_us)
    state = replace(state, boxes=tuple(one.box for one in found))
    if choice.index is None:
        return state, None, choice.reason
    chosen = found[choice.index]
    return state, _Look(chosen.mesh, region_from_landmarks(chosen.mesh.landmarks), chosen.fit, chosen.box, chosen.points), None


def _choose(
    state: SourceState, frame: Frame, models: FaceModels, region: patient.Share | None, *, turns: bool
) -> tuple[list[Found], patient.Choice]:
    found = search(models, frame.pixels, turns=turns)
    size = (frame.pixels.shape[1], frame.pixels.shape[0])
    return found, patient.choose([one.box for one in found], state.memory, region, size, frame.time_us)


def _due(last_us: int | None, time_us: int, limits: DetectLimits) -> bool:
    return last_us is None or not 0 <= time_us - last_us < limits.search_every_s * US


def _nothing(frame: Frame, why: Reason, seen: int, cut: Cut) -> Face:
    """No face of the patient. In a picture too dark to see one in, the light is to blame."""
    height, width = frame.pixels.shape[:2]
    whole = np.array([0, 0, width, height], np.float32)
    if why is Reason.NONE and quality.brightness(frame.pixels, whole) < cut.limits.min_brightness / 2:
        why = Reason.DARK
    return Face(
        source=frame.source, sequence=frame.sequence, time_us=frame.time_us, frame_size=(width, height), reason=why, seen=seen,
        box=None, landmarks=None, pose=None, quality=None, features=None, crop=b"", protocols=cut.protocols,
    )  # fmt: skip


def _faces(
    frame: Frame, wide: NDArray[np.uint8], seen: _Look, landmarks: NDArray[np.float32], count: int, cuts: Sequence[Cut]
) -> list[Face]:
    """Measure once; judge, and cut out what later stages look at, for each cut."""
    size = (frame.pixels.shape[1], frame.pixels.shape[0])
    if occlusion.share_outside(seen.mesh.landmarks, size) > quality.OUT_OF_PICTURE:
        return [_nothing(frame, Reason.NONE, count, cut) for cut in cuts]
    aligned = align.aligned(wide, landmarks)
    measured = quality.measure(frame.pixels, seen.box, seen.mesh.landmarks, aligned, seen.mesh)
    return [_face(frame, wide, seen, landmarks, count, aligned, measured, cut) for cut in cuts]


def _face(
    frame: Frame,
    wide: NDArray[np.uint8],
    seen: _Look,
    landmarks: NDArray[np.float32],
    count: int,
    crop: NDArray[np.uint8],
    measured: Quality,
    cut: Cut,
) -> Face:
    """`crop`: the aligned one."""
    limits, size = cut.limits, (frame.pixels.shape[1], frame.pixels.shape[0])
    if limits.crop == "points":
        if seen.points is None:  # the protocol's own detector does not see a face here
            return _nothing(frame, Reason.NONE, count, cut)
        crop = align.by_points(frame.pixels, seen.points)
    elif limits.crop == "padded":
        crop = align.padded(frame.pixels, seen.box)
    why = quality.reason(measured, seen.fit.pose, limits)
    good = why is None
    return Face(
        source=frame.source, sequence=frame.sequence, time_us=frame.time_us, frame_size=size, reason=why, seen=max(count, 1),
        box=seen.box, landmarks=landmarks, pose=seen.fit.pose, quality=measured,
        features=seen.mesh.features if good else None, crop=align.encode(crop) if good and cut.encoded else b"",
        grey=align.grey(wide, seen.region) if good else None, protocols=cut.protocols,
    )  # fmt: skip
