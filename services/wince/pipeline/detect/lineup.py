"""Numbers for the faces of one source, so that a person can say which is the patient's. Pure.

Faces get a number when they are first seen, from 1; those that are first seen in the same frame from left to right. A face near where
a numbered one was last, and of about its size, is that one (`patient.continues`). The numbers are those of the searches that detect makes
anyway: they are the same whichever face is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Face
from wince.domain.frame import Frame
from wince.domain.reason import Reason
from wince.pipeline.detect.patient import Memory, Share, continues
from wince.pipeline.detect.stage import SourceState


@dataclass(frozen=True, slots=True)
class Sighting:
    """One numbered face."""

    number: int
    first_us: int
    """When it was first seen, event time."""
    first: Share
    """Where: its box x0, y0, x1, y1 as shares of the picture."""
    last: Share
    """Where it was seen last."""


Lineup = tuple[Sighting, ...]
"""The numbered faces of one source, in order."""


def seen(lineup: Lineup, state: SourceState, frame: Frame) -> Lineup:
    """The line-up after a frame; `state`: detect's, after it."""
    followed = () if state.track is None else (state.track.box,)
    boxes = state.boxes if state.searched_us == frame.time_us else followed
    size = _size(frame)
    faces = list(lineup)
    taken: set[int] = set()
    for box in sorted(boxes, key=lambda one: float(one[0] + one[2])):
        near = [one for one in faces if one.number not in taken and continues(box, _pixels(one.last, size))]
        here = _share(box, size)
        if near:
            same = min(near, key=lambda one: _apart(one.last, here))
            faces[same.number - 1] = replace(same, last=here)
        else:
            same = Sighting(len(faces) + 1, frame.time_us, here, here)
            faces.append(same)
        taken.add(same.number)
    return tuple(faces)


def chosen(lineup: Lineup, number: int, state: SourceState, frame: Frame) -> SourceState | None:
    """Detect's state for this frame, with the face of that number known as the patient's; None: it was not seen yet."""
    if number > len(lineup):
        return None
    box = _pixels(lineup[number - 1].last, _size(frame))
    return replace(state, track=None, memory=Memory(box, frame.time_us))


def withheld(faces: Sequence[Face]) -> list[Face]:
    """Faces of a frame in which the wanted one was not seen yet: whatever was seen is not the patient's."""
    return [
        one
        if one.seen == 0
        else replace(one, reason=Reason.NOT_PATIENT, box=None, landmarks=None, pose=None, quality=None, features=None, crop=b"", grey=None)
        for one in faces
    ]


def _size(frame: Frame) -> tuple[int, int]:
    return frame.pixels.shape[1], frame.pixels.shape[0]


def _share(box: NDArray[np.float32], size: tuple[int, int]) -> Share:
    width, height = size
    return float(box[0]) / width, float(box[1]) / height, float(box[2]) / width, float(box[3]) / height


def _pixels(share: Share, size: tuple[int, int]) -> NDArray[np.float32]:
    return np.array(share, np.float32) * np.array((*size, *size), np.float32)


def _apart(one: Share, other: Share) -> float:
    return float(np.hypot(one[0] + one[2] - other[0] - other[2], one[1] + one[3] - other[1] - other[3]))
