"""Client of the record service: what was assessed and charted, and whether the trail holds. Reads of patients are written to the trail
there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

from wince.api.record.v1 import acknowledgement_pb2, record_pb2, report_pb2
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.clients.unary import ServiceClient, order
from wince.codec.grade import alert_from_message, assessment_from_message
from wince.codec.record import acknowledgement_from_message, audit_from_message
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.assessment import Alert, Assessment
from wince.domain.audit import AuditRow, Verified
from wince.errors import IntegrityError, MessageError


class RecordClient(ServiceClient):
    """The caller needs the role `reader` or `nurse`; for the trail, `operator`. Every method raises as ServiceClient._call.

    Lists are of one bed (PV1-3), ward (PV1-3.1) or encounter ("number" or "authority|number"), or of everything where none is named; they
    are asked for page by page. `where`: a filter such as "grade >= 1" (docs/reference/grpc.md); `latest`: the latest first.
    """

    def assessments(
        self, bed: str = "", start_us: int = 0, end_us: int | None = None, *,
        ward: str = "", encounter: str = "", where: str = "", latest: bool = False,
    ) -> Iterator[Assessment]:  # fmt: skip
        """Windows that begin in [start, end), by start."""
        scope = _scope(bed, ward, encounter, start_us, end_us)
        request = pb.ListAssessmentsRequest(scope=scope, filter=where, order_by=order(latest))
        for answer in self._pages(RecordServiceStub(self._channel).ListAssessments, request):
            yield from map(assessment_from_message, answer.assessments)

    def assessment(self, identity: UUID) -> Assessment:
        """One window. Raises NotFound."""
        request = pb.GetAssessmentRequest(id=str(identity))
        return assessment_from_message(self._call(RecordServiceStub(self._channel).GetAssessment, request).assessment)

    def alerts(
        self, bed: str = "", start_us: int = 0, end_us: int | None = None, *,
        ward: str = "", encounter: str = "", where: str = "", latest: bool = False,
    ) -> Iterator[Alert]:  # fmt: skip
        """Alerts that begin in [start, end), by start."""
        scope = _scope(bed, ward, encounter, start_us, end_us)
        request = pb.ListAlertsRequest(scope=scope, filter=where, order_by=order(latest))
        for answer in self._pages(RecordServiceStub(self._channel).ListAlerts, request):
            yield from map(alert_from_message, answer.alerts)

    def alert(self, identity: UUID) -> Alert:
        """One alert. Raises NotFound."""
        request = pb.GetAlertRequest(id=str(identity))
        return alert_from_message(self._call(RecordServiceStub(self._channel).GetAlert, request).alert)

    def acknowledged(self, alert: UUID) -> Acknowledgement | None:
        """Who has seen an alert; None: nobody yet. Raises NotFound."""
        answer = self._call(RecordServiceStub(self._channel).GetAlert, pb.GetAlertRequest(id=str(alert)))
        return acknowledgement_from_message(answer.acknowledgement) if answer.HasField("acknowledgement") else None

    def acknowledge(self, alert: UUID, nurse: str) -> Acknowledgement:
        """Somebody has seen an alert (the caller needs the role `nurse`); what stands then: the first that was said. Raises NotFound."""
        request = acknowledgement_pb2.AcknowledgeAlertRequest(alert_id=str(alert), nurse=nurse)
        return acknowledgement_from_message(self._call(RecordServiceStub(self._channel).AcknowledgeAlert, request).acknowledgement)

    def entries(
        self, bed: str = "", start_us: int = 0, end_us: int | None = None, *,
        ward: str = "", encounter: str = "", where: str = "", latest: bool = False,
    ) -> Iterator[record_pb2.Entry]:  # fmt: skip
        """The last revision of what was charted and begins in [start, end), by the start of its first revision."""
        scope = _scope(bed, ward, encounter, start_us, end_us)
        request = pb.ListEntriesRequest(scope=scope, filter=where, order_by=order(latest))
        for answer in self._pages(RecordServiceStub(self._channel).ListEntries, request):
            yield from answer.entries

    def entry(self, identity: UUID, revision: int = 0) -> record_pb2.Entry:
        """A revision of an entry; 0: the last. Raises NotFound."""
        request = pb.GetEntryRequest(id=str(identity), revision=revision)
        found: record_pb2.Entry = self._call(RecordServiceStub(self._channel).GetEntry, request).entry
        return found

    def report(self, bed: str = "", start_us: int = 0, end_us: int | None = None, *, encounter: str = "", as_pdf: bool = False) -> bytes:
        """The report of a bed or an encounter as a file of HTML or PDF. Raises Unavailable where it would be too long (ask for less time),
        IntegrityError where it came in another form than was said."""
        scope = _scope(bed, "", encounter, start_us, end_us)
        kind = report_pb2.REPORT_FORMAT_PDF if as_pdf else report_pb2.REPORT_FORMAT_HTML
        stream = self._stream(RecordServiceStub(self._channel).GetReport, pb.GetReportRequest(scope=scope, format=kind))
        head = next(stream).head
        data = b"".join(piece.chunk for piece in stream)
        if hashlib.sha256(data).digest() != head.sha256:
            raise IntegrityError("the report did not come whole", field="sha256", remedy="ask again")
        return data

    def trail(self, first: int = 1, *, about: UUID | None = None) -> Iterator[AuditRow]:
        """Links of the audit chain from a position on, without their payloads, up to the last that stood when this began. `about`: only
        those about one thing."""
        request = pb.QueryAuditRequest(from_sequence=first, entry_id="" if about is None else str(about))
        for answer in self._pages(RecordServiceStub(self._channel).QueryAudit, request):
            yield from map(audit_from_message, answer.entries)

    def verify(self) -> Verified:
        """Read the whole trail there. Raises IntegrityError naming the first row that does not hold. The root is not told."""
        answer = self._call(RecordServiceStub(self._channel).VerifyAudit, pb.VerifyAuditRequest())
        if not answer.verified:
            remedy = "keep the database as it is and call the person in charge of security"
            raise IntegrityError("the trail does not hold", field=answer.broken, remedy=remedy)
        counted = (answer.checkpoint, answer.tail, answer.erased, answer.compared, answer.unproven)
        return Verified(answer.entries, answer.head, b"", *counted)


def _scope(bed: str, ward: str, encounter: str, start_us: int, end_us: int | None) -> pb.Scope:
    named = {name: value for name, value in (("bed", bed), ("ward", ward), ("encounter", encounter)) if value}
    if len(named) > 1:
        raise MessageError("only one can be named", field=", ".join(named), remedy="name one of them, or none for everything")
    scope = pb.Scope(start_us=start_us, end_us=end_us)
    if not named:
        scope.all = True
    for name, value in named.items():
        setattr(scope, name, value)
    return scope
