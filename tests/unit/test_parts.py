"""A thread that ends is seen, however it ends."""

import io
import json
import threading
from collections.abc import Callable

import pytest

from wince.errors import IntegrityError, WinceError
from wince.parts import WatchedThread, cause, first_failed
from wince.telemetry import logs


def ended(work: Callable[[], object], stopped: threading.Event) -> WatchedThread:
    thread = WatchedThread("relay", work, stopped)
    assert thread.failed() is None
    thread.start()
    thread.join(60)
    return thread


@pytest.mark.parametrize("error", [ValueError("Musterfrau"), SystemExit(), MemoryError(), IntegrityError("the chain broke")])
def test_what_a_thread_raises_is_its_failure(error):
    """SystemExit too, which Python lets end a thread without a word; the log names thread and kind, not the text."""

    def work():
        raise error

    stream, hooks = io.StringIO(), threading.excepthook
    logs.configure("warning", json=True, stream=stream)
    try:
        assert ended(work, threading.Event()).failed() is error
    finally:
        logs.configure()
        threading.excepthook = hooks
    (line,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert (line["thread"], line["error"]) == ("relay", type(error).__name__)
    assert "Musterfrau" not in str(line)


def test_a_thread_that_returns_unasked_has_failed():
    stopped = threading.Event()
    thread = ended(lambda: None, stopped)
    assert str(thread.failed()) == "relay ended although nobody asked it to"
    stopped.set()
    assert thread.failed() is None


def test_a_thread_that_runs_or_was_asked_to_end_has_not_failed():
    stopped = threading.Event()
    thread = WatchedThread("relay", lambda: stopped.wait(60), stopped)
    thread.start()
    assert thread.failed() is None
    stopped.set()
    thread.join(60)
    assert thread.failed() is None


def test_the_first_that_failed_is_named():
    class Steady:
        def failed(self):
            return None

    class Broken:
        def failed(self):
            return ValueError("Musterfrau")

    name, error = first_failed([Steady(), Broken()])
    assert name == "Broken"
    assert isinstance(error, ValueError)
    assert first_failed([Steady()]) is None


def test_a_process_ends_with_our_own_error_or_with_one_that_names_the_part():
    own, foreign = IntegrityError("the chain broke", field="audit row 7"), ValueError("Musterfrau")
    assert cause("checkpoints", own) is own
    made = cause("checkpoints", foreign)
    assert (type(made), str(made), made.__cause__) == (WinceError, "checkpoints ended: ValueError", foreign)
