"""One message from the future closes no bed: it is set aside and told, and the windows of now go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.unit.pipeline.grade.feed import Look, feed, play, setup
from wince import codec
from wince.bus.interface import Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import ASSESSMENTS, ESTIMATES, dead_letters
from wince.domain.ahead import Bound
from wince.domain.assessment import Assessment
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.domain.snapshot import Graded
from wince.pipeline.grade import stage
from wince.runners import grade
from wince.runners.ahead import Ahead
from wince.runners.grade import Grading
from wince.telemetry import metrics

T0_S = 1_790_000_000
DAY_US = 86_400 * US
CALM: Look = (0.5, 0.9, 0.0)


class Road:
    """Grade on a bus in memory, with a clock that a test sets."""

    def __init__(self, bound: Bound) -> None:
        self.bus = MemoryBus(flush_s=0.2)
        self.now_us = T0_S * US
        self.windows: list[Assessment] = []
        self.letters: list[Record] = []
        self._lock = threading.Lock()
        self.bus.consume([dead_letters(ESTIMATES)], "letters", self._letter)
        self.bus.consume([ASSESSMENTS], "windows", self._window)
        ahead = Ahead(bound, lambda: self.now_us)
        begun, rules = (lambda source: {"activity": stage.begin(source, setup())}), {"activity": setup().protocol.rule}
        self.grading = Grading(self.bus, begun, default="activity", ahead=ahead, rules=rules)
        self.grading.start()

    def _letter(self, records: Sequence[Record]) -> None:
        with self._lock:
            self.letters += records

    def _window(self, records: Sequence[Record]) -> None:
        for record in records:
            graded = codec.decode(record.headers["schema"].decode(), record.value)
            assert isinstance(graded, Graded)
            with self._lock:
                self.windows += graded.assessments

    def send(self, messages: Sequence[stage.Input], *, moves: bool = True) -> None:
        """In order, each handled before the next; the clock goes along, unless it is said that it does not."""
        for message in messages:
            assert isinstance(message, Estimate | Beat)
            if moves:
                self.now_us = message.time_us
            schema, value = codec.encode(message)
            self.bus.publish(ESTIMATES, message.source, value, {"schema": schema.encode()}).result(timeout=60)

    def until(self, windows: int, letters: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.windows) < windows or len(self.letters) < letters:
            assert time.monotonic() < deadline, (len(self.windows), len(self.letters))
            time.sleep(0.01)

    def close(self) -> None:
        self.grading.stop()
        self.bus.close()


@pytest.fixture
def road() -> Iterator[Road]:
    made = Road(Bound())
    yield made
    made.close()


def _count(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_fold_alone_would_lose_the_day() -> None:
    """What the bound is for: in the fold, one beat closes every window of a day, and the frames of that day are late."""
    messages = feed(lambda _: CALM, 10, origin_s=T0_S, ended=False)
    state, events = play([*messages, Beat("cam", T0_S * US + DAY_US, 0, 0, 0)])
    assert len(events) > 17_000
    assert play(feed(lambda _: CALM, 60, origin_s=T0_S + 10), state)[1] == []


@pytest.mark.parametrize("kind", ["beat", "estimate", "end", "flipped bit"])
def test_one_message_ahead_is_a_dead_letter_and_every_window_is_graded(road: Road, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = feed(lambda _: CALM, 12, origin_s=T0_S, ended=False), feed(lambda _: CALM, 12, origin_s=T0_S + 12)
    frame = next(one for one in after if isinstance(one, Estimate))
    far = {
        "beat": Beat("cam", T0_S * US + DAY_US, 5, 0, 0),
        "estimate": replace(frame, time_us=frame.time_us + DAY_US),
        "end": Beat("cam", T0_S * US + DAY_US, 0, 0, 0, ended=True),
        "flipped bit": replace(frame, time_us=frame.time_us | 1 << 45),
    }[kind]
    counted, lettered = _count("wince_ahead_total", source="cam"), _count("wince_dead_letters_total", topic=ESTIMATES)
    road.send(before)
    road.send([far, far], moves=False)
    road.send(after)
    road.until(windows=5, letters=2)
    assert [one.start_us for one in road.windows] == [(T0_S + 5 * number) * US for number in range(5)]
    assert all(one.grade is not None for one in road.windows)
    assert [codec.decode(one.headers["schema"].decode(), one.value).time_us for one in road.letters] == [far.time_us] * 2
    assert all(b"time_us: lies" in one.headers["error"] for one in road.letters)
    assert _count("wince_ahead_total", source="cam") == counted + 2
    assert _count("wince_dead_letters_total", topic=ESTIMATES) == lettered + 2
    assert capsys.readouterr().err.count("its messages are set aside") == 1


def test_estimates_of_other_rules_are_never_graded_with_ours(road: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """They are dead letters, counted and named once; their window is a gap. What names no rules, or ours, is graded."""
    ours, counted = setup().protocol.rule, _count("wince_mixed_rules_total", protocol="activity")
    rules = {0: ours, 1: "ab" * 32, 2: ""}  # of the three windows
    feeds = feed(lambda _: CALM, 15, origin_s=T0_S)
    sent = [replace(one, rule=rules[(one.time_us // US - T0_S) // 5]) if isinstance(one, Estimate) else one for one in feeds]
    road.send(sent)
    road.until(windows=3, letters=25)
    assert [one.reason for one in road.windows] == [None, Reason.GAP, None]
    assert all(b"rule: was read by other rules" in one.headers["error"] for one in road.letters)
    assert _count("wince_mixed_rules_total", protocol="activity") == counted + len(road.letters) == counted + 25
    assert capsys.readouterr().err.count("were read by other rules") == 1


def test_other_sources_go_on(road: Road) -> None:
    """A source that lies ahead is doubted alone."""
    road.send([replace(one, source="other") for one in feed(lambda _: CALM, 10, origin_s=T0_S + DAY_US // US)], moves=False)
    road.send(feed(lambda _: CALM, 10, origin_s=T0_S))
    road.until(windows=2, letters=60)
    assert {one.source for one in road.windows} == {"cam"}


def test_a_clock_that_really_jumped_is_followed_when_it_held(road: Road) -> None:
    """An hour ahead from now on, as on a host whose clock is right where ours is behind: set aside for a minute, then graded."""
    road.send(feed(lambda _: CALM, 10, origin_s=T0_S, ended=False))
    for message in feed(lambda _: CALM, 80, origin_s=T0_S + 10 + 3600):
        assert isinstance(message, Estimate | Beat)
        road.now_us = message.time_us - 3600 * US
        road.send([message], moves=False)
    road.until(windows=3600 // 5 + 18, letters=359)
    graded = [one for one in road.windows if one.grade is not None]
    assert [one.start_us // US - T0_S for one in graded] == [0, 5, 3670, 3675, 3680, 3685]
    assert all(one.reason == "gap" for one in road.windows if one not in graded)


def test_our_clock_set_back_and_right_again_loses_a_minute_at_most(road: Road) -> None:
    """Grade's host is set back by an hour for thirty seconds: what came meanwhile is set aside, what comes behind it is graded."""
    road.send(feed(lambda _: CALM, 10, origin_s=T0_S, ended=False))
    for message in feed(lambda _: CALM, 30, origin_s=T0_S + 10, ended=False):
        assert isinstance(message, Estimate | Beat)
        road.now_us = message.time_us - 3600 * US
        road.send([message], moves=False)
    road.send(feed(lambda _: CALM, 10, origin_s=T0_S + 40))
    road.until(windows=10, letters=175)
    graded = [one.start_us // US - T0_S for one in road.windows if one.grade is not None]
    assert graded == [0, 5, 40, 45]


def test_a_source_that_ended_leaves_the_memory_and_begins_again_from_its_snapshots(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file and each image object is a source of its own: a process that kept them all would grow for ever."""
    begun: list[str] = []
    begin = road.grading._begin
    monkeypatch.setattr(road.grading, "_begin", lambda source: begun.append(source) or begin(source))
    road.send(feed(lambda _: CALM, 6, origin_s=T0_S))
    road.send([replace(one, source="other") for one in feed(lambda _: CALM, 6, origin_s=T0_S + 6, ended=False)])
    assert set(road.grading._states) == {"cam", "other"}
    monkeypatch.setattr(grade, "ENDED_KEPT_S", 0.0)
    road.send([Beat("other", (T0_S + 13) * US, 0, 0, 0)])
    assert set(road.grading._states) == {"other"}
    assert not road.grading._ended
    road.send(feed(lambda _: CALM, 6, origin_s=T0_S + 20, ended=False))
    assert begun == ["cam", "other", "cam"]
    road.send([Beat("other", (T0_S + 27) * US, 0, 0, 0)])
    assert set(road.grading._states) == {"cam", "other"}
