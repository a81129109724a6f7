"""Detect, estimate, grade and capture as a foreign client drives them: generated stubs only. Its whole path gives the embedded grades."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from tests.face_models import face_models, fetched
from tests.support.pipeline import grade_clip
from tests.support.rpc import dialled, failure, refused, served
from wince import codec
from wince.api.capture.v1 import capture_pb2, capture_service_pb2
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.api.detect.v1 import detect_pb2, detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.api.estimate.v1 import estimate_pb2, estimate_service_pb2
from wince.api.estimate.v1.estimate_service_pb2_grpc import EstimateServiceStub
from wince.api.grade.v1 import grade_service_pb2
from wince.api.grade.v1.grade_service_pb2_grpc import GradeServiceStub
from wince.codec.capture import beat_to_message
from wince.codec.estimate import estimate_to_message
from wince.codec.frame import frame_to_message
from wince.domain.assessment import Assessment
from wince.domain.estimate import Estimate, Reading
from wince.domain.frame import US, Beat, Frame
from wince.domain.ids import site_namespace
from wince.models import lock
from wince.pipeline.capture.cameras import Cameras
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.servicer import CaptureServicer
from wince.pipeline.capture.servicer import registration as capture
from wince.pipeline.detect.servicer import DetectServicer
from wince.pipeline.detect.servicer import registration as detect
from wince.pipeline.estimate.servicer import EstimateServicer, ModelInUse
from wince.pipeline.estimate.servicer import registration as estimate
from wince.pipeline.grade import stage
from wince.pipeline.grade.servicer import GradeServicer
from wince.pipeline.grade.servicer import registration as grade
from wince.protocols.loader import load
from wince.rpc.server import Registration
from wince.serve import scoring
from wince.serve.camera_opening import opener
from wince.testing.clips import clip

RULES = load("activity")
pytestmark = pytest.mark.timeout(180)


def stages() -> list[Registration]:
    scorer = scoring.scorer(RULES)

    def setups(name: str) -> stage.Setup:
        rules = load(name)
        return stage.Setup(rules, site_namespace("test"), scoring.personal(rules))

    used = [ModelInUse(name, lock.find(name).sha256) for name in RULES.estimate.models]
    return [
        detect(DetectServicer(lambda limits: face_models(limits.full_range), {"activity": RULES.detect})),
        estimate(EstimateServicer({"activity": lambda: scoring.scorer(RULES)}, lambda: (scorer.model_set, used))),
        grade(GradeServicer(setups)),
    ]


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    fetched()
    with served(*stages()) as server, dialled(server.port) as dial:
        yield dial


def whole_path(channel: grpc.Channel, messages: list[Frame | Beat], exact: bool) -> tuple[list[Assessment], list[str]]:
    """Frames in; faces, estimates, and what grade says of them."""
    wanted = [
        detect_service_pb2.DetectFacesRequest(beat=beat_to_message(one))
        if isinstance(one, Beat)
        else detect_service_pb2.DetectFacesRequest(frame=frame_to_message(one, exact=exact))
        for one in messages
    ]
    seen = list(DetectServiceStub(channel).DetectFaces(iter(wanted)))
    assert [one.WhichOneof("item") for one in seen] == ["beat" if isinstance(one, Beat) else "face" for one in messages]
    faces = [one.face for one in seen if one.HasField("face")]
    assert [one.sequence for one in faces] == [one.sequence for one in messages if isinstance(one, Frame)]
    scored: list[estimate_pb2.Estimate] = []
    for begin in range(0, len(faces), 64):
        request = estimate_service_pb2.EstimateFacesRequest(faces=faces[begin : begin + 64])
        scored += EstimateServiceStub(channel).EstimateFaces(request).estimates
    of = iter(scored)
    fold = [
        grade_service_pb2.GradeEstimatesRequest(beat=one.beat)
        if one.HasField("beat")
        else grade_service_pb2.GradeEstimatesRequest(estimate=next(of))
        for one in seen
    ]
    said = list(GradeServiceStub(channel).GradeEstimates(iter(fold)))
    schema = "wince.api.grade.v1.Assessment"
    windows = [codec.decode(schema, one.assessment.SerializeToString()) for one in said if one.HasField("assessment")]
    return windows, [one.alert.id for one in said if one.HasField("alert")]  # type: ignore[return-value]


def test_the_whole_path_of_a_clip_gives_the_embedded_grades(channel):
    expected, alerts, _, _ = grade_clip(clip("bed1"))
    assert alerts
    messages = list(FileSource(clip("bed1"), "clip", rate_hz=RULES.detect.rate_hz))
    windows, alerted = whole_path(channel, messages, exact=True)
    assert windows == expected
    assert alerted == [str(one.id) for one in alerts]

    windows, alerted = whole_path(channel, messages, exact=False)
    assert [(one.id, one.grade, one.reason) for one in windows] == [(one.id, one.grade, one.reason) for one in expected]
    assert alerted == [str(one.id) for one in alerts]
    pairs = [(one.median, other.median) for one, other in zip(windows, expected, strict=True)]
    off = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    assert max(off) < 0.2, "what the JPEG of a frame (quality 95) changes of a window's median, of 16"


def a_frame(number: int = 0, source: str = "clip", **changed: Any) -> capture_pb2.Frame:
    frame = Frame(source, number, 200_000 * number, np.full((120, 160, 3), 90, np.uint8))
    message = frame_to_message(frame, exact=True)
    for name, value in changed.items():
        setattr(message, name, value)
    return message


WRONG_FRAMES = [
    (a_frame(source=""), grpc.StatusCode.INVALID_ARGUMENT, "frame.source"),
    (a_frame(time_us=-1), grpc.StatusCode.INVALID_ARGUMENT, "frame.time_us"),
    (a_frame(width=0), grpc.StatusCode.INVALID_ARGUMENT, "frame.width"),
    (a_frame(width=100_000, height=100_000), grpc.StatusCode.INVALID_ARGUMENT, "frame.width"),
    (a_frame(rgb=b"123"), grpc.StatusCode.INVALID_ARGUMENT, "frame.rgb"),
    (a_frame(jpeg=b"\xff\xd8 no picture"), grpc.StatusCode.INVALID_ARGUMENT, "frame.jpeg"),
    (capture_pb2.Frame(source="clip", width=16, height=16), grpc.StatusCode.INVALID_ARGUMENT, "frame.jpeg"),
]


@pytest.mark.parametrize(("frame", "code", "field"), WRONG_FRAMES)
def test_frames_that_detect_cant_use(channel, frame, code, field):
    found = refused(DetectServiceStub(channel).DetectFaces, iter([detect_service_pb2.DetectFacesRequest(frame=frame)]))
    assert (found.code, found.fields) == (code, [field])


def test_detect_keeps_a_stream_to_its_source_and_answers_what_came_before(channel):
    requests = [detect_service_pb2.DetectFacesRequest(frame=a_frame(0)), detect_service_pb2.DetectFacesRequest(frame=a_frame(1, "other"))]
    answers = DetectServiceStub(channel).DetectFaces(iter(requests))
    assert next(answers).face.sequence == 0
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert failure(caught.value).fields == ["frame.source"]
    for request, field in (
        (detect_service_pb2.DetectFacesRequest(), "frame"),
        (detect_service_pb2.DetectFacesRequest(frame=a_frame(), region=capture_pb2.Region(x0=0.5, x1=0.2, y1=1)), "region.x1"),
        (detect_service_pb2.DetectFacesRequest(beat=capture_pb2.Beat(source="clip", time_us=-5)), "beat.time_us"),
    ):
        assert refused(DetectServiceStub(channel).DetectFaces, iter([request])).fields == [field]
    apart = refused(DetectServiceStub(channel).DetectFaces, iter([detect_service_pb2.DetectFacesRequest(frame=a_frame(), publish=True)]))
    assert apart.code is grpc.StatusCode.FAILED_PRECONDITION


def test_a_message_above_the_limit_ends_its_call_only(channel):
    stub = DetectServiceStub(channel)
    for size in (17 << 20, 100 << 20):
        found = refused(stub.DetectFaces, iter([detect_service_pb2.DetectFacesRequest(frame=a_frame(jpeg=bytes(size)))]))
        assert found.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(list(stub.DetectFaces(iter([detect_service_pb2.DetectFacesRequest(frame=a_frame())])))) == 1


def test_estimate_takes_what_faces_say_and_names_what_is_wrong(channel):
    stub = EstimateServiceStub(channel)
    none = detect_pb2.Face(source="a", sequence=3, time_us=7, frame_width=9, frame_height=9, reason=10)
    (answer,) = stub.EstimateFaces(estimate_service_pb2.EstimateFacesRequest(faces=[none])).estimates
    assert (answer.source, answer.sequence, answer.time_us, answer.reason, answer.protocol) == ("a", 3, 7, 10, "activity")
    assert not stub.EstimateFaces(estimate_service_pb2.EstimateFacesRequest()).estimates
    wrong = detect_pb2.Face(source="a", frame_width=9, frame_height=9)
    found = refused(stub.EstimateFaces, estimate_service_pb2.EstimateFacesRequest(faces=[none, wrong]))
    assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["faces[1].box"])
    assert refused(stub.EstimateFaces, estimate_service_pb2.EstimateFacesRequest(faces=[none] * 65)).fields == ["faces"]
    found = refused(stub.EstimateFaces, estimate_service_pb2.EstimateFacesRequest(protocol="none-such"))
    assert (found.code, found.fields) == (grpc.StatusCode.NOT_FOUND, ["protocol"])
    models = stub.ListModels(estimate_service_pb2.ListModelsRequest())
    assert len(models.model_set) == 64
    assert {(one.name, one.state) for one in models.models} == {(name, estimate_pb2.MODEL_STATE_READY) for name in RULES.estimate.models}


def an_estimate(time_us: int, score: float = 8.0, source: str = "cam", **more: str) -> estimate_pb2.Estimate:
    reading = Reading(score, 0.95, np.full(6, 0.5, np.float32), 0.0)
    return estimate_to_message(Estimate(source, time_us // 200_000, time_us, None, reading, model_set="ab" * 32, **more))


def feed(seconds: range) -> list[grade_service_pb2.GradeEstimatesRequest]:
    """Estimates and beats of some seconds, five a second."""
    made = []
    for second in seconds:
        for frame in range(5):
            made.append(grade_service_pb2.GradeEstimatesRequest(estimate=an_estimate(second * US + frame * 200_000)))
        beat = capture_pb2.Beat(source="cam", time_us=(second + 1) * US, frames=5)
        made.append(grade_service_pb2.GradeEstimatesRequest(beat=beat))
    return made


def test_grade_goes_on_from_a_snapshot_with_the_same_results(channel):
    stub = GradeServiceStub(channel)
    whole = list(stub.GradeEstimates(iter(feed(range(30)))))
    first = feed(range(17))
    first[0].snapshots = True
    begun = list(stub.GradeEstimates(iter(first)))
    snapshot = [one.snapshot for one in begun if one.HasField("snapshot")][-1]
    assert snapshot.closed_until_us == 15 * US
    rest = list(stub.GradeEstimates(iter([grade_service_pb2.GradeEstimatesRequest(snapshot=snapshot), *feed(range(15, 30))])))
    assert [one for one in begun if not one.HasField("snapshot")] + rest == whole
    assert any(one.HasField("alert") for one in whole)


@pytest.mark.parametrize(
    ("requests", "code", "field"),
    [
        ([grade_service_pb2.GradeEstimatesRequest()], grpc.StatusCode.INVALID_ARGUMENT, "estimate"),
        ([grade_service_pb2.GradeEstimatesRequest(protocol="none-such", beat={"source": "cam"})], grpc.StatusCode.NOT_FOUND, "protocol"),
        (feed(range(2)) + feed(range(1)), grpc.StatusCode.INVALID_ARGUMENT, "estimate.time_us"),
        (
            [*feed(range(1)), grade_service_pb2.GradeEstimatesRequest(estimate=an_estimate(9 * US, source="b"))],
            grpc.StatusCode.INVALID_ARGUMENT,
            "estimate.source",
        ),
        *(
            ([grade_service_pb2.GradeEstimatesRequest(estimate=read)], grpc.StatusCode.INVALID_ARGUMENT, f"estimate.{field}")
            for field, read in (("protocol", an_estimate(0, protocol="icu")), ("rule", an_estimate(0, rule="ab" * 32)))
        ),
        (
            [grade_service_pb2.GradeEstimatesRequest(snapshot={"source": "cam", "fold_version": 1, "state": b"{}", "protocol": "icu"})],
            grpc.StatusCode.INVALID_ARGUMENT,
            "snapshot.protocol",
        ),
        (
            [grade_service_pb2.GradeEstimatesRequest(snapshot={"source": "cam", "fold_version": 99, "state": b"{}"})],
            grpc.StatusCode.INVALID_ARGUMENT,
            "snapshot.fold_version",
        ),
        (
            [grade_service_pb2.GradeEstimatesRequest(snapshot={"source": "cam", "fold_version": stage.VERSION, "state": b"{}"})],
            grpc.StatusCode.INVALID_ARGUMENT,
            "snapshot.state",
        ),
    ],
)
def test_grade_names_what_is_wrong(channel, requests, code, field):
    found = refused(GradeServiceStub(channel).GradeEstimates, iter(requests))
    assert (found.code, found.fields) == (code, [field])


class Leases:
    """Everything is ours."""

    def acquire(self, source: str) -> object | None:
        return source

    def renew(self) -> list[str]:
        return []

    def release(self, sources: Any) -> None:
        del sources

    def owns(self, source: str) -> bool:
        return bool(source)


class Taken(threading.Thread):
    """A runner that counts what its source gives."""

    frames: list[tuple[str, int]]

    def __init__(self, source: Any, frames: list[tuple[str, int]]) -> None:
        super().__init__(daemon=True)
        self._source, self.frames = source, frames
        self.error: BaseException | None = None

    def run(self) -> None:
        for message in self._source:
            if isinstance(message, Frame):
                self.frames.append((message.source, message.sequence))

    def stop(self) -> None:
        self._source.close()


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_cameras_start_list_take_pushed_frames_and_stop():
    frames: list[tuple[str, int]] = []
    cameras = Cameras(opener(RULES.detect.rate_hz), lambda source, _plan: Taken(source, frames), Leases())
    cameras.start_all()
    try:
        with served(capture(CaptureServicer(cameras, cameras))) as server, dialled(server.port) as dial:
            stub = CaptureServiceStub(dial)
            assert not stub.ListCameras(capture_service_pb2.ListCamerasRequest()).cameras
            camera = capture_pb2.Camera(source="bed-1", frames_per_second=5)
            begin = capture_service_pb2.StartCameraRequest(camera=camera)
            assert stub.StartCamera(begin).camera.source == "bed-1"
            assert stub.StartCamera(begin).camera.source == "bed-1"
            other = capture_pb2.Camera(source="bed-1", frames_per_second=2)
            assert refused(stub.StartCamera, capture_service_pb2.StartCameraRequest(camera=other)).code is grpc.StatusCode.ALREADY_EXISTS
            for wrong, field in (
                (capture_pb2.Camera(source="x", rotation=45), "camera.rotation"),
                (capture_pb2.Camera(source="x", frames_per_second=31), "camera.frames_per_second"),
                (capture_pb2.Camera(source="x", region=capture_pb2.Region(x0=2)), "camera.region.x0"),
                (capture_pb2.Camera(), "camera.source"),
                (capture_pb2.Camera(source="x", uri="/srv/Probst^Kuno.mp4"), "camera.uri"),
            ):
                assert refused(stub.StartCamera, capture_service_pb2.StartCameraRequest(camera=wrong)).fields == [field]
            assert refused(stub.StartCamera, capture_service_pb2.StartCameraRequest()).fields == ["camera"]

            now_us = time.time_ns() // 1000
            pushed = [capture_service_pb2.PushFramesRequest(frame=a_frame(n, "bed-1", time_us=now_us + 200_000 * n)) for n in range(5)]
            told = list(stub.PushFrames(iter(pushed), timeout=60))
            assert (told[-1].accepted, told[-1].dropped) == (5, 0)
            until(lambda: frames)
            assert {source for source, _ in frames} == {"bed-1"}
            unknown = refused(stub.PushFrames, iter([capture_service_pb2.PushFramesRequest(frame=a_frame(0, "who"))]))
            assert unknown.code is grpc.StatusCode.NOT_FOUND
            for frame, code, field in WRONG_FRAMES:
                found = refused(stub.PushFrames, iter([capture_service_pb2.PushFramesRequest(frame=frame)]))
                assert (found.code, found.fields) == (code, [field])
            backwards = [capture_service_pb2.PushFramesRequest(frame=a_frame(n, "bed-1", time_us=now_us)) for n in (9, 8)]
            assert refused(stub.PushFrames, iter(backwards)).code is grpc.StatusCode.INVALID_ARGUMENT

            hold = threading.Event()

            def held() -> Iterator[capture_service_pb2.PushFramesRequest]:
                yield capture_service_pb2.PushFramesRequest(frame=a_frame(10, "bed-1", time_us=time.time_ns() // 1000))
                hold.wait(60)

            first = stub.PushFrames(held(), timeout=60)
            until(lambda: cameras.cameras()[0].state == "running")
            second = refused(stub.PushFrames, iter([capture_service_pb2.PushFramesRequest(frame=a_frame(11, "bed-1"))]))
            assert second.code is grpc.StatusCode.FAILED_PRECONDITION
            hold.set()
            list(first)
            stop = capture_service_pb2.StopCameraRequest(source="bed-1")
            assert stub.StopCamera(stop).camera.state == capture_pb2.CAMERA_STATE_STOPPED
            assert refused(stub.StopCamera, capture_service_pb2.StopCameraRequest(source="who")).code is grpc.StatusCode.NOT_FOUND
    finally:
        cameras.drain()
