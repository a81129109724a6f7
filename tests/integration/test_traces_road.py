"""One assessment's trace, from its frames' stream to what was delivered of it, as a collector receives it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import pairwise

import pytest

from tests.integration.record_world import BED, CAMERA, SITE, T0, US, FakeTarget, admit, stay
from tests.support.collector import collecting
from tests.support.rpc import dialled, served
from wince import codec
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.bus.headers import headers
from wince.bus.memory import MemoryBus
from wince.bus.topics import FACES
from wince.clients.detect import Link
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.domain.ids import assessment_id
from wince.domain.reason import Reason
from wince.pipeline.detect.servicer import DetectServicer, registration
from wince.pipeline.estimate.readers import Reader
from wince.pipeline.grade import stage
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.runners.estimate import Estimating, media_clock
from wince.runners.grade import Grading
from wince.runners.record import Recording
from wince.store.database import Database
from wince.telemetry.otlp import collector
from wince.telemetry.traces import TRACES
from wince.telemetry.windows import Windows

PROTOCOL = load("activity")
LENGTH = PROTOCOL.window_us
ROAD = ("capture.window", "detect.window", "estimate.window", "grade.publish", "record.commit", "record.deliver")


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Nobody:
    """A scorer that is never asked: no face comes."""

    model_set = "m"

    def score(self, faces):
        raise AssertionError(faces)


def windows(of: str) -> Windows:
    return Windows(of, SITE, {PROTOCOL.name: LENGTH})


def drive(database: Database, target: FakeTarget) -> None:
    """Two windows of a camera that gives no frame, over gRPC, the bus, the database and a delivery."""
    bus, seen = MemoryBus(partitions=4), windows("detect")

    def publish(found: Sequence[Face | Beat]) -> list[Future[None]]:
        (one,) = found
        schema, value = codec.encode(one)
        return [bus.publish(FACES, one.source, value, headers(schema, seen.seen(one)))]

    sink = PostgresSink(database, {PROTOCOL.name: PROTOCOL}, [target])
    setup = stage.Setup(PROTOCOL, SITE)
    parts = [
        Estimating(bus, [Reader(PROTOCOL.name, Nobody(), LENGTH)], media_clock, windows("estimate")),
        Grading(bus, lambda source: {"activity": stage.begin(source, setup)}, default="activity"),
        Recording(bus, lambda batch: sink.commit([one for graded in batch for one in graded.assessments]) and None, lambda _: None),
        Delivery(database, [target], poll_s=0.05),
    ]
    for part in parts:
        part.start()
    servicer = DetectServicer(lambda _: None, {"activity": PROTOCOL.detect}, publish=publish)
    with served(registration(servicer)) as server, dialled(server.port) as channel:
        link = Link(CAMERA, lambda: DetectServiceStub(channel), lossless=True, windows=windows("capture"))
        link.start()
        last = 2 * LENGTH // US
        for second in range(1, last + 1):
            link.put(Beat(CAMERA, T0 + second * US, 0, 0, 0, Reason.NO_FRAME, ended=second == last))
        assert link.close()
    until(lambda: target.held != {})
    for part in reversed(parts):
        part.stop()
    bus.close()


@pytest.fixture
def collected():
    """A collector, and the spans of this process on their way to it."""
    with collecting() as there:
        TRACES.start("test", collector(f"http://127.0.0.1:{there.port}"))
        yield there
        TRACES.stop()


def test_one_trace_from_the_camera_to_the_ehr(database, collected):
    admit(database, stay())
    drive(database, FakeTarget(lambda number, _entry: Answer(Outcome.RETRY, "503") if number == 0 else None))
    TRACES.stop()
    one = assessment_id(SITE, CAMERA, PROTOCOL.name, T0)
    mine = [span for span in collected.spans() if span.trace_id == one.bytes]
    by = {span.name: span for span in sorted(mine, key=lambda span: span.start_time_unix_nano)}
    assert sorted(by) == sorted(ROAD)
    assert not by["capture.window"].parent_span_id
    assert by["capture.window"].span_id == one.bytes[8:], "so that anybody can name the trace's first span"
    for before, after in pairwise(ROAD):
        assert by[after].parent_span_id == by[before].span_id, after
    for span in mine:
        said = {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
        assert said["wince.assessment"] == str(one)
    assert said.keys() >= {"wince.entry", "wince.outcome"}
    tries = [span for span in mine if span.name == "record.deliver"]
    assert [span.status.message for span in tries] == ["retry", ""]
    stream = {span.name: span for span in collected.spans() if span.name.endswith(".stream")}
    (link,) = by["capture.window"].links
    assert (link.trace_id, link.span_id) == (stream["capture.stream"].trace_id, stream["capture.stream"].span_id)
    assert stream["detect.stream"].trace_id == link.trace_id != one.bytes
    second = assessment_id(SITE, CAMERA, PROTOCOL.name, T0 + LENGTH)
    assert {span.name for span in collected.spans() if span.trace_id == second.bytes} == set(ROAD) - {"record.deliver"}
    with database.transaction() as tx:
        kept = tx.execute("SELECT trace FROM outbox").fetchall()
    assert {text.split("-")[1] for (text,) in kept} == {one.hex}


def test_nothing_of_patient_bed_or_camera_is_sent(database, collected):
    lies = stay()
    admit(database, lies)
    drive(database, FakeTarget())
    TRACES.stop()
    sent = "\n".join(map(str, collected.requests))
    assert "record.deliver" in sent
    for secret in (CAMERA, BED, lies.patient.value, lies.encounter.value + '"', str(lies.id)):
        assert secret not in sent


def test_without_a_collector_nothing_is_kept_of_traces(database):
    admit(database, stay())
    drive(database, FakeTarget())
    with database.transaction() as tx:
        assert tx.execute("SELECT DISTINCT trace FROM outbox").fetchall() == [("",)]
        bodies = tx.execute("SELECT body FROM outbox").fetchall()
    assert json.loads(bodies[0][0])["start"] == T0
