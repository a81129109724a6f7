"""A label holds after N stable frames (PEEA). An unassessable frame breaks the run: nothing holds until N frames agree again.

Between, single frames of another label don't end what holds: it is replaced, not dropped, when another label has been stable.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Debounce:
    """State after some frames. Begin with `Debounce()`."""

    held: int | None = None
    """The label that holds; None: none does."""
    candidate: int | None = None
    """Label of the last frame; None: it was unassessable, or there was none."""
    count: int = 0
    """Frames in a row with that label, counted up to N."""


def debounce(state: Debounce, label: int | None, frames: int) -> Debounce:
    """State after one more frame. `label` None: unassessable; `frames`: N, at least 1.

    >>> state = Debounce()
    >>> for label in (1, 1, 2, 1, 1, 1, None):
    ...     state = debounce(state, label, 3)
    ...     print(label, state.held)
    1 None
    1 None
    2 None
    1 None
    1 None
    1 1
    None None
    """
    if label is None:
        return Debounce()
    if label != state.candidate:
        count = 1
    elif state.count < frames:
        count = state.count + 1
    elif state.held == label:
        return state
    else:
        count = state.count
    return Debounce(label if count >= frames else state.held, label, count)
