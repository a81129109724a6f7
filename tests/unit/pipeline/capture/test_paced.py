"""A file that plays as a camera gives each message when its time has come."""

import threading

from wince.domain.frame import US, Beat, Frame
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.paced import PacedSource
from wince.testing.clips import clip


def test_nothing_comes_before_its_time_and_everything_comes() -> None:
    now = 1_790_000_000 * US + 1
    waited = threading.Event()

    class Clock:
        def __call__(self) -> int:
            nonlocal now
            now += 40_000  # each look is 40 ms later
            return now

    source = PacedSource(lambda at: FileSource(clip("bed1"), "cam", rate_hz=1, origin_us=at), clock=Clock())
    source._closed = waited  # type: ignore[assignment]
    waited.wait = lambda timeout=None: False  # type: ignore[method-assign,assignment]
    early = []
    messages = []
    for message in source:
        messages.append(message)
        if message.time_us > now:
            early.append(message)
    assert early == []
    assert sum(isinstance(message, Frame) for message in messages) >= 20
    last = messages[-1]
    assert isinstance(last, Beat)
    assert last.ended
    assert messages[0].time_us % US == 0


def test_close_ends_who_waits() -> None:
    source = PacedSource(lambda at: FileSource(clip("bed1"), "cam", rate_hz=5, origin_us=at + 3600 * US))
    ended = threading.Event()

    def take() -> None:
        list(source)
        ended.set()

    threading.Thread(target=take, daemon=True).start()
    source.close()
    assert ended.wait(30)
