"""Client of capture's cameras."""

from __future__ import annotations

from wince.api.capture.v1 import capture_service_pb2 as pb
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.clients.unary import ServiceClient
from wince.codec.camera import camera_from_message
from wince.domain.camera import CameraStatus


class CamerasClient(ServiceClient):
    """The cameras of one replica of capture; the caller needs the role `operator` or `reader`."""

    def cameras(self) -> list[CameraStatus]:
        """All that it knows, by source. Raises as ServiceClient._call."""
        answer = self._call(CaptureServiceStub(self._channel).ListCameras, pb.ListCamerasRequest())
        return [camera_from_message(camera) for camera in answer.cameras]
