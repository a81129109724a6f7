"""Spans of windows before there is an assessment: bounded, in the assessment's trace, nothing while spans are off."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wince.domain.frame import US, Beat
from wince.domain.ids import assessment_id, site_namespace
from wince.telemetry import windows as module
from wince.telemetry.traces import Traces
from wince.telemetry.windows import LINKS, Carried, Windows

SITE = site_namespace("test")
LENGTH = 60 * US


@pytest.fixture
def kept():
    return InMemorySpanExporter()


@pytest.fixture
def traces(kept):
    made = Traces()
    made.start("test", SimpleSpanProcessor(kept))
    yield made
    made.stop()


def beat(second: int, source: str = "cam", *, ended: bool = False) -> Beat:
    return Beat(source, second * US, 5, 0, 0, ended=ended)


def made(to: Traces, stage: str = "detect") -> Windows:
    return Windows(stage, SITE, {"activity": LENGTH, "icu": LENGTH // 2}, to=to)


def test_off_it_gives_and_keeps_nothing():
    one = made(Traces())
    assert one.seen(beat(1)) == b""
    one.stop()


def test_a_window_is_one_span_and_a_beat_belongs_to_the_second_before_it(kept, traces):
    one = made(traces)
    parents = [one.seen(beat(second)) for second in (59, 60, 61, 62)]
    assert parents[0] == parents[1] != parents[2] == parents[3]
    one.stop()
    first, second = kept.get_finished_spans()
    assert [span.attributes["wince.messages"] for span in (first, second)] == [2, 2]
    assert first.context.trace_id == assessment_id(SITE, "cam", "activity", 0).int
    assert second.context.trace_id == assessment_id(SITE, "cam", "activity", LENGTH).int


def test_a_source_s_spans_are_of_the_protocol_that_looks_at_it(kept, traces):
    """On its own grid; what says no protocol goes with what was said before, and one that is not set is the default's."""
    one = made(traces)
    said = ((20, ""), (21, "icu"), (22, ""), (31, ""), (32, "icu"))
    parents = [one.seen(beat(second), protocol=protocol) for second, protocol in said]
    assert parents[0] != parents[1] == parents[2] != parents[3] == parents[4]
    one.seen(beat(5, "other"), protocol="none-such")
    one.stop()
    ids = {span.attributes["wince.protocol"]: span.context.trace_id for span in kept.get_finished_spans()[:2]}
    assert ids == {"activity": assessment_id(SITE, "cam", "activity", 0).int, "icu": assessment_id(SITE, "cam", "icu", 0).int}


def test_what_is_sent_again_of_an_earlier_window_begins_nothing(kept, traces):
    one = made(traces)
    one.seen(beat(70))
    assert one.seen(beat(10), carried=b"mine") == b"mine"
    one.seen(beat(80, ended=True))
    assert len(kept.get_finished_spans()) == 1


def test_who_takes_over_in_the_middle_of_a_window_is_not_its_first(kept, traces):
    capture = made(traces, "capture")
    for second, source in ((1, "a"), (30, "b")):
        capture.seen(beat(second, source))
    capture.stop()
    by = {span.context.trace_id: span for span in kept.get_finished_spans()}
    begun, taken = (by[assessment_id(SITE, source, "activity", 0).int] for source in "ab")
    assert begun.parent is None
    assert taken.parent.span_id == taken.context.trace_id & ((1 << 64) - 1) != taken.context.span_id


def test_links_and_sources_are_bounded(kept, traces, monkeypatch):
    monkeypatch.setattr(module, "SOURCES", 3)
    one = made(traces, "capture")
    for stream in range(1, 3 * LINKS):
        one.seen(beat(2), stream=f"00-{stream:032x}-{stream:016x}-01")
    for source in "bcde":
        one.seen(beat(2, source))
    assert len(one._open) == 3
    assert len(kept.get_finished_spans()) == 2
    assert len(kept.get_finished_spans()[0].links) == LINKS


def test_what_was_carried_waits_for_its_assessment_and_no_longer():
    carried, parents = Carried(), {}
    for number in range(100):
        one = assessment_id(SITE, "cam", "activity", number * LENGTH)
        parents[one] = f"00-{one.hex}-{number + 1:016x}-01".encode()
        carried.keep("cam", parents[one])
    for noise in (b"", b"mine", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00"):
        carried.keep("cam", noise)
    assert len(carried._of["cam"]) == module.KEPT
    *_, before, last = parents
    assert carried.take("cam", last) == parents[last]
    assert carried.take("cam", before) == b""
    assert carried.take("other", last) == b""
    carried.drop("cam")
    assert carried.take("cam", last) == b""
