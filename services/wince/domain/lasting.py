"""What a whole clip comes to, as the hip-fracture study (PEEA) reports it.

- A label holds after N stable frames (debounce.py). Each frame stands for the time until the next one; a pause between frames that
  is longer than `longest_us` is not counted: nobody looked.
- The clip's grade is the one that lasted longest; of equals the higher (ours: the study doesn't say).
- A clip that is dim is left out whole (28 of the study's 300). The study gives no limit; the share of dark frames is the protocol's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wince.domain.debounce import Debounce, debounce
from wince.domain.reason import Reason


def seconds_per_grade(labels: Sequence[tuple[int, int | None]], *, frames: int, step_us: int, longest_us: int) -> dict[int, float]:
    """How long each grade held, seconds, by index.

    labels: (time_us, grade, or None where not assessable), times ascending; frames: N; step_us: what the last frame stands for.

    >>> us = 1_000_000
    >>> seconds_per_grade([(0, 1), (us, 1), (2 * us, 2), (3 * us, 1), (4 * us, None)], frames=2, step_us=us, longest_us=us)
    {1: 3.0}
    """
    held = held_grades(labels, frames=frames, longest_us=longest_us)
    total: dict[int, int] = {}
    ends = [*(time_us for time_us, _ in labels[1:]), labels[-1][0] + step_us] if labels else []
    for (time_us, _), grade, end_us in zip(labels, held, ends, strict=True):
        if grade is not None:
            total[grade] = total.get(grade, 0) + min(end_us, time_us + longest_us) - time_us
    return {grade: total[grade] / 1e6 for grade in sorted(total)}


def held_grades(labels: Sequence[tuple[int, int | None]], *, frames: int, longest_us: int) -> list[int | None]:
    """The grade that held at each frame; None: none did. Arguments as in `seconds_per_grade`.

    >>> held_grades([(0, 1), (1, 1), (2, 2), (3, 2), (9, 2)], frames=2, longest_us=4)
    [None, 1, 1, 2, None]
    """
    state, before = Debounce(), None
    held = []
    for time_us, label in labels:
        if before is not None and time_us - before > longest_us:
            state = Debounce()
        state = debounce(state, label, frames)
        held.append(state.held)
        before = time_us
    return held


def lasting(seconds: Mapping[int, float]) -> int | None:
    """The grade that lasted longest; of equals the higher; None where none ever held.

    >>> lasting({0: 4.0, 1: 7.5, 3: 7.5}), lasting({})
    (3, None)
    """
    held = {grade: value for grade, value in seconds.items() if value > 0}
    return max(held, key=lambda grade: (held[grade], grade), default=None)


def too_dim(reasons: Mapping[Reason, int], frames: int, share: float) -> bool:
    """Whether a clip of so many frames is left out as dim: at least `share` (0-1) of them are DARK; a share of 0: never.

    >>> too_dim({Reason.DARK: 50}, 100, .5), too_dim({Reason.DARK: 50}, 100, 0)
    (True, False)
    """
    return share > 0 and frames > 0 and reasons.get(Reason.DARK, 0) >= share * frames
