"""CaptureService: frames pushed in; cameras started, stopped, listed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from wince.api.capture.v1 import capture_pb2
from wince.api.capture.v1 import capture_service_pb2 as pb
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceServicer, add_CaptureServiceServicer_to_server
from wince.codec import checks
from wince.codec.camera import camera_to_message, spec_from_message
from wince.codec.frame import MAX_JPEG, frame_from_message
from wince.codec.grade import at_bedside
from wince.domain.camera import CameraStatus
from wince.domain.stay import Bedside
from wince.errors import ConfigError, MediaError, MessageError
from wince.pipeline.capture.interface import CameraControl, CameraExists, FrameSink, Push, UnknownCamera
from wince.rpc.auth import ANYBODY, caller
from wince.rpc.errors import AlreadyExists, NotFound
from wince.rpc.requests import given, under
from wince.rpc.roles import Role
from wince.rpc.server import Registration, Workers

NAME = "wince.api.capture.v1.CaptureService"
Bedsides = Callable[[Sequence[str], str, str], Mapping[str, Bedside]]
"""(sources, who asks or empty, the RPC) -> where each is, by source. Of a caller that is named the encounters too: then the read stands in
the audit trail. May block for the database."""
MAX_BYTES = MAX_JPEG + (64 << 10)
"""A full frame and its envelope."""
TELL_S = 1.0
"""How often a push is told what became of its frames."""


class CaptureServicer(CaptureServiceServicer):
    """Over capture's ports."""

    def __init__(self, control: CameraControl, sink: FrameSink, *, bedsides: Bedsides | None = None, threads: int = 2) -> None:
        """`bedsides`: where cameras are; None: nobody here knows. `threads`: decode pushed pictures, and wait for cameras that start and
        stop."""
        self._control, self._sink, self._bedsides = control, sink, bedsides
        self.workers = Workers(threads, "capture")

    async def PushFrames(  # noqa: N802 - the proto's name
        self, requests: AsyncIterator[pb.PushFramesRequest], context: Any
    ) -> AsyncIterator[pb.PushFramesResponse]:
        """See the proto."""
        push: Push | None = None
        told_s = time.monotonic()
        try:
            async for request in requests:
                with under("frame"):
                    frame = await self.workers.run(frame_from_message, given(request, "frame"))
                    if push is None:
                        with _meant():
                            push = await self.workers.run(self._sink.open_push, frame.source)
                            assert push is not None
                    with _meant():
                        push.push(frame)
                if time.monotonic() - told_s >= TELL_S:
                    told_s = time.monotonic()
                    yield pb.PushFramesResponse(accepted=push.accepted, dropped=push.dropped)
            yield pb.PushFramesResponse(accepted=push.accepted, dropped=push.dropped) if push is not None else pb.PushFramesResponse()
        finally:
            if push is not None:
                await self.workers.run(push.close)

    async def StartCamera(self, request: pb.StartCameraRequest, context: Any) -> pb.StartCameraResponse:  # noqa: N802
        """See the proto."""
        with under("camera"):
            spec = spec_from_message(given(request, "camera"))
            with _meant():
                status = await self.workers.run(self._control.start, spec)
        return pb.StartCameraResponse(camera=(await self._told([status], "StartCamera"))[0])

    async def StopCamera(self, request: pb.StopCameraRequest, context: Any) -> pb.StopCameraResponse:  # noqa: N802
        """See the proto."""
        with _meant():
            status = await self.workers.run(self._control.stop, checks.source(request.source))
        return pb.StopCameraResponse(camera=(await self._told([status], "StopCamera"))[0])

    async def ListCameras(self, request: pb.ListCamerasRequest, context: Any) -> pb.ListCamerasResponse:  # noqa: N802
        """See the proto."""
        found = self._control.cameras()
        return pb.ListCamerasResponse(cameras=await self._told(sorted(found, key=lambda one: one.spec.source), "ListCameras"))

    async def _told(self, found: Sequence[CameraStatus], call: str) -> list[capture_pb2.Camera]:
        """Cameras as an answer, with their beds; with the encounters only for whom the site lets read patients' data by name."""
        messages, who = [camera_to_message(one) for one in found], caller()
        if self._bedsides is not None:
            reads = Role.READER in who.roles and who is not ANYBODY
            places = await self.workers.run(self._bedsides, [one.source for one in messages], who.name if reads else "", call)
            for one in messages:
                at_bedside(one, places.get(one.source, Bedside()))
        return messages


@contextmanager
def _meant() -> Iterator[None]:
    """What the ports raise, as the call's errors: a camera's settings are the caller's here, not the installation's."""
    try:
        yield
    except UnknownCamera as error:
        raise NotFound(error.message, field=error.field or "source", remedy=error.remedy) from None
    except CameraExists as error:
        raise AlreadyExists(error.message, field=error.field or "source", remedy=error.remedy) from None
    except MediaError as error:  # its field is the file's name, which is the caller's value
        raise MediaError(error.message, field="uri", remedy=error.remedy) from None
    except ConfigError as error:
        raise MessageError(error.message, field=error.field, remedy=error.remedy) from None


def registration(servicer: CaptureServicer) -> Registration:
    """The service, to be served."""
    return Registration(
        NAME,
        lambda server: add_CaptureServiceServicer_to_server(servicer, server),
        close=servicer.workers.close,
        max_bytes=MAX_BYTES,
    )
