"""Client of the hospital service: who lies where. Every call is written to the audit trail there."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from wince.api.hospital.v1 import hospital_service_pb2 as pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceStub
from wince.clients.unary import ServiceClient, order
from wince.codec.census import difference_from_message, doubt_from_message
from wince.codec.hospital import identifier_to_message, stay_from_message
from wince.domain.outside import Differing
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.domain.trust import InDoubt


class HospitalClient(ServiceClient):
    """The caller needs the role `reader` or `nurse`."""

    def occupancy(self, bed: str, at_us: int | None = None) -> Stay | Reason:
        """Who lies in a bed (PV1-3), now or at a moment (microseconds UTC), as known now; NO_PATIENT or TWO_PATIENTS where that is not
        one, DOUBTFUL where it is not sure (`doubts` says why). Raises NotFound for a bed that nobody knows, else as ServiceClient._call."""
        request = pb.GetOccupancyRequest(bed=bed, at_us=at_us)
        answer = self._call(HospitalServiceStub(self._channel).GetOccupancy, request)
        if answer.HasField("stay"):
            return Reason.DOUBTFUL if answer.doubts else stay_from_message(answer.stay)
        return Reason.TWO_PATIENTS if answer.ambiguous else Reason.NO_PATIENT

    def stays(
        self, bed: str = "", *, ward: str = "", encounter: Identifier | None = None, known_us: int | None = None, where: str = "",
        latest: bool = False,
    ) -> Iterator[Stay]:  # fmt: skip
        """Stays of one bed, ward or encounter, or all where none is named, by start; as known now, or at `known_us`. Asked for page by
        page: all as known when the first was asked for."""
        request = pb.ListStaysRequest(known_us=known_us, filter=where, order_by=order(latest))
        if encounter is not None:
            request.encounter.CopyFrom(identifier_to_message(encounter))
        elif bed or ward:
            setattr(request, "bed" if bed else "ward", bed or ward)
        else:
            request.all = True
        for answer in self._pages(HospitalServiceStub(self._channel).ListStays, request):
            yield from map(stay_from_message, answer.stays)

    def stay(self, identity: UUID, known_us: int | None = None) -> Stay:
        """One stay, as known at a moment; None: the last that was believed of it. Raises NotFound."""
        request = pb.GetStayRequest(id=str(identity), known_us=known_us)
        return stay_from_message(self._call(HospitalServiceStub(self._channel).GetStay, request).stay)

    def doubts(self) -> list[InDoubt]:
        """Beds of which it is not sure now who lies there, by bed."""
        answer = self._call(HospitalServiceStub(self._channel).ListDoubts, pb.ListDoubtsRequest())
        return [doubt_from_message(one) for one in answer.doubts]

    def confirm(self, bed: str, encounter: Identifier) -> Stay:
        """A person saw this visit's patient in the bed: who is believed to lie there does. The caller needs the role `nurse`.

        Raises Refused where nobody, somebody else or two are believed there."""
        request = pb.ConfirmOccupancyRequest(bed=bed, encounter=identifier_to_message(encounter))
        return stay_from_message(self._call(HospitalServiceStub(self._channel).ConfirmOccupancy, request).stay)

    def differences(self) -> list[Differing]:
        """How the newest census from outside differs from what was believed when it was compared, by bed."""
        answer = self._call(HospitalServiceStub(self._channel).ListDifferences, pb.ListDifferencesRequest())
        return [difference_from_message(one) for one in answer.differences]
