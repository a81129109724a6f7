"""The queue between a camera and the road: bounded, the oldest goes, every second is spoken for."""

import threading
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.capture.live import LiveSource

T0 = 1_790_000_000 * US
PIXELS = np.zeros((4, 4, 3), np.uint8)


class Clock:
    """Time that passes when it is told to, and a little while somebody waits for it."""

    def __init__(self) -> None:
        self.us = T0

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


def source(clock: Clock, **options: object) -> LiveSource:
    return LiveSource("cam", rate_hz=5, clock=clock, **options)  # type: ignore[arg-type]


def drain(camera: LiveSource) -> list[Frame | Beat]:
    camera.finish()
    return list(camera)


def test_frames_are_numbered_by_the_grid_over_all_time(clock: Clock) -> None:
    camera = source(clock)
    for number in range(10):
        camera.offer(T0 + number * 100_000, PIXELS)
    frames = [message for message in drain(camera) if isinstance(message, Frame)]
    assert [frame.sequence for frame in frames] == [T0 // 200_000 + point for point in range(5)]
    assert [frame.time_us for frame in frames] == [T0 + point * 200_000 for point in range(5)]


def test_overload_drops_the_oldest_and_counts_them(clock: Clock) -> None:
    """A consumer that stood still for 4 s gets the newest frames; what it missed is in the beats."""
    camera = source(clock, capacity=5)
    for point in range(20):
        camera.offer(T0 + point * 200_000, PIXELS)
    clock.us = T0 + 4 * US
    messages = drain(camera)
    frames = [message for message in messages if isinstance(message, Frame)]
    beats = [message for message in messages if isinstance(message, Beat)]
    assert [frame.time_us for frame in frames] == [T0 + point * 200_000 for point in range(15, 20)]
    assert (camera.counters.dropped, camera.counters.frames) == (15, 5)
    assert sum(beat.dropped for beat in beats) == 15
    assert [beat.time_us for beat in beats] == [T0 + second * US for second in range(1, 5)]
    assert beats[0].reason is Reason.GAP
    assert beats[-1].ended


def test_a_dead_consumer_never_fills_memory(clock: Clock) -> None:
    """Ten minutes of 720p that nobody takes, damage among them: no more than the queue holds."""
    camera = source(clock, capacity=3)
    tracemalloc.start()
    for number in range(3000):
        camera.offer(T0 + number * 200_000, np.full((720, 1280, 3), number % 251, np.uint8))
        camera.damaged(T0 + number * 200_000 + 100_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 5 * 720 * 1280 * 3
    assert camera.counters.dropped == 2997
    assert camera.counters.queued == 3


def test_silence_has_a_beat_a_second_with_its_reason(clock: Clock) -> None:
    camera = source(clock)
    clock.us = T0 + 3 * US + 600_000
    messages: Iterator[Frame | Beat] = iter(camera)
    beats = [next(messages) for _ in range(3)]
    assert [(beat.time_us, beat.reason) for beat in beats if isinstance(beat, Beat)] == [
        (T0 + second * US, Reason.NO_FRAME) for second in (1, 2, 3)
    ]
    camera.close()
    assert list(messages) == []


def test_a_frame_after_its_second_was_spoken_for_is_dropped_and_counted(clock: Clock) -> None:
    camera = source(clock)
    clock.us = T0 + 2 * US + 600_000
    messages = iter(camera)
    assert [message.time_us for message in (next(messages), next(messages))] == [T0 + US, T0 + 2 * US]
    camera.offer(T0 + 1_500_000, PIXELS)
    camera.offer(T0 + 2_100_000, PIXELS)
    frame = next(messages)
    assert isinstance(frame, Frame)
    assert frame.time_us == T0 + 2_100_000
    assert camera.counters.late == 1
    camera.finish()
    assert [message.dropped for message in messages if isinstance(message, Beat)] == [1]


def test_damage_is_counted_for_its_second_and_never_given(clock: Clock) -> None:
    camera = source(clock)
    for number in range(50):
        camera.damaged(T0 + number * 40_000)
    clock.us = T0 + 2 * US
    messages = drain(camera)
    assert [(beat.corrupt, beat.reason) for beat in messages if isinstance(beat, Beat)] == [(5, Reason.CORRUPT)] * 2
    assert camera.counters.corrupt == 50


def test_nothing_is_given_once_another_owns_the_camera(clock: Clock) -> None:
    owned = True
    camera = source(clock, owned=lambda: owned)
    for point in range(3):
        camera.offer(T0 + point * 200_000, PIXELS)
    messages = iter(camera)
    assert isinstance(next(messages), Frame)
    owned = False
    assert list(messages) == []
    camera.offer(T0 + US, PIXELS)
    assert camera.counters.queued == 0


def test_close_ends_a_consumer_that_waits() -> None:
    camera = LiveSource("cam", rate_hz=5)
    ended = threading.Event()

    def consume() -> None:
        list(camera)
        ended.set()

    threading.Thread(target=consume, daemon=True).start()
    camera.close()
    assert ended.wait(20)


def test_a_picture_that_stands_still_is_withheld_until_it_moves(clock: Clock) -> None:
    """An encoder that hangs repeats its last picture: its seconds must not be graded as if somebody were seen. One pixel moves it."""
    camera = source(clock, capacity=1000)
    live = np.random.default_rng(7).integers(0, 255, (100, 90, 3), np.uint8)
    for point in range(20 * 5):
        camera.offer(T0 + point * 200_000, live)
    assert camera.counters.failure == "frozen"
    assert camera.counters.failures["frozen"] == 1
    moved = live.copy()
    moved[3, 3, 1] ^= 1
    camera.offer(T0 + 20 * US, moved)
    assert camera.counters.failure == ""
    clock.us = T0 + 21 * US
    messages = drain(camera)
    times = [message.time_us for message in messages if isinstance(message, Frame)]
    assert times == [T0 + point * 200_000 for point in range(50)] + [T0 + 20 * US]
    beats = {message.time_us: message.reason for message in messages if isinstance(message, Beat)}
    assert beats[T0 + 5 * US] is None
    assert {beats[T0 + second * US] for second in range(11, 21)} == {Reason.NO_FRAME}


def test_pictures_that_differ_a_little_are_live(clock: Clock) -> None:
    """A dark and quiet room: one pixel of noise a second, beside the places that are compared first."""
    camera = source(clock, capacity=1000)
    picture = np.zeros((100, 90, 3), np.uint8)
    for point in range(60 * 5):
        if point % 5 == 0:
            picture = picture.copy()
            picture[point % 89 + 1, 1, 0] += 1
        camera.offer(T0 + point * 200_000, picture)
    assert camera.counters.failures["frozen"] == 0
    assert sum(isinstance(message, Frame) for message in drain(camera)) == 300


def test_a_slow_camera_does_not_slow_another(clock: Clock) -> None:
    """What is offered to one that nobody takes from is in its own queue only."""
    stuck, well = source(clock, capacity=2), LiveSource("well", rate_hz=5, clock=clock)
    for point in range(5):
        stuck.offer(T0 + point * 200_000, PIXELS)
        well.offer(T0 + point * 200_000, PIXELS)
    assert sum(isinstance(message, Frame) for message in drain(well)) == 5
    assert (stuck.counters.dropped, well.counters.dropped) == (3, 0)
