"""What a camera gave, counted where every kind of source passes."""

from collections.abc import Iterator

import numpy as np

from wince.domain.camera import CameraActivity
from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.capture.activity import ActivityMeter

PIXELS = np.zeros((2, 2, 3), np.uint8)


class Given:
    """Five frames and a beat, then seconds without a frame."""

    source = "cam"
    closed = False

    def __iter__(self) -> Iterator[Frame | Beat]:
        for number in range(5):
            yield Frame("cam", number, number * US // 5, PIXELS)
        yield Beat("cam", US, 5, 0, 0)
        yield Beat("cam", 2 * US, 0, 0, 0, Reason.NO_FRAME)

    def close(self) -> None:
        self.closed = True


def test_frames_rate_age_and_reason() -> None:
    inner, clock, failure = Given(), [100.0], [""]
    meter = ActivityMeter(inner, failure=lambda: failure[0], steady=lambda: clock[0])
    assert meter.activity() == CameraActivity()
    messages = iter(meter)
    for _ in range(6):
        next(messages)
    clock[0] += 1.5
    assert meter.activity() == CameraActivity(5, 1_500_000, 5.0, None, "")
    failure[0] = "stalled"
    next(messages)
    assert meter.activity() == CameraActivity(5, 1_500_000, 2.5, Reason.NO_FRAME, "stalled")
    meter.close()
    assert inner.closed
