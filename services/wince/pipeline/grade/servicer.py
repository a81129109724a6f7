"""GradeService: a stream of one source's estimates and beats in, assessments, alerts and questions out. Nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from wince.api.grade.v1 import grade_service_pb2 as pb
from wince.api.grade.v1.grade_service_pb2_grpc import GradeServiceServicer, add_GradeServiceServicer_to_server
from wince.codec.capture import beat_from_message
from wince.codec.estimate import estimate_from_message
from wince.codec.grade import alert_to_message, assessment_to_message, question_to_message, snapshot_from_message, snapshot_to_message
from wince.codec.hospital import occupancy_from_message
from wince.domain.assessment import Alert, Assessment
from wince.domain.estimate import Estimate
from wince.domain.frame import Beat
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Occupancy
from wince.errors import MessageError, ProtocolError, WinceError
from wince.pipeline.grade import stage
from wince.rpc.errors import NotFound
from wince.rpc.requests import under
from wince.rpc.server import Registration, Workers

NAME = "wince.api.grade.v1.GradeService"
MAX_BYTES = 5 << 20
"""Largest request, bytes: a snapshot and its envelope."""
DEFAULT = "activity"
SAME_RULES = "give estimate and grade the same protocol file, and read the faces again"

Setups = Callable[[str], stage.Setup]
"""A protocol's setup by its name. Raises ProtocolError where there is none."""


class GradeServicer(GradeServiceServicer):
    """One fold per stream."""

    def __init__(self, setups: Setups, *, threads: int = 1) -> None:
        self._setups = setups
        self.workers = Workers(threads, "grade")

    async def GradeEstimates(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[pb.GradeEstimatesRequest], context: Any
    ) -> AsyncIterator[pb.GradeEstimatesResponse]:
        """See the proto."""
        fold: _Fold | None = None
        async for request in requests:
            if fold is None:
                fold = _Fold(self._setup(request.protocol or DEFAULT), request.snapshots)
            answers: Sequence[pb.GradeEstimatesResponse] = await self.workers.run(fold.take, request)
            for answer in answers:
                yield answer

    def _setup(self, name: str) -> stage.Setup:
        try:
            return self._setups(name)
        except ProtocolError as error:
            raise NotFound("no such protocol can be graded here", field="protocol", remedy=error.remedy) from None


class _Fold:
    """One stream's state, and what it checks of the order of its requests."""

    def __init__(self, setup: stage.Setup, snapshots: bool) -> None:
        self._setup, self._snapshots = setup, snapshots
        self._state: stage.State | None = None
        self._frame_us = self._beat_us = -1

    def take(self, request: pb.GradeEstimatesRequest) -> list[pb.GradeEstimatesResponse]:
        """What comes of one request."""
        item = request.WhichOneof("item")
        if item is None:
            raise MessageError("an estimate, a beat, an occupancy or a snapshot must be given", field="estimate")
        with under(item):
            if item == "snapshot":
                self._load(snapshot_from_message(request.snapshot, self._setup.protocol.name))
                return []
            message = self._read(request, item)
            before = self._state or stage.begin(message.source, self._setup)
            if message.source != before.source:
                raise MessageError("is another than the stream's", field="source", remedy="one stream for each source")
            if isinstance(message, Estimate) and message.protocol not in ("", self._setup.protocol.name):
                remedy = "grade each protocol's estimates in a stream of their own"
                raise MessageError("another protocol's scorer read it", field="protocol", remedy=remedy)
            if isinstance(message, Estimate) and message.rule not in ("", self._setup.protocol.rule):
                raise MessageError("was read by other rules of the protocol than grade has", field="rule", remedy=SAME_RULES)
            self._in_order(message)
            after, events = stage.step(before, [message])
        self._state = after
        answers = [_answer(event) for event in events]
        if self._snapshots and stage.snapshot_due(before, after):
            made = Snapshot(after.source, self._setup.protocol.name, stage.VERSION, after.closed_until_us, stage.dump(after))
            answers.append(pb.GradeEstimatesResponse(snapshot=snapshot_to_message(made)))
        return answers

    @staticmethod
    def _read(request: pb.GradeEstimatesRequest, item: str) -> Estimate | Beat | Occupancy:
        if item == "estimate":
            return estimate_from_message(request.estimate)
        return beat_from_message(request.beat) if item == "beat" else occupancy_from_message(request.occupancy)

    def _load(self, snapshot: Snapshot) -> None:
        if self._state is not None:
            raise MessageError("must come first", field="source")
        if snapshot.fold_version != stage.VERSION:
            raise MessageError("is of another version of the fold", field="fold_version", remedy="begin again, from the window's begin")
        if snapshot.protocol != self._setup.protocol.name:
            raise MessageError("is of another protocol", field="protocol", remedy="name that protocol in the first request")
        try:
            self._state = stage.load(snapshot.state, self._setup)
        except (WinceError, ValueError, KeyError, TypeError, IndexError):
            raise MessageError("is none that this protocol's fold wrote", field="state", remedy="give back what was answered") from None
        if self._state.source != snapshot.source:
            raise MessageError("is of another source", field="state")

    def _in_order(self, message: Estimate | Beat | Occupancy) -> None:
        if isinstance(message, Occupancy):
            return
        if isinstance(message, Estimate):
            backwards = message.time_us <= self._frame_us or message.time_us < self._beat_us
            self._frame_us = max(self._frame_us, message.time_us)
        else:
            backwards = message.time_us < self._beat_us or (message.time_us == self._beat_us and not message.ended)
            self._beat_us = max(self._beat_us, message.time_us)
        if backwards:
            raise MessageError("runs backwards within the stream", field="time_us", remedy="send in order of time")


def _answer(event: stage.Event) -> pb.GradeEstimatesResponse:
    if isinstance(event, Assessment):
        return pb.GradeEstimatesResponse(assessment=assessment_to_message(event))
    if isinstance(event, Alert):
        return pb.GradeEstimatesResponse(alert=alert_to_message(event))
    return pb.GradeEstimatesResponse(question=question_to_message(event))


def registration(servicer: GradeServicer) -> Registration:
    """The service, to be served."""
    return Registration(
        NAME,
        lambda server: add_GradeServiceServicer_to_server(servicer, server),
        close=servicer.workers.close,
        max_bytes=MAX_BYTES,
    )
