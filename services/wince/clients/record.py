"""Client of the record service: what was assessed, and whether the trail holds. Reads of patients are written to the trail there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.clients.unary import ServiceClient
from wince.codec.grade import alert_from_message, assessment_from_message
from wince.domain.assessment import Alert, Assessment
from wince.domain.audit import Verified
from wince.errors import IntegrityError

PAGE = 200


class RecordClient(ServiceClient):
    """The caller needs the role `reader` or `nurse`; to verify, `operator`. Every method raises as ServiceClient._call."""

    def assessments(self, bed: str, start_us: int = 0, end_us: int | None = None) -> Iterator[Assessment]:
        """Windows of a bed (PV1-3) that begin in [start, end), by start; asked for page by page."""
        stub = RecordServiceStub(self._channel)
        for answer in self._pages(stub.ListAssessments, pb.ListAssessmentsRequest, _scope(bed, start_us, end_us)):
            yield from map(assessment_from_message, answer.assessments)

    def alerts(self, bed: str, start_us: int = 0, end_us: int | None = None) -> Iterator[Alert]:
        """Alerts of a bed that begin in [start, end), by start; asked for page by page."""
        stub = RecordServiceStub(self._channel)
        for answer in self._pages(stub.ListAlerts, pb.ListAlertsRequest, _scope(bed, start_us, end_us)):
            yield from map(alert_from_message, answer.alerts)

    def verify(self) -> Verified:
        """Read the whole trail there. Raises IntegrityError naming the first row that does not hold. The root is not told."""
        answer = self._call(RecordServiceStub(self._channel).VerifyAudit, pb.VerifyAuditRequest())
        if not answer.verified:
            remedy = "keep the database as it is and call the person in charge of security"
            raise IntegrityError("the trail does not hold", field=answer.broken, remedy=remedy)
        counted = (answer.checkpoint, answer.tail, answer.erased, answer.compared, answer.unproven)
        return Verified(answer.entries, answer.head, b"", *counted)

    def _pages(self, method: Any, request: Callable[..., Any], scope: pb.Scope) -> Iterator[Any]:
        token = ""
        while True:
            answer = self._call(method, request(scope=scope, page_size=PAGE, page_token=token))
            yield answer
            token = answer.next_page_token
            if not token:
                return


def _scope(bed: str, start_us: int, end_us: int | None) -> pb.Scope:
    return pb.Scope(bed=bed, start_us=start_us, end_us=end_us)
