"""Which face is the patient's. Pure.

Rules, in this order; none of them ever swaps one person for another silently:
1. A bed's region, where the camera has one, comes first: a face whose middle lies outside it is not the patient's.
2. A face near where the patient's was, and of about its size, is the patient's (continuity). A visitor who appears meanwhile
   changes nothing.
3. Where the patient was known and only other faces are seen, the answer is NOT_PATIENT, until the memory is void: after 10 s
   where the bed's region vouches for the person in it, else after 2 minutes (so give each camera its region).
4. Where the patient is not known yet: the only face, or one much larger than all others; several alike are SEVERAL, and whoever
   remains of them when the others leave is believed only after 10 s alone.
5. Where the size of the pictures changes, what is remembered is scaled with them. Pictures of another shape show another part of
   the room, so nobody knows where in them the patient is: then rule 4 holds, as after several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wince.domain.frame import US
from wince.domain.reason import Reason

Share = tuple[float, float, float, float]
"""A region of the picture: x0, y0, x1, y1 as shares 0-1."""
NEAR = 1.0
"""The patient's face is at most this many of its own sizes from where it was."""
GROWTH = 1.7
"""...and at most this much larger or smaller."""
MUCH_LARGER = 1.6
SAME_SHAPE = 1.02
"""Pictures whose aspects differ by at most this factor show the same part of the room (1920 x 1088 and 1920 x 1080)."""
FORGET_US, FORGET_IN_REGION_US = 120 * US, 10 * US
ALONE_US = 10 * US


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Where the patient's face was last, and whether it was ever unclear who is the patient."""

    box: NDArray[np.float32] | None = None
    """(4,) px; None: the patient is not known."""
    seen_us: int = 0
    several_us: int | None = None
    """When several candidates were last seen while the patient was not known."""

    def resized(self, before: tuple[int, int], after: tuple[int, int], time_us: int) -> Memory:
        """The same place in pictures of another size, (width, height) px. `time_us`: when the size changed."""
        if self.box is None:
            return self
        across, down = after[0] / before[0], after[1] / before[1]
        if not 1 / SAME_SHAPE <= across / down <= SAME_SHAPE:
            return Memory(several_us=time_us)
        return replace(self, box=self.box * np.array([across, down, across, down], np.float32))


@dataclass(frozen=True, slots=True)
class Choice:
    """The index of the patient's face, or why there is none."""

    index: int | None
    reason: Reason | None
    memory: Memory


def inside(box: NDArray[np.float32], region: Share | None, size: tuple[int, int]) -> bool:
    """Whether the middle of the box lies in the bed's region. size: (width, height) px."""
    if region is None:
        return True
    x, y = (box[0] + box[2]) / 2 / size[0], (box[1] + box[3]) / 2 / size[1]
    return bool(region[0] <= x <= region[2] and region[1] <= y <= region[3])


def continues(box: NDArray[np.float32], last: NDArray[np.float32]) -> bool:
    """Whether a face at `box` can be the one that was at `last`."""
    now, then = _side(box), _side(last)
    step = float(np.hypot(*((box[:2] + box[2:]) / 2 - (last[:2] + last[2:]) / 2)))
    return step <= NEAR * max(now, then) and max(now, then) <= GROWTH * min(now, then)


def choose(boxes: Sequence[NDArray[np.float32]], memory: Memory, region: Share | None, size: tuple[int, int], time_us: int) -> Choice:
    """boxes: every face in the picture, px. Gives the choice and the memory to carry on with."""
    if not boxes:
        return Choice(None, Reason.NONE, memory)
    here = [i for i, box in enumerate(boxes) if inside(box, region, size)]
    if not here:
        return Choice(None, Reason.NOT_PATIENT, memory)
    forget = FORGET_US if region is None else FORGET_IN_REGION_US
    if memory.box is not None and time_us - memory.seen_us < forget:
        near = [i for i in here if continues(boxes[i], memory.box)]
        if not near:
            return Choice(None, Reason.NOT_PATIENT, memory)
        return _take(near, boxes, memory, time_us, alone=False)
    return _take(here, boxes, Memory(several_us=memory.several_us), time_us, alone=True)


def _take(candidates: list[int], boxes: Sequence[NDArray[np.float32]], memory: Memory, time_us: int, *, alone: bool) -> Choice:
    ranked = sorted(candidates, key=lambda i: -_side(boxes[i]))
    clear = len(ranked) == 1 or _side(boxes[ranked[0]]) >= MUCH_LARGER * _side(boxes[ranked[1]])
    if not clear:
        return Choice(None, Reason.SEVERAL, replace(memory, several_us=time_us) if alone else memory)
    if alone and memory.several_us is not None and time_us - memory.several_us < ALONE_US:
        return Choice(None, Reason.SEVERAL, memory)
    return Choice(ranked[0], None, Memory(boxes[ranked[0]], time_us))


def _side(box: NDArray[np.float32]) -> float:
    return float((box[2:] - box[:2]).max())
