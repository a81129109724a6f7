"""A clip of which seconds must not be looked at: those are not decoded, and are told."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.capture.guarded import GuardedClip

T0 = 1_000 * US


@dataclass
class Clip:
    """Ten seconds, two frames and a beat each; keeps what it decoded."""

    at_us: int
    decoded: list[int]
    source: str = "cam"
    end_us: int = T0 + 10 * US
    closed: bool = field(default=False)

    def __iter__(self) -> Iterator[Frame | Beat]:
        for second in range((self.at_us - T0) // US, 10):
            for half in (0, US // 2):
                if self.closed:
                    return
                self.decoded.append(T0 + second * US + half)
                yield Frame("cam", 2 * second, T0 + second * US + half, np.zeros((1, 1, 3), np.uint8))
            yield Beat("cam", T0 + (second + 1) * US, 2, 0, 0, None, second == 9)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("off", "on"), [(0, 0), (0, 3), (3, 7), (3, 99), (0, 99), (9, 99)])
@pytest.mark.parametrize("begin", [0, 4])
def test_withheld_seconds_are_not_decoded_and_every_second_is_told_once(off: int, on: int, begin: int) -> None:
    decoded: list[int] = []

    def why_not(at_us: int) -> Reason | None:
        return Reason.OFF if off <= (at_us - T0) // US < on else None

    guarded = GuardedClip(lambda at_us: Clip(at_us, decoded), why_not, origin_us=T0, from_us=T0 + begin * US)
    messages = list(guarded)
    beats = [message for message in messages if isinstance(message, Beat)]
    assert [(beat.time_us - T0) // US for beat in beats] == list(range(begin + 1, 11))
    assert [beat.ended for beat in beats] == [False] * (len(beats) - 1) + [True]
    seen = {(at - T0) // US for at in decoded}
    assert seen == {second for second in range(begin, 10) if not off <= second < on}
    assert {(beat.time_us - T0) // US - 1 for beat in beats if beat.reason is Reason.OFF} == set(range(begin, 10)) - seen
    assert [message.time_us for message in messages] == sorted(message.time_us for message in messages)


def test_a_clip_that_is_closed_gives_no_more() -> None:
    guarded = GuardedClip(lambda at_us: Clip(at_us, []), lambda _: Reason.CONSENT, origin_us=T0, from_us=T0)
    taken = []
    for message in guarded:
        taken.append(message)
        guarded.close()
    assert len(taken) == 1
