"""DetectService: a stream of one source's frames in, its faces out, one answer per request, in order."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from wince.api.detect.v1 import detect_pb2
from wince.api.detect.v1 import detect_service_pb2 as pb
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceServicer, add_DetectServiceServicer_to_server
from wince.codec.capture import beat_from_message, beat_to_message, region_from_message
from wince.codec.detect import face_to_message
from wince.codec.frame import MAX_JPEG, frame_from_message
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.errors import ConfigError, MessageError, Refused
from wince.pipeline.detect import stage
from wince.pipeline.detect.cuts import cuts
from wince.pipeline.detect.interface import Cut, FaceModels
from wince.pipeline.detect.patient import Share
from wince.protocols.rules import DetectLimits
from wince.rpc.errors import NotFound
from wince.rpc.requests import under
from wince.rpc.server import Registration, Workers
from wince.telemetry import traces

NAME = "wince.api.detect.v1.DetectService"
MAX_BYTES = MAX_JPEG + (64 << 10)
"""A full frame and its envelope."""

AHEAD = 16
"""Answers that may wait for their faces to survive while the next frame is looked at."""

Publish = Callable[[Sequence[Face | Beat]], "Sequence[Future[None]]"]
"""Hands what came of a request to the other stages; the futures are done when it will survive there."""
_Step = tuple[pb.DetectFacesResponse, "Sequence[Future[None]]"]


class DetectServicer(DetectServiceServicer):
    """One fold per stream; the models are shared by all streams, a set per worker thread."""

    def __init__(
        self,
        models: Callable[[DetectLimits], FaceModels],
        protocols: Mapping[str, DetectLimits],
        *,
        threads: int = 1,
        publish: Publish | None = None,
    ) -> None:
        """`models`: loads a set of models, called once in each thread and for each way to find faces. `protocols`: those that are set, the
        default first. `publish`: None where detect is not joined to the others."""
        self._load, self._protocols, self._publish = models, dict(protocols), publish
        self._models = threading.local()
        self.workers = Workers(threads, "detect")

    async def DetectFaces(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[pb.DetectFacesRequest], context: Any
    ) -> AsyncIterator[pb.DetectFacesResponse]:
        """See the proto."""
        looked: asyncio.Queue[_Step | BaseException | None] = asyncio.Queue(AHEAD)
        with traces.stream("detect.stream", carried=traces.carried(context.invocation_metadata())):
            looking = asyncio.ensure_future(self._look(requests, looked))
            try:
                while (found := await looked.get()) is not None:
                    if isinstance(found, BaseException):
                        raise found
                    face, futures = found
                    for told in futures:
                        if not told.done() or told.exception() is not None:
                            await asyncio.wrap_future(told)
                    yield face
            finally:
                looking.cancel()

    async def _look(self, requests: AsyncIterator[pb.DetectFacesRequest], looked: asyncio.Queue[_Step | BaseException | None]) -> None:
        """One request after the other, ahead of the answers, which wait until faces will survive; last what ended it, or None."""
        fold: _Fold | None = None
        send: Publish | None = None
        ended: BaseException | None = None
        try:
            async for request in requests:
                if fold is None:
                    region = region_from_message(request.region) if request.HasField("region") else None
                    fold = _Fold(self._cuts(request.protocols), region)
                    send = self._publish if request.publish else None
                    if request.publish and send is None:
                        what = "detect is not joined to the other stages"
                        raise Refused(what, field="publish", remedy="leave it out, and use the answers")
                await looked.put(await self.workers.run(self._step, fold, request, send))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever it is: the call waits for it
            ended = error
        await looked.put(ended)

    def _cuts(self, names: Sequence[str]) -> Sequence[Cut]:
        wanted = list(names) or [next(iter(self._protocols))]
        if unknown := [index for index, name in enumerate(wanted) if name not in self._protocols]:
            remedy = f"one of: {', '.join(self._protocols)}; capture and detect need the same settings"
            raise NotFound("that protocol is not set here", field=f"protocols[{unknown[0]}]", remedy=remedy)
        try:
            return cuts({name: self._protocols[name] for name in wanted})
        except ConfigError as error:
            raise Refused(error.message, field="protocols", remedy=error.remedy) from None

    def _step(self, fold: _Fold, request: pb.DetectFacesRequest, send: Publish | None) -> _Step:
        """On a worker's thread: one request."""
        found = fold.step(request, self._own(fold.cuts[0].limits))
        told = () if send is None else send(found)
        first = found[0]
        if isinstance(first, Beat):
            return pb.DetectFacesResponse(beat=beat_to_message(first)), told
        return pb.DetectFacesResponse(face=face_to_message(first) if send is None else _outline(first)), told

    def _own(self, limits: DetectLimits) -> FaceModels:
        loaded: dict[tuple[str, bool], FaceModels] | None = getattr(self._models, "loaded", None)
        if loaded is None:
            loaded = self._models.loaded = {}
        key = (limits.detector, limits.full_range)
        if key not in loaded:
            loaded[key] = self._load(limits)
        return loaded[key]

    def warm(self) -> None:
        """Load the models of every thread now; raises ModelFileError where one is absent or changed."""
        for limits in self._protocols.values():
            self.workers.everywhere(functools.partial(self._own, limits))


class _Fold:
    """One stream's state."""

    def __init__(self, cuts: Sequence[Cut], region: Share | None) -> None:
        self.cuts, self._region = cuts, region
        self._state = stage.SourceState()
        self._source = ""

    def step(self, request: pb.DetectFacesRequest, models: FaceModels) -> list[Face | Beat]:
        item = request.WhichOneof("item")
        if item is None:
            raise MessageError("a frame or a beat must be given", field="frame")
        with under(item):
            message = frame_from_message(request.frame) if item == "frame" else beat_from_message(request.beat)
            if self._source not in ("", message.source):
                raise MessageError("is another than the stream's", field="source", remedy="one stream for each source")
        self._source = message.source
        self._state, events = stage.step(self._state, [message], message.time_us, models, self.cuts, region=self._region)
        return events


def _outline(face: Face) -> detect_pb2.Face:
    """A face without what the other stages have already."""
    message = face_to_message(face)
    for field in ("landmarks", "features", "crop", "grey"):
        message.ClearField(field)
    return message


def registration(servicer: DetectServicer) -> Registration:
    """The service, to be served."""
    return Registration(
        NAME,
        lambda server: add_DetectServiceServicer_to_server(servicer, server),
        close=servicer.workers.close,
        max_bytes=MAX_BYTES,
    )
