"""A clip belongs to one stay. Where members see clips, a face soon after a change of stay was scored together with faces from before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wince.domain.reason import Reason
from wince.pipeline.grade.state import Seen, State


def of_one_stay(state: State, seen: Sequence[Seen]) -> Sequence[Seen]:
    """The estimates of a window; GAP instead of a number whose clip lies over a change of who is there."""
    clip = state.setup.protocol.clip
    if clip is None or not state.occupants:
        return seen
    moves = [one.at_us for one in state.occupants]

    def over(time_us: int) -> bool:
        return any(time_us - clip.reach_us < move <= time_us for move in moves)

    return [replace(one, reason=Reason.GAP, embedding=None) if one.reason is None and over(one.time_us) else one for one in seen]
