"""Client of the record service: what was assessed and charted, and whether the trail holds. Reads of patients are written to the trail
there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

from wince.api.record.v1 import acknowledgement_pb2, report_pb2
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.clients.unary import ServiceClient, order
from wince.codec.asked import bedside_from_message
from wince.codec.delivered import backlog_from_message, delivery_from_message
from wince.codec.grade import alert_from_message, assessment_from_message
from wince.codec.record import acknowledgement_from_message, audit_from_message, entry_from_message
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.assessment import Alert, Assessment
from wince.domain.audit import AuditRow, Verified
from wince.domain.delivered import Delivery, TargetBacklog
from wince.domain.entry import Entry
from wince.domain.stay import Bedside
from wince.errors import IntegrityError, MessageError

VERIFY_S = 600.0
"""Longest time of a verification: a year's trail takes minutes."""


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

    def assessments_with_bed(
        self, bed: str = "", start_us: int = 0, end_us: int | None = None, *,
        ward: str = "", encounter: str = "", where: str = "", latest: bool = False,
    ) -> Iterator[tuple[Assessment, Bedside]]:  # fmt: skip
        """As `assessments`, each with its bed and whose it is."""
        scope = _scope(bed, ward, encounter, start_us, end_us)
        request = pb.ListAssessmentsRequest(scope=scope, filter=where, order_by=order(latest))
        for answer in self._pages(RecordServiceStub(self._channel).ListAssessments, request):
            yield from ((assessment_from_message(one), bedside_from_message(one)) for one in answer.assessments)

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

    def alerts_with_bed(
        self, bed: str = "", start_us: int = 0, end_us: int | None = None, *,
        ward: str = "", encounter: str = "", where: str = "", latest: bool = False,
    ) -> Iterator[tuple[Alert, Bedside]]:  # fmt: skip
        """As `alerts`, each with its bed and whose it is."""
        scope = _scope(bed, ward, encounter, start_us, end_us)
        request = pb.ListAlertsRequest(scope=scope, filter=where, order_by=order(latest))
        for answer in self._pages(RecordServiceStub(self._channel).ListAlerts, request):
            yield from ((alert_from_message(one), bedside_from_message(one)) for one in answer.alerts)

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
    ) -> Iterator[Entry]:  # fmt: skip
        """The last revision of what was charted and begins in [start, end), by the start of its first revision."""
        scope = _scope(bed, ward, encounter, start_us, end_us)
        request = pb.ListEntriesRequest(scope=scope, filter=where, order_by=order(latest))
        for answer in self._pages(RecordServiceStub(self._channel).ListEntries, request):
            yield from map(entry_from_message, answer.entries)

    def entry(self, identity: UUID, revision: int = 0) -> Entry:
        """A revision of an entry; 0: the last. Raises NotFound."""
        request = pb.GetEntryRequest(id=str(identity), revision=revision)
        return entry_from_message(self._call(RecordServiceStub(self._channel).GetEntry, request).entry)

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

    def live(self, bed: str = "") -> Iterator[Assessment | Alert]:
        """Windows and alerts as they are committed, of a bed or all, until the stream ends (Unavailable). `WatchClient.watch` tells more,
        and goes on by itself."""
        request = pb.WatchAssessmentsRequest(bed=bed)
        for answer in self._stream(RecordServiceStub(self._channel).WatchAssessments, request, endless=True):
            match answer.WhichOneof("item"):
                case "assessment":
                    yield assessment_from_message(answer.assessment)
                case "alert":
                    yield alert_from_message(answer.alert)

    def deliveries(self, identity: UUID) -> list[Delivery]:
        """What became of an entry or question, by target, then revision. Raises NotFound."""
        answer = self._call(RecordServiceStub(self._channel).GetDeliveries, pb.GetDeliveriesRequest(entry_id=str(identity)))
        return [delivery_from_message(one) for one in answer.deliveries]

    def dead_letters(self, target: str = "") -> Iterator[Delivery]:
        """What targets refused for good, of one or all, the oldest first; asked for page by page. The caller needs `operator`."""
        for answer in self._pages(RecordServiceStub(self._channel).ListDeadLetters, pb.ListDeadLettersRequest(target=target)):
            yield from map(delivery_from_message, answer.deliveries)

    def replay(self, identity: UUID, revision: int, target: str) -> Delivery:
        """Try a dead letter again; as it stands then. The caller needs `operator`. Raises NotFound; Refused where it is no dead letter."""
        request = pb.ReplayDeadLetterRequest(entry_id=str(identity), revision=revision, target=target)
        return delivery_from_message(self._call(RecordServiceStub(self._channel).ReplayDeadLetter, request).delivery)

    def targets(self) -> list[TargetBacklog]:
        """What waits for each target, and which is held, by name. The caller needs `operator`."""
        answer = self._call(RecordServiceStub(self._channel).ListTargets, pb.ListTargetsRequest())
        return [backlog_from_message(one) for one in answer.targets]

    def release(self, target: str) -> TargetBacklog:
        """Lift the hold of a target. The caller needs `operator`. Raises Refused where it is not held."""
        answer = self._call(RecordServiceStub(self._channel).ReleaseTarget, pb.ReleaseTargetRequest(target=target))
        return backlog_from_message(answer.target)

    def trail(self, first: int = 1, *, about: UUID | None = None) -> Iterator[AuditRow]:
        """Links of the audit chain from a position on, without their payloads, up to the last that stood when this began. `about`: only
        those about one thing."""
        request = pb.QueryAuditRequest(from_sequence=first, entry_id="" if about is None else str(about))
        for answer in self._pages(RecordServiceStub(self._channel).QueryAudit, request):
            yield from map(audit_from_message, answer.entries)

    def verify(self) -> Verified:
        """Read the whole trail there. Raises IntegrityError naming the first row that does not hold. The root is not told."""
        answer = self._call(RecordServiceStub(self._channel).VerifyAudit, pb.VerifyAuditRequest(), deadline_s=VERIFY_S)
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
