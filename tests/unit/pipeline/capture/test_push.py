"""Pushed cameras: one client at a time, present times, never a wait."""

from collections.abc import Callable

import numpy as np
import pytest

from wince.domain.camera import CameraState
from wince.domain.frame import US, Beat, Frame
from wince.errors import MessageError
from wince.pipeline.capture.interface import CameraTaken
from wince.pipeline.capture.push import PushSource

T0 = 1_790_000_000 * US


def frame(number: int, *, source: str = "cam", sequence: int | None = None, step: int = 200_000) -> Frame:
    return Frame(source, number if sequence is None else sequence, T0 + number * step, np.zeros((4, 4, 3), np.uint8))


def camera(now_us: Callable[[], int] = lambda: T0, **options: object) -> PushSource:
    return PushSource("cam", rate_hz=5, clock=now_us, **options)  # type: ignore[arg-type]


def test_pushed_frames_come_out_as_they_were_sent() -> None:
    source = camera()
    push = source.open()
    assert source.counters.state is CameraState.RUNNING
    for number in range(4):
        push.push(frame(number, sequence=10 + number))
    assert (push.accepted, push.dropped) == (4, 0)
    push.close()
    source.finish()
    messages = list(source)
    assert [message.sequence for message in messages if isinstance(message, Frame)] == [10, 11, 12, 13]
    last = messages[-1]
    assert isinstance(last, Beat)
    assert last.ended


def test_more_than_the_rate_is_not_sampled_and_more_than_the_queue_holds_is_dropped() -> None:
    source = camera(capacity=3)
    push = source.open()
    for number in range(30):
        push.push(frame(number, step=66_000))
    assert push.accepted == 30
    assert push.dropped == 7
    assert source.counters.queued == 3


def test_one_client_at_a_time() -> None:
    source = camera()
    first = source.open()
    with pytest.raises(CameraTaken):
        source.open()
    first.close()
    first.close()
    assert source.counters.state is CameraState.STALLED
    source.open().push(frame(0))
    with pytest.raises(CameraTaken):
        first.push(frame(1))


def test_what_a_client_may_not_send() -> None:
    source = camera()
    push = source.open()
    push.push(frame(5))
    for bad, field in (
        (frame(6, source="other"), "source"),
        (frame(6, sequence=5), "sequence"),
        (frame(5, sequence=9), "time_us"),
        (frame(4, sequence=9), "time_us"),
        (frame(20, sequence=9), "time_us"),
    ):
        with pytest.raises(MessageError) as found:
            push.push(bad)
        assert found.value.field == field
    with pytest.raises(MessageError):
        camera(lambda: T0 + 61 * US).open().push(frame(0))
    push.push(frame(6))
    assert push.accepted == 2


def test_a_frame_that_is_too_late_for_its_second_is_told_to_the_client() -> None:
    now = T0
    source = camera(lambda: now)
    push = source.open()
    push.push(frame(0))
    now = T0 + 5 * US
    messages = iter(source)
    beat = [next(messages) for _ in range(4)][-1]
    assert beat.time_us == T0 + 3 * US
    push.push(frame(3))
    assert (push.accepted, push.dropped, source.counters.late) == (1, 1, 1)


def test_frames_of_a_session_whose_clock_was_set_back_are_not_taken_until_it_is_past_what_was_given() -> None:
    """Before, they vanished between capture's door and its queue, and the client was told that they were taken."""
    source = camera()
    first = source.open()
    for number in range(8):
        first.push(frame(number))
    first.close()
    second = source.open()
    for number in range(3, 11):
        second.push(frame(number, sequence=100 + number))
    assert (first.accepted, first.dropped) == (8, 0)
    assert (second.accepted, second.dropped, source.counters.late) == (3, 5, 5)
    assert source.counters.pictures == 11
    second.close()
    source.finish()
    messages = list(source)
    assert [message.sequence for message in messages if isinstance(message, Frame)] == [*range(8), 108, 109, 110]
    assert sum(message.dropped for message in messages if isinstance(message, Beat)) == 5


def test_a_push_ends_when_another_replica_owns_the_camera() -> None:
    owned = True
    source = camera(owned=lambda: owned)
    push = source.open()
    push.push(frame(0))
    owned = False
    with pytest.raises(CameraTaken):
        push.push(frame(1))
    source.close()
    with pytest.raises(CameraTaken):
        source.open()
