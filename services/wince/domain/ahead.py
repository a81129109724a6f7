"""Times from the future: how far ahead of now a source's message may lie, and when a clock that runs ahead is followed. Pure.

A later time closes windows, and a closed window is never opened again: one message a day ahead would close a bed for a day. So a
message too far ahead is not taken. Only a clock that stays ahead is followed: then it is ours that is behind, or the source's was set,
and a bed that is watched at the wrong time is better than one that is not watched.

    agrees  --too far ahead-->  doubted  --as far ahead for hold_us, with `messages` of rising time-->  followed
       ^___________________________|______________________ a time near now ______________________________|
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wince.domain.frame import US


@dataclass(frozen=True, slots=True)
class Bound:
    """How far a source's time may lie ahead."""

    ahead_us: int = 30 * US
    """At most, microseconds. Also by how much a doubted clock may waver."""
    hold_us: int = 60 * US
    """For how long a clock must stay ahead before it is followed, microseconds of our clock."""
    messages: int = 30
    """How many messages it must have sent by then."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is known of a clock that runs ahead. Begin with `Doubt()`."""

    since_us: int | None = None
    """Our time at the first message that was too far ahead; None: the clock agrees with ours."""
    ahead_us: int = 0
    """How far ahead that message was; of a followed clock, how far ahead it is."""
    messages: int = 0
    """Messages so far, each with a later time than the one before: one that comes twice says nothing new."""
    last_us: int = 0
    """Time of the last of them."""
    followed: bool = False

    def after(self, time_us: int, now_us: int, bound: Bound) -> Doubt:
        """With a message of `time_us` that came at `now_us`. A time within half the bound ends the doubt; between that and the bound it
        tells nothing: a clock that lies at the bound's edge is doubted and followed like one beyond it."""
        ahead_us = time_us - now_us
        if ahead_us <= bound.ahead_us:
            return Doubt() if ahead_us <= bound.ahead_us // 2 else self
        if self.since_us is None or abs(ahead_us - self.ahead_us) > bound.ahead_us:
            return self if self.followed and ahead_us < self.ahead_us else Doubt(now_us, ahead_us, 1, time_us)
        if self.followed or time_us <= self.last_us:
            return self
        counted = replace(self, messages=self.messages + 1, last_us=time_us)
        held = now_us - self.since_us >= bound.hold_us and counted.messages >= bound.messages
        return replace(counted, followed=True, ahead_us=ahead_us) if held else counted

    def takes(self, time_us: int, now_us: int, bound: Bound) -> bool:
        """Whether a message may be taken, by the doubt after it."""
        ahead_us = time_us - now_us
        return ahead_us <= bound.ahead_us or (self.followed and ahead_us <= self.ahead_us + bound.ahead_us)
