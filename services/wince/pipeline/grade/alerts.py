"""The alert rule: the debounced grade reached the protocol's alert grade and stayed there for `stable_s`. Once per episode, and once
more for each higher grade that the episode reaches later.

    quiet  --reached for stable_s-->  open (one Alert)  --not held for clear_after_s-->  quiet
                                      open  --a grade holds that is higher than all alerts of this episode-->  open (a further Alert)

An unassessable frame breaks the run that must be stable. The episode ends when for `clear_after_s` no frame held the alert grade,
whether the grade was lower or the face not seen: pain that is there when the face returns is an alert of its own.

People were already called to an open episode, so a higher grade need not last for `stable_s` again: it counts once the debounce holds
it. Within the window in which an alert fired the alert itself takes the higher grade. An episode has at most one alert for each grade
from the alert grade up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wince.domain.window import Held

US = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The rule of one protocol."""

    grade: int
    """Lowest grade that alerts."""
    stable_us: int
    clear_us: int


@dataclass(frozen=True, slots=True)
class Episode:
    """State after some frames. Begin with `Episode()`."""

    open: bool = False
    since_us: int | None = None
    """First frame of the run at or above the grade; None: no run."""
    last_us: int | None = None
    """Last frame that held the grade."""
    peak: float | None = None
    """Highest debounced score of the run."""
    grade: int = 0
    """Highest debounced grade of the run."""
    told: int = 0
    """Highest grade that an alert of this episode carries; 0: none yet (an open one of an earlier release: not known)."""
    worse_us: int | None = None
    """First frame of the stretch above `told`; None: there is none."""

    def broken(self) -> Episode:
        """The run ended; the episode goes on."""
        return Episode(self.open, None, self.last_us, told=self.told)


@dataclass(slots=True)
class Fired:
    """An alert in the making: its run may go on until the window's end."""

    start_us: int
    grade: int
    peak: float
    end_us: int | None = None


def watch(episode: Episode, time_us: int, label: int | None, held: Held, limits: Limits, fired: list[Fired]) -> Episode:
    """One frame further; an alert that fires is appended to `fired`, one whose run goes on is kept up to date there.

    `label`: the frame's own grade; None: unassessable.
    """
    holds = held.grade is not None and held.grade >= limits.grade
    if episode.open and not holds and (episode.last_us is None or time_us - episode.last_us >= limits.clear_us):
        episode = Episode(False, episode.since_us, None, episode.peak, episode.grade)
    running = label is not None and (label >= limits.grade or holds)
    if not running:
        if fired and fired[-1].end_us is None:
            fired[-1].end_us = time_us
        return episode.broken()
    after = _further(episode, time_us, held if holds else None)
    told = 0 if not after.open else after.told or max(limits.grade, episode.grade)
    if fired and fired[-1].end_us is None and after.peak is not None:
        fired[-1].peak, fired[-1].grade = after.peak, after.grade
        told = after.grade
    worse = after.open and max(label or 0, held.grade or 0) > told
    worse_us = None if not worse else time_us if after.worse_us is None else after.worse_us
    if holds and after.peak is not None and after.since_us is not None:
        if not after.open and time_us - after.since_us >= limits.stable_us:
            fired.append(Fired(after.since_us, after.grade, after.peak))
            return replace(after, open=True, told=after.grade, worse_us=None)
        if worse_us is not None and after.grade > told:
            fired.append(Fired(worse_us, after.grade, after.peak))
            told, worse_us = after.grade, None
    return replace(after, told=told, worse_us=worse_us)


def _further(episode: Episode, time_us: int, held: Held | None) -> Episode:
    """The run one frame further. `held`: what the debounce holds, where that is an alert's grade; else None."""
    since = time_us if episode.since_us is None else episode.since_us
    if held is None or held.grade is None:
        return replace(episode, since_us=since)
    peak = episode.peak
    if held.floor is not None:
        peak = held.floor if peak is None else max(peak, held.floor)
    return replace(episode, since_us=since, last_us=time_us, peak=peak, grade=max(episode.grade, held.grade))
