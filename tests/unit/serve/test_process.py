"""A service whose part fails: health says so first, the log names the part, the process ends with the cause."""

import io
import json
import threading
from collections.abc import Iterator

import pytest

from wince.errors import IntegrityError, WinceError
from wince.parts import WatchedThread
from wince.rpc.config import RpcSettings
from wince.serve import process, up
from wince.serve.service import Service
from wince.settings import Settings
from wince.telemetry import logs


class Work:
    """A part whose thread ends when it is told to."""

    def __init__(self, name: str, stops: list[str], error: BaseException | None = None, *, at_stop: Exception | None = None) -> None:
        self.name, self.die = name, threading.Event()
        self._stops, self._error, self._at_stop, self._stopped = stops, error, at_stop, threading.Event()
        self._thread = WatchedThread(name, self._run, self._stopped)

    def _run(self) -> None:
        self.die.wait(60)
        if self._error is not None:
            raise self._error

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self.die.set()
        self._thread.join(60)
        self._stops.append(self.name)
        if self._at_stop is not None:
            raise self._at_stop

    def failed(self) -> BaseException | None:
        if self.die.is_set():
            self._thread.join(60)
        return self._thread.failed()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    hook = threading.excepthook
    stream = io.StringIO()
    logs.configure("warning", json=True, stream=stream)
    yield stream
    logs.configure()
    threading.excepthook = hook


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("Musterfrau"), "relay ended: ValueError"),
        (IntegrityError("the chain broke", field="audit row 7"), "the chain broke"),
        (None, "relay ended although nobody asked it to"),
    ],
)
def test_a_part_that_fails_ends_the_process_with_the_cause(error, said, lines):
    stops: list[str] = []
    relay = Work("relay", stops, error, at_stop=ValueError("Musterfrau"))
    settings = Settings()
    running = process.Running(Service("care", [Work("first", stops), relay, Work("last", stops)]), settings)
    running.start()
    assert running.failed() is None
    assert up.ready(running.port, settings)
    relay.die.set()
    failure = running.failed()
    assert isinstance(failure, WinceError)
    assert str(failure) == said
    assert not up.ready(running.port, settings)
    assert str(running.failed()) == said
    running.stop()  # what a part raises at the end doesn't hide why the process ends, and the others are stopped
    assert stops == ["last", "relay", "first"]
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    (line,) = [line for line in told if line["event"] == "a part failed; the process ends"]
    assert (line["stage"], line["task"]) == ("care", "relay")
    assert "Musterfrau" not in lines.getvalue()


def test_what_else_runs_in_the_process_is_watched(lines):
    """The bus' sender and the metrics page are no parts of a service, and come later than it."""
    stops: list[str] = []
    others: list[Work] = []
    running = process.Running(Service("care", []), Settings(rpc=RpcSettings()), others)
    running.start()
    others.append(Work("kafka-outbox", stops, SystemExit()))
    others[0].start()
    others[0].die.set()
    assert str(running.failed()) == "kafka-outbox ended: SystemExit"
    running.stop()


def test_a_part_that_can_t_stop_in_order_is_told_and_the_others_are_stopped(lines):
    stops: list[str] = []
    parts = [Work("first", stops), Work("last", stops, at_stop=IntegrityError("the chain broke"))]
    running = process.Running(Service("record", parts), Settings())
    running.start()
    with pytest.raises(IntegrityError):
        running.stop()
    assert stops == ["last", "first"]
    running.stop()
