"""Client of capture's cameras."""

from __future__ import annotations

from collections.abc import Iterable

from wince.api.capture.v1 import capture_service_pb2 as pb
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.clients.capture import Pushed, Pusher
from wince.clients.unary import ServiceClient
from wince.codec.asked import bedside_from_message
from wince.codec.camera import camera_from_message, camera_to_message
from wince.domain.camera import CameraSpec, CameraState, CameraStatus
from wince.domain.frame import Beat, Frame
from wince.domain.stay import Bedside


class CamerasClient(ServiceClient):
    """The cameras of one replica of capture. The caller needs the role `operator` or `reader`; to start and stop, `operator`; to push,
    `camera`. Every method raises as ServiceClient._call."""

    def cameras(self) -> list[CameraStatus]:
        """All that it knows, by source."""
        answer = self._call(CaptureServiceStub(self._channel).ListCameras, pb.ListCamerasRequest())
        return [camera_from_message(camera) for camera in answer.cameras]

    def beds(self) -> dict[str, Bedside]:
        """Where each camera is and, for callers who may know, whose visit it watches; by source. Cameras that watch no bed are left out."""
        answer = self._call(CaptureServiceStub(self._channel).ListCameras, pb.ListCamerasRequest())
        return {camera.source: bedside_from_message(camera) for camera in answer.cameras if camera.bed}

    def start(self, camera: CameraSpec) -> CameraStatus:
        """Start to read a camera; one that runs with the same settings is left as it is. Raises AlreadyExists where it runs with others."""
        request = pb.StartCameraRequest(camera=camera_to_message(CameraStatus(camera, CameraState.ELSEWHERE)))
        return camera_from_message(self._call(CaptureServiceStub(self._channel).StartCamera, request).camera)

    def stop(self, source: str) -> CameraStatus:
        """Stop reading a camera; as it was left. Raises NotFound."""
        answer = self._call(CaptureServiceStub(self._channel).StopCamera, pb.StopCameraRequest(source=source))
        return camera_from_message(answer.camera)

    def push(self, frames: Iterable[Frame | Beat], *, capacity: int = 15) -> Pushed:
        """Push the frames of one pushed camera until they end; blocks until all are answered. They are taken from the iterable as it gives
        them, so it sets the pace; their times are of the present (microseconds UTC). `capacity`: frames kept while no stream takes them;
        beyond it the oldest goes. A stream that ends is begun again. Raises as Pusher.run."""
        return Pusher([self._channel], frames, metadata=self._metadata, capacity=capacity).run()
