"""Traces: the assessment's id is the trace's, off by default, nothing of a patient in them."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.rpc import dialled, served
from tests.unit.assess.report.synthetic import window
from wince import codec
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.bus.interface import Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import ASSESSMENTS
from wince.clients.detect import Link
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.domain.snapshot import Graded
from wince.pipeline.detect.servicer import DetectServicer, registration
from wince.protocols.loader import load
from wince.runners.record import Recording
from wince.telemetry import traces
from wince.telemetry.traces import TRACES, Traces

ONE, TWO = window(0, 2), window(5, None, Reason.DARK)


@pytest.fixture
def spans():
    """What this process' traces give out."""
    kept = InMemorySpanExporter()
    TRACES.start("test", SimpleSpanProcessor(kept))
    yield kept
    TRACES.stop()


def test_off_it_says_the_trace_all_the_same() -> None:
    """Whoever comes later in the same trace can be switched on alone."""
    with Traces().span("grade.publish", ONE) as parent:
        assert parent.split(b"-")[1].decode() == ONE.id.hex
        assert parent.endswith(b"-00")


def test_what_comes_next_is_a_child_of_what_came_before(spans: InMemorySpanExporter) -> None:
    with TRACES.span("grade.publish", ONE) as parent:
        pass
    with TRACES.span("record.commit", ONE, carried=parent):
        pass
    grade, record = spans.get_finished_spans()
    assert grade.context.trace_id == record.context.trace_id == ONE.id.int
    assert record.parent.span_id == grade.context.span_id
    assert dict(grade.attributes) == {"wince.assessment": str(ONE.id), "wince.protocol": "activity", "wince.grade": 2}


@pytest.mark.parametrize("carried", [b"", b"mine", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"\xff" * 80])
def test_a_header_of_another_trace_is_not_followed(spans: InMemorySpanExporter, carried: bytes) -> None:
    with TRACES.span("record.commit", TWO, carried=carried):
        pass
    (only,) = spans.get_finished_spans()
    assert only.context.trace_id == TWO.id.int
    assert only.attributes["wince.reason"] == "dark"


def test_what_is_raised_leaves_its_type_only(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Hara"), TRACES.span("record.commit", ONE):
        raise ValueError("O'Hara^Mary")
    (only,) = spans.get_finished_spans()
    assert only.status.description == "ValueError"
    assert "Hara" not in only.to_json()


def test_record_goes_on_with_what_grade_began(spans: InMemorySpanExporter) -> None:
    """Over the bus: the header of the message is the parent; every assessment of a message has its own trace."""
    graded = Graded("s", (ONE, TWO), (), (), None)
    with TRACES.span("grade.publish", ONE) as parent:
        pass
    schema, value = codec.encode(graded)
    done = []
    bus = MemoryBus()
    Recording(bus, done.append, lambda _: None).handle([Record(ASSESSMENTS, "s", value, {"schema": schema.encode(), "trace": parent})])
    bus.close()
    assert len(done) == 1
    grade, *records = spans.get_finished_spans()
    assert {one.context.trace_id for one in records} == {ONE.id.int, TWO.id.int}
    assert {one.name for one in records} == {"record.commit"}
    (mine,) = [one for one in records if one.context.trace_id == ONE.id.int]
    assert mine.parent.span_id == grade.context.span_id


def beats_sent() -> None:
    """Two beats from capture's link to a detect that publishes to nobody."""
    done: Future[None] = Future()
    done.set_result(None)
    servicer = DetectServicer(lambda _: None, {"activity": load("activity").detect}, publish=lambda found: [done for _ in found])
    with served(registration(servicer)) as server, dialled(server.port) as channel:
        link = Link("bed-1", lambda: DetectServiceStub(channel), lossless=True)
        link.start()
        for second in (1, 2):
            link.put(Beat("bed-1", second * US, 0, 0, 0, ended=second == 2))
        assert link.close()
        assert link.streams == 1


def test_a_stream_of_frames_has_one_trace_in_both_services(spans: InMemorySpanExporter) -> None:
    """By gRPC's metadata; nothing of the camera is in it."""
    beats_sent()
    found = {one.name: one for one in spans.get_finished_spans()}
    assert set(found) == {"capture.stream", "detect.stream"}
    sender, taker = found["capture.stream"], found["detect.stream"]
    assert taker.context.trace_id == sender.context.trace_id
    assert taker.parent.span_id == sender.context.span_id
    assert sender.parent is None
    assert not sender.attributes
    assert not taker.attributes
    assert sender.status.is_unset
    assert taker.status.is_unset


def test_a_stream_without_spans_carries_nothing() -> None:
    with Traces().stream("capture.stream") as parent:
        assert traces.metadata(parent) == ()
    beats_sent()


@pytest.mark.parametrize("carried", ["", "mine", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "O\u2019Hara" * 8])
def test_what_is_no_traceparent_begins_a_trace(spans: InMemorySpanExporter, carried: str) -> None:
    with pytest.raises(ValueError, match="Hara"), TRACES.stream("detect.stream", carried=carried):
        raise ValueError("O'Hara^Mary")
    (only,) = spans.get_finished_spans()
    assert only.parent is None
    assert only.status.description == "ValueError"
    assert "Hara" not in only.to_json()
