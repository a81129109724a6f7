"""`wince serve detect`: frames in over gRPC, faces onto the bus; the answer to a frame comes when its face will survive there.

Replicas share the cameras' streams. The track of a face lives with its stream: where a stream goes on on another replica the face is
searched anew, and smoothing begins again, so that for about a second the points of the face lie where they lie without it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince import codec
from wince.api.capture.v1 import capture_pb2
from wince.api.detect.v1.detect_pb2 import Face as FaceMessage
from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest, DetectFacesResponse
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceServicer, add_DetectServiceServicer_to_server
from wince.bus.interface import Bus
from wince.bus.topics import FACES
from wince.codec import checks
from wince.codec.capture import beat_from_message, beat_to_message
from wince.codec.detect import face_to_message
from wince.domain.face import Face
from wince.domain.frame import Beat, Frame
from wince.errors import ConfigError, MessageError
from wince.pipeline.detect import stage
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import FaceModels
from wince.pipeline.detect.patient import Share
from wince.protocols.rules import DetectLimits
from wince.rpc.auth import Role
from wince.rpc.server import Registration, Workers
from wince.runtime.services.service import Deps, Service

NAME = "wince.api.detect.v1.DetectService"
PENDING = 32
"""Messages of a stream whose faces the bus has not acknowledged yet; then the stream is read no further."""
THREADS = 4
"""Frames looked at at a time."""
LONGEST_SIDE = 4096
"""Pixels."""
Inner = Callable[[AsyncIterator[DetectFacesRequest], Any], AsyncIterator[DetectFacesResponse]]
"""DetectFaces of a servicer for whoever brings their own frames."""


def build(deps: Deps, inner: Inner | None = None) -> Service:
    """The service. `inner`: answers streams that are not to be published."""
    protocol, folder = deps.protocol, deps.settings.models_dir
    limits = protocol.detect

    def load() -> FaceModels:
        return load_face_models(limits.full_range, folder, limits.detector)

    models = Models(load)
    models.give(models.take())  # what is wrong with a model is said at the start
    workers = Workers(THREADS, "detect")
    servicer = Detecting(models, limits, deps.bus, workers, inner)
    registration = Registration(
        NAME,
        lambda server: add_DetectServiceServicer_to_server(servicer, server),
        {"DetectFaces": frozenset({Role.STAGE})},
        close=workers.close,
    )
    return Service("detect", registrations=[registration])


class Models:
    """Sets of models that no stream uses now: a stream takes one, and gives it back. Thread-safe."""

    def __init__(self, load: Callable[[], FaceModels]) -> None:
        self._load = load
        self._free: list[FaceModels] = []
        self._lock = threading.Lock()

    def take(self) -> FaceModels:
        """A set that is free, else a new one. Blocks for a second where it is loaded. Raises ModelFileError."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._load()

    def give(self, models: FaceModels) -> None:
        """It is free again."""
        with self._lock:
            self._free.append(models)


class Detecting(DetectServiceServicer):
    """Streams of frames whose faces go onto the bus."""

    def __init__(
        self, models: Models, limits: DetectLimits, bus: Bus, workers: Workers, inner: Inner | None = None
    ) -> None:
        self._models, self._limits, self._bus, self._workers, self._inner = models, limits, bus, workers, inner

    async def DetectFaces(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[DetectFacesRequest], context: Any
    ) -> AsyncIterator[DetectFacesResponse]:
        """See the proto."""
        first = await anext(aiter(request_iterator), None)
        if first is None:
            return
        requests = _again(first, request_iterator)
        if not first.publish:
            if self._inner is None:
                raise ConfigError("here detect only serves the installation's own capture", field="publish", remedy="set it")
            async for answer in self._inner(requests, context):
                yield answer
            return
        pending: asyncio.Queue[tuple[DetectFacesResponse, Future[None]] | BaseException | None] = asyncio.Queue(PENDING)
        reader = asyncio.create_task(self._look(first, requests, pending))
        try:
            while (item := await pending.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                answer, kept = item
                await asyncio.wrap_future(kept)
                yield answer
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reader

    async def _look(
        self,
        first: DetectFacesRequest,
        requests: AsyncIterator[DetectFacesRequest],
        pending: asyncio.Queue[tuple[DetectFacesResponse, Future[None]] | BaseException | None],
    ) -> None:
        """Reads the stream and looks at it in order; what was found is on its way to the bus when it is put into `pending`."""
        models = await self._workers.run(self._models.take)
        try:
            region = _region(first)
            state, source = stage.SourceState(), ""
            async for request in requests:
                message = await self._workers.run(_message, request)
                source = source or message.source
                if message.source != source:
                    raise MessageError("changes within the stream", field="source", remedy="open a stream for each source")
                state, found = await self._workers.run(self._step, state, message, models, region)
                schema, value = codec.encode(found)
                kept = await self._workers.run(self._bus.publish, FACES, source, value, {"schema": schema.encode()})
                await pending.put((_answer(found), kept))
            await pending.put(None)
        except Exception as error:
            await pending.put(error)
        finally:
            self._models.give(models)

    def _step(
        self, state: stage.SourceState, message: Frame | Beat, models: FaceModels, region: Share | None
    ) -> tuple[stage.SourceState, Face | Beat]:
        after, found = stage.step(state, [message], message.time_us, models, self._limits, region=region)
        return after, found[0]


async def _again(first: DetectFacesRequest, rest: AsyncIterator[DetectFacesRequest]) -> AsyncIterator[DetectFacesRequest]:
    yield first
    async for request in rest:
        yield request


def _answer(found: Face | Beat) -> DetectFacesResponse:
    """What became of a message, without the picture and what was made of it."""
    if isinstance(found, Beat):
        return DetectFacesResponse(beat=beat_to_message(found))
    message: FaceMessage = face_to_message(found)
    for name in ("landmarks", "features", "crop"):
        message.ClearField(name)
    return DetectFacesResponse(face=message)


def _region(request: DetectFacesRequest) -> Share | None:
    if not request.HasField("region"):
        return None
    box = request.region
    if not (0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1):
        raise MessageError("needs 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1", field="region")
    return (box.x0, box.y0, box.x1, box.y1)


def _message(request: DetectFacesRequest) -> Frame | Beat:
    if request.WhichOneof("item") == "beat":
        return beat_from_message(request.beat)
    if request.WhichOneof("item") == "frame":
        return frame_from_message(request.frame)
    raise MessageError("must hold a frame or a beat", field="item")


def frame_from_message(message: capture_pb2.Frame) -> Frame:
    """A frame with its picture decoded; MessageError names the field that is wrong."""
    if not (0 < message.width <= LONGEST_SIDE and 0 < message.height <= LONGEST_SIDE):
        raise MessageError(f"must be above 0 and at most {LONGEST_SIDE}", field="frame.width, frame.height")
    pixels: NDArray[np.uint8]
    if message.WhichOneof("picture") == "rgb":
        if len(message.rgb) != message.width * message.height * 3:
            raise MessageError("must have width * height * 3 bytes", field="frame.rgb")
        pixels = np.frombuffer(message.rgb, np.uint8).reshape(message.height, message.width, 3)
    else:
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(message.jpeg)
            if (width, height) != (message.width, message.height):
                raise MessageError("is of another size than width and height", field="frame.jpeg")
            pixels = simplejpeg.decode_jpeg(message.jpeg, colorspace="RGB")
        except ValueError:
            raise MessageError("is no JPEG that can be decoded", field="frame.jpeg", remedy="send a baseline JPEG") from None
    return Frame(checks.source(message.source), message.sequence, checks.moment(message.time_us, "frame.time_us"), pixels)
