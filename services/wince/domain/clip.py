"""Clips: some models look at the last seconds of a face, not at one crop. Here: what such a clip is, and which crops belong to one.

A clip ends at the face that is scored. Its other places lie one step before each other; each is taken by the face that is nearest to it,
by less than half a step, so that no face stands for two places and a camera's jitter does no harm. A place that nobody takes has no
stand-in: a clip is whole, or there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wince.domain.reason import Reason

MOST_FRAMES = 64
"""Of a clip; as many crops as a request may hold."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What the members that see clips were trained on."""

    members: tuple[str, ...]
    """Who sees it."""
    frames: int
    """Crops of a clip, 2 to MOST_FRAMES."""
    rate_hz: float
    """Crops a second."""

    @property
    def step_us(self) -> int:
        """From one crop to the next, microseconds."""
        return round(1_000_000 / self.rate_hz)

    @property
    def span_us(self) -> int:
        """From the first crop to the last, microseconds."""
        return (self.frames - 1) * self.step_us

    @property
    def reach_us(self) -> int:
        """How far before the last crop one may lie that still belongs to the clip, microseconds."""
        return self.span_us + self.step_us // 2

    @property
    def before_us(self) -> int:
        """A source that is read from a moment on must be read from so much earlier, for the moment's clips to be whole: microseconds,
        whole seconds."""
        return -(-self.reach_us // 1_000_000) * 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a face until no clip needs it."""

    time_us: int
    reason: Reason | None
    """Why there is no crop; None: there is one."""
    crop: bytes


def gather(clip: Clip, kept: Sequence[Kept]) -> tuple[bytes, ...] | Reason:
    """The crops of the clip that ends at the last of `kept` (ascending in time), in order; or why it isn't whole.

    Where several places are empty, the newest speaks: by the reason of the face that is there and has no crop, GAP where none is.

    >>> two = Clip(("m",), 2, 5.0)
    >>> gather(two, [Kept(0, None, b"a"), Kept(210_000, None, b"b")])
    (b'a', b'b')
    >>> gather(two, [Kept(0, None, b"a"), Kept(400_000, None, b"b")])
    <Reason.GAP: 'gap'>
    """
    end_us, half = kept[-1].time_us, clip.step_us / 2
    crops: list[bytes] = []
    for place in range(clip.frames):
        at_us = end_us - place * clip.step_us
        near = [one for one in kept if abs(one.time_us - at_us) < half]
        good = [one for one in near if one.reason is None]
        if not good:
            found = min(near, key=lambda one: abs(one.time_us - at_us), default=None)
            return Reason.GAP if found is None or found.reason is None else found.reason
        crops.append(min(good, key=lambda one: abs(one.time_us - at_us)).crop)
    return tuple(reversed(crops))
