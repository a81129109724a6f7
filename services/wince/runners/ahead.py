"""Keeps times from the future out of a fold: judges every message that closes windows, and says once per source what it refuses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from wince.clock import Clock, wall_us
from wince.domain.ahead import Bound, Doubt
from wince.domain.frame import US
from wince.errors import MessageError
from wince.telemetry import logs, metrics

log = logs.get(__name__)

SOURCES = 4096
"""Sources whose clock is doubted that are remembered; of more, the one doubted longest is forgotten."""
NOTED_US = 15 * US
Refused = Callable[[str, int], None]
"""refused(source, ahead_us): must not raise."""
AGAIN_US = 600 * US
"""A source is named again in the log after this time at the earliest."""


class AheadError(MessageError):
    """A message lies too far ahead of now."""


class Ahead:
    """Judges the times of many sources. Not thread-safe."""

    def __init__(self, bound: Bound, now_us: Clock = wall_us, refused: Refused | None = None) -> None:
        """`now_us`: the moment that times may not lie far ahead of; where clips are replayed, the latest that one of them may reach.
        `refused`: told of what is refused, of each source every NOTED_US at most."""
        self._bound, self._now_us, self._refused = bound, now_us, refused
        self._noted: dict[str, int] = {}
        self._doubts: OrderedDict[str, Doubt] = OrderedDict()
        self._named: dict[str, int] = {}

    def check(self, source: str, time_us: int) -> None:
        """Raises AheadError where a message of this time must not be taken."""
        now_us, before = self._now_us(), self._doubts.get(source, Doubt())
        after = before.after(time_us, now_us, self._bound)
        self._keep(source, after)
        ahead_s = (time_us - now_us) / US
        if after.followed and not before.followed:
            log.error("a source's clock stays ahead of ours and is followed", source=source, field="time_us", seconds=ahead_s)
        if after.takes(time_us, now_us, self._bound):
            return
        metrics.ahead(source)
        self._note(source, time_us - now_us, now_us)
        self._name(source, now_us, ahead_s)
        raise AheadError(
            f"lies {ahead_s:.0f} s ahead of now",
            field="time_us",
            remedy="keep the clocks of all machines by NTP (clock_ahead_s is the bound)",
        )

    def _note(self, source: str, ahead_us: int, now_us: int) -> None:
        if self._refused is not None and abs(now_us - self._noted.get(source, now_us - 2 * NOTED_US)) >= NOTED_US:
            self._noted = {**self._noted, source: now_us} if len(self._noted) < SOURCES else {source: now_us}
            self._refused(source, ahead_us)

    def _keep(self, source: str, doubt: Doubt) -> None:
        if doubt == Doubt():
            self._doubts.pop(source, None)
            return
        self._doubts[source] = doubt
        if len(self._doubts) > SOURCES:
            self._named.pop(self._doubts.popitem(last=False)[0], None)

    def _name(self, source: str, now_us: int, ahead_s: float) -> None:
        named_us = self._named.get(source)
        if named_us is None or now_us - named_us >= AGAIN_US:
            self._named[source] = now_us
            log.error("a source's time lies ahead of now; its messages are set aside", source=source, field="time_us", seconds=ahead_s)
