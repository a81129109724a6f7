"""The alert rule: the debounced grade reached the protocol's alert grade and stayed there for `stable_s`. Once per episode.

    quiet  --reached for stable_s-->  open (one Alert)  --not held for clear_after_s-->  quiet

An unassessable frame breaks the run that must be stable. The episode ends when for `clear_after_s` no frame held the alert grade,
whether the grade was lower or the face not seen: pain that is there when the face returns is an alert of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        return Episode(episode.open, None, episode.last_us)
    since = time_us if episode.since_us is None else episode.since_us
    peak = episode.peak
    grade = episode.grade
    if holds:
        assert held.grade is not None
        grade = max(grade, held.grade)
        if held.floor is not None:
            peak = held.floor if peak is None else max(peak, held.floor)
    after = Episode(episode.open, since, time_us if holds else episode.last_us, peak, grade)
    if fired and fired[-1].end_us is None and peak is not None:
        fired[-1].peak, fired[-1].grade = peak, grade
    if holds and not episode.open and peak is not None and time_us - since >= limits.stable_us:
        fired.append(Fired(since, grade, peak))
        return Episode(True, since, time_us, peak, grade)
    return after
