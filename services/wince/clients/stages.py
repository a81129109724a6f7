"""Clients of detect, estimate and grade, for whoever brings their own frames: grades as Wince itself gives them; nothing is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.api.estimate.v1 import estimate_service_pb2 as estimate_pb
from wince.api.estimate.v1.estimate_service_pb2_grpc import EstimateServiceStub
from wince.api.grade.v1.grade_service_pb2 import GradeEstimatesRequest
from wince.api.grade.v1.grade_service_pb2_grpc import GradeServiceStub
from wince.clients.unary import ServiceClient
from wince.codec.capture import beat_from_message, beat_to_message, region_to_message
from wince.codec.detect import face_from_message, face_to_message
from wince.codec.estimate import estimate_from_message, estimate_to_message
from wince.codec.frame import frame_to_message
from wince.codec.grade import alert_from_message, assessment_from_message, question_from_message, snapshot_from_message, snapshot_to_message
from wince.codec.hospital import occupancy_to_message
from wince.codec.server import model_from_message
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat, Frame
from wince.domain.server_info import ModelInfo
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Occupancy

FACES = 64
"""Most faces of one request."""


class DetectClient(ServiceClient):
    """The caller needs the role `stage`. Every method raises as ServiceClient._call."""

    def faces(
        self, messages: Iterable[Frame | Beat], *, protocols: Iterable[str] = (), exact: bool = False,
        region: tuple[float, float, float, float] | None = None,
    ) -> Iterator[Face | Beat]:  # fmt: skip
        """The face of each frame of one source, and its beats unchanged, in order, while they come. `protocols`: for which it is cut;
        none: the default. `exact`: frames go as raw RGB (the same numbers as at a camera), else as JPEG. `region`: of the bed, x0, y0, x1,
        y1 as shares 0-1. A stream ends with Unavailable when it is old or the server drains."""

        def requests() -> Iterator[DetectFacesRequest]:
            for number, message in enumerate(messages):
                if isinstance(message, Beat):
                    request = DetectFacesRequest(beat=beat_to_message(message))
                else:
                    request = DetectFacesRequest(frame=frame_to_message(message, exact=exact))
                if number == 0:
                    request.protocols.extend(protocols)
                    if region is not None:
                        request.region.CopyFrom(region_to_message(region))
                yield request

        for answer in self._stream(DetectServiceStub(self._channel).DetectFaces, requests(), endless=True):
            yield face_from_message(answer.face) if answer.HasField("face") else beat_from_message(answer.beat)


class EstimateClient(ServiceClient):
    """The caller needs the role `stage`; for `models`, `reader` or `operator` will do. Every method raises as ServiceClient._call."""

    def estimates(self, faces: Iterable[Face], protocol: str = "") -> Iterator[Estimate]:
        """Exactly one for each face, in order; asked for by 64. `protocol`: whose scorer; empty: the default. Where members see clips,
        a clip is made of the faces of one request: call it with at most 64, begun by the faces of the two seconds before."""
        for some in _batched(faces):
            request = estimate_pb.EstimateFacesRequest(faces=[face_to_message(face) for face in some], protocol=protocol)
            yield from map(estimate_from_message, self._call(EstimateServiceStub(self._channel).EstimateFaces, request).estimates)

    def models(self) -> tuple[str, list[ModelInfo]]:
        """The model set in use (sha256 in hex), and its files by name."""
        answer = self._call(EstimateServiceStub(self._channel).ListModels, estimate_pb.ListModelsRequest())
        return answer.model_set, [model_from_message(model) for model in answer.models]


class GradeClient(ServiceClient):
    """The caller needs the role `stage`. Every method raises as ServiceClient._call."""

    def grade(
        self, items: Iterable[Estimate | Beat | Occupancy | Snapshot], protocol: str = "", *, snapshots: bool = False
    ) -> Iterator[Assessment | Alert | Question | Snapshot]:
        """Windows of one source as they close, with alerts and questions. `protocol` empty: the default. `snapshots`: and the state behind
        each closed window. A stream ends with Unavailable when it is old or the server drains: begin a new one with the last snapshot, then
        everything from its `closed_until_us` on."""

        def requests() -> Iterator[GradeEstimatesRequest]:
            for number, item in enumerate(items):
                request = _graded(item)
                if number == 0:
                    request.protocol, request.snapshots = protocol, snapshots
                yield request

        for answer in self._stream(GradeServiceStub(self._channel).GradeEstimates, requests(), endless=True):
            match answer.WhichOneof("item"):
                case "assessment":
                    yield assessment_from_message(answer.assessment)
                case "alert":
                    yield alert_from_message(answer.alert)
                case "question":
                    yield question_from_message(answer.question)
                case "snapshot":
                    yield snapshot_from_message(answer.snapshot, protocol)


def _graded(item: Estimate | Beat | Occupancy | Snapshot) -> GradeEstimatesRequest:
    match item:
        case Estimate():
            return GradeEstimatesRequest(estimate=estimate_to_message(item))
        case Beat():
            return GradeEstimatesRequest(beat=beat_to_message(item))
        case Occupancy():
            return GradeEstimatesRequest(occupancy=occupancy_to_message(item))
        case Snapshot():
            return GradeEstimatesRequest(snapshot=snapshot_to_message(item))


def _batched(faces: Iterable[Face]) -> Iterator[tuple[Face, ...]]:
    """As itertools.batched of Python 3.12."""
    left = iter(faces)
    while some := tuple(itertools.islice(left, FACES)):
        yield some
