"""Media time of pictures, by the timestamps of their file as far as these can be believed. Pure.

What is wrong with timestamps, and what is done:

- one alone far from those round it: damage; its picture is withheld
- they begin again at another time (files glued together, a recorder that set its clock back): time goes on from the picture before
- they stand still, or creep by less than `CREEP_US` (a muxer that counts pictures in ticks): time goes on by the pictures' rate
- a picture has none: it is due one picture after the one before

A jump ahead that lasts is believed: recorders pause. Its seconds are told as seconds without a frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Generic, TypeVar

from wince.domain.frame import US

JUMP_US = 2 * US
"""A picture this much later than the one before is believed only when the next one confirms it."""
BACK_US = US // 5
"""So is one this much earlier. Decoders that give pictures out of order, by a few, stay below."""
CREEP_US = 2_000
"""Pictures closer to each other than this, three in a row or more, have no times of their own: no bedside camera takes 500 a second."""
LAG_US = 2 * US
"""Decoders give pictures later than they take packets (reordering); damage without a picture moves time on this much later."""
FASTEST = 240
"""Pictures a second: a declared rate above it is none by which pictures could be timed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Stamped(Generic[T]):
    """A picture, or a packet that gave none, in order of presentation."""

    stamp_us: int | None
    """Its timestamp, microseconds from the start of the stream; None: it has none."""
    item: T
    lost: bool = False
    """No picture came of it."""
    safe_us: int | None = None
    """Of what is lost: no picture with a timestamp before this will follow, but for reordering."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed(Generic[T]):
    """The same with its media time."""

    time_us: int
    item: T
    believed: bool
    """False: nothing can be said of when it was taken, or it is lost."""
    safe_us: int
    """No picture before this time will follow."""


class Clock(Generic[T]):
    """Places the pictures of one file; call `placed` once."""

    def __init__(self, rate: float | None, *, end_us: int | None = None) -> None:
        """rate: pictures a second that the file declares; it counts only where timestamps say nothing. end_us: the end that it declares."""
        self._declared_us = round(US / rate) if rate and 0 < rate <= FASTEST else None
        self._end_us = end_us
        self._steps: deque[int] = deque(maxlen=9)
        self._offset_us = 0
        self._last_us: int | None = None
        self._reached_us = 0
        self._stamp_us: int | None = None
        self._anchor_us = self._run = 0
        self._absent = 0
        """Pictures without a timestamp since the last that had one."""
        self._lost_offset_us: int | None = None
        self._left_out_us = 0
        """Time that the last pictures leapt over."""
        self.restarts = 0
        """Timestamps began again so often."""
        self.first_us: int | None = None
        """Media time at which timestamps first could not be followed."""
        self.standing = 0
        """Pictures that were timed by the rate, because their timestamps stood still or were absent."""
        self.shared_us = 0
        """How long the pictures last that fell into time that was over already: steps back too small to be another clock."""
        self.useless = ""
        """Why no picture could be placed; empty where they could."""

    @property
    def step_us(self) -> int | None:
        """From one picture to the next: as the last ones came, else as declared; None: nobody knows."""
        return round(median(self._steps)) if self._steps else self._declared_us

    @property
    def longest_us(self) -> int | None:
        """The longest of the last steps; None: no two pictures came yet."""
        return max(self._steps, default=None)

    def placed(self, stamped: Iterable[Stamped[T]]) -> Iterator[Placed[T]]:
        """Each with its time, as soon as that is sure. Gives nothing, and says why in `useless`, where nothing tells any time."""
        held: Stamped[T] | None = None
        for one in self._usable(iter(stamped)):
            if one.lost:
                yield self._lost(one)
                continue
            if held is not None:
                yield self._confirmed(held) if self._confirms(held, one) else self._damaged(held)
                held = None
            if one.stamp_us is not None and not self._stands(one.stamp_us) and self._departs(one.stamp_us):
                held = one
            else:
                yield self._place(one)
        if held is not None and held.stamp_us is not None:
            within = self._end_us is not None and self._reached_us <= held.stamp_us + self._offset_us <= self._end_us
            yield self._place(held) if within else self._damaged(held)

    def _usable(self, stamped: Iterator[Stamped[T]]) -> Iterator[Stamped[T]]:
        """All of them; nothing where the first three pictures say no time, and no rate says it for them."""
        first: list[Stamped[T]] = []
        pictures: list[Stamped[T]] = []
        for one in stamped:
            if one.lost and not pictures:
                yield one
                continue
            first.append(one)
            if not one.lost:
                pictures.append(one)
            if len(pictures) == 3 or (pictures and pictures[-1].stamp_us is not None and self._declared_us is not None):
                break
        stamps = [one.stamp_us for one in pictures if one.stamp_us is not None]
        if pictures and not stamps:
            self.useless = "its pictures have no timestamps"
        elif len(pictures) == 3 and self._declared_us is None and max(stamps) - min(stamps) < 2 * CREEP_US:
            self.useless = "its timestamps stand still, and it declares no rate"
        else:
            yield from chain(first, stamped)

    def _stands(self, stamp_us: int) -> bool:
        return self._stamp_us is not None and 0 <= stamp_us - self._stamp_us < CREEP_US

    def _departs(self, stamp_us: int) -> bool:
        return not -BACK_US <= stamp_us + self._offset_us - self._reached_us <= JUMP_US

    def _confirms(self, held: Stamped[T], following: Stamped[T]) -> bool:
        """Whether the next picture goes on from the one that is held, rather than from those before it."""
        if held.stamp_us is None or following.stamp_us is None:
            return True
        if held.stamp_us + self._offset_us > self._reached_us:
            return following.stamp_us >= held.stamp_us
        step_us, before_us = self.step_us or 0, following.stamp_us + self._offset_us - self._reached_us
        other = abs(following.stamp_us - held.stamp_us - step_us)
        return other < min(abs(before_us - step_us), abs(before_us - 2 * step_us))

    def _confirmed(self, one: Stamped[T]) -> Placed[T]:
        """A jump that lasts: ahead it is believed, back it is another clock."""
        assert one.stamp_us is not None
        if one.stamp_us + self._offset_us < self._reached_us:
            if self._last_us is not None:
                self.restarts += 1
                self._unsteady()
            begins_us = 0 if self._last_us is None else self._reached_us + (self.step_us or 0)
            self._offset_us = begins_us - one.stamp_us
        return self._place(one)

    def _place(self, one: Stamped[T]) -> Placed[T]:
        at = self._next_us() if one.stamp_us is None else self._by_stamp(one.stamp_us)
        if one.stamp_us is None:
            self.standing += 1
            self._absent += 1
            self._unsteady()
        self._balance(at)
        self._lost_offset_us = None
        self._last_us, self._reached_us = at, max(self._reached_us, at)
        return Placed(at, one.item, True, at)

    def _balance(self, at: int) -> None:
        """Pictures that fall into time that is over share it, unless they fill what one before leapt over: then they came out of order."""
        step_us = self.step_us or 0
        if self._last_us is None or self._run:
            return
        if at > self._reached_us:
            self._left_out_us = min(5 * step_us, self._left_out_us + max(0, at - self._reached_us - step_us))
        elif self._left_out_us >= step_us:
            self._left_out_us -= step_us
        else:
            self.shared_us += step_us

    def _by_stamp(self, stamp_us: int) -> int:
        before_us, self._stamp_us = self._stamp_us, stamp_us
        if before_us is not None and 0 <= stamp_us - before_us < CREEP_US:
            self._run += 1 + self._absent
            self._absent = 0
            if self._run >= 2:  # two alike are rounding, or two fields
                self.standing += 1
                self._unsteady()
                return self._anchor_us + self._run * (self.step_us or 0)
            return stamp_us + self._offset_us
        self._run, self._anchor_us = 0, stamp_us + self._offset_us
        if before_us is not None and stamp_us - before_us > 0:
            self._steps.append((stamp_us - before_us) // (self._absent + 1))
        self._absent = 0
        return self._anchor_us

    def _next_us(self) -> int:
        return 0 if self._last_us is None else self._last_us + (self.step_us or 0)

    def _unsteady(self) -> None:
        if self.first_us is None:
            self.first_us = self._reached_us

    def _damaged(self, one: Stamped[T]) -> Placed[T]:
        at = self._reached_us + (self.step_us or 0)
        return Placed(at, one.item, False, self._reached_us)

    def _lost(self, one: Stamped[T]) -> Placed[T]:
        """Nobody confirms its timestamp; one from another time than now begins a clock of its own, until a picture comes."""
        offset_us = self._offset_us if self._lost_offset_us is None else self._lost_offset_us
        at = self._reached_us if one.stamp_us is None else one.stamp_us + offset_us
        if one.stamp_us is not None and not -LAG_US <= at - self._reached_us <= 5 * JUMP_US:
            at = self._reached_us + (self.step_us or 0)
            self._lost_offset_us = offset_us = at - one.stamp_us
        safe_us = at if one.safe_us is None else min(at, one.safe_us + offset_us)
        self._reached_us = max(self._reached_us, safe_us - LAG_US)
        return Placed(at, one.item, False, self._reached_us)


def remarks(clock: Clock[T]) -> tuple[str, ...]:
    """What a reader of a file's numbers must know of its timestamps; nothing where they could be followed."""
    said = []
    if clock.restarts:
        first = (clock.first_us or 0) / US
        said.append(f"its timestamps begin again ({clock.restarts} x, first at {first:.1f} s): time goes on from the picture before")
    if clock.standing:
        rate = US / (clock.step_us or US)
        said.append(
            f"the timestamps of {clock.standing} pictures stand still or are absent: they were timed by the rate, {rate:g} a second"
        )
    if clock.shared_us >= US:
        shared = clock.shared_us / US
        said.append(f"its timestamps step back: pictures of {shared:.1f} s fell into time that was over, and count as missing")
    return tuple(said)
