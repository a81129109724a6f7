"""Client of the hospital service: who lies where. Every call is written to the audit trail there."""

from __future__ import annotations

from wince.api.hospital.v1 import hospital_service_pb2 as pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceStub
from wince.clients.unary import ServiceClient
from wince.codec.hospital import stay_from_message
from wince.domain.reason import Reason
from wince.domain.stay import Stay


class HospitalClient(ServiceClient):
    """The caller needs the role `reader` or `nurse`."""

    def occupancy(self, bed: str, at_us: int | None = None) -> Stay | Reason:
        """Who lies in a bed (PV1-3), now or at a moment (microseconds UTC), as known now; NO_PATIENT or TWO_PATIENTS where that is not
        one. Raises NotFound for a bed that nobody knows, else as ServiceClient._call."""
        request = pb.GetOccupancyRequest(bed=bed, at_us=at_us)
        answer = self._call(HospitalServiceStub(self._channel).GetOccupancy, request)
        if answer.HasField("stay"):
            return stay_from_message(answer.stay)
        return Reason.TWO_PATIENTS if answer.ambiguous else Reason.NO_PATIENT
